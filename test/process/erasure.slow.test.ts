/**
 * People are erased from real services: on a folder, and on an etcd. Afterwards neither a phone number nor a name is in
 * any answer, in the log, in a backup of the live store, or in any byte of the folder.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildEngineMutants, type EngineMutantName } from '../support/engine-mutants.ts';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { ServiceClient } from '../support/service-client.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { snowstorm } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PHONE = '+4915112345678';
const NAME = 'Ann Example-Person';
/** Also as parts of keys. */
const PERSONAL = ['4915112345678', 'Example-Person', 'Ann Example'];
const PROFILE = `/api/profiles/${PHONE}`;
const TRIES_MAX = 60;

const etcd = findEtcd('the erasure of accounts on etcd');
const folder = temporaryFolder();
let program: (name: EngineMutantName) => string;
beforeAll(async () => {
  program = await buildEngineMutants(folder);
});
afterAll(killServices);

const personalIn = (text: string) => PERSONAL.filter((part) => text.includes(part));

/** A service with two people who have done everything that there is to do, and are left with nothing. */
class Town {
  readonly service: ServiceProcess;
  readonly #store: string;
  readonly #client = new ServiceClient();
  #backups = 0;

  private constructor(service: ServiceProcess, store: string) {
    this.service = service;
    this.#store = store;
  }

  static async start(store: string): Promise<Town> {
    const args = ['--store', store, '--audit', '--log-level', 'debug'];
    return new Town(await ServiceProcess.start(args, program('short-grace')), store);
  }

  async ask(method: string, path: string, body?: Readonly<Record<string, unknown>>) {
    return this.#client.send(this.service.url, method, path, body);
  }

  async must(method: string, path: string, body?: Readonly<Record<string, unknown>>) {
    const { status, json, text } = await this.ask(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return json;
  }

  redeem(request_id: string) {
    return this.ask('POST', '/api/vouchers/redeem', { phone_number: PHONE, code: 'gift', request_id });
  }

  transfer(request_id: string, from: string, to: string, amount: string) {
    return this.must('POST', '/api/v1/transfers', { request_id, from, to, amount });
  }

  async live(): Promise<void> {
    await this.must('POST', '/api/v1/accounts', { name: NAME, balance: '3.00' });
    await this.must('POST', '/api/v1/accounts', { name: 'shop', balance: '0.00' });
    await this.must('POST', '/api/vouchers', { code: 'gift', amount: '5.00', limit: 10 });
    await this.must('POST', '/api/profiles', { phone_number: PHONE, balance: '1.00', request_id: 'opening' });
    expect((await this.redeem('redemption')).status).toBe(200);
    await this.must('POST', '/api/transactions', { phone_number: PHONE, amount: '2.00', request_id: 'transaction' });
    await this.transfer('between', NAME, PHONE, '3.00');
    await this.transfer('all', PHONE, 'shop', '11.00');
    await this.must('POST', '/guid/assign', { service: 'payment', key: 'order-1' });
  }

  async erase(): Promise<void> {
    await this.must('DELETE', `${PROFILE}?request_id=erasure`);
    await this.must('POST', '/rpc', { type: 'account_erase', account: NAME, request_id: 'erasure of the other' });
  }

  /** All that others can read. */
  async answers(): Promise<string> {
    const paths = [
      '/api/vouchers/report?code=gift',
      '/api/vouchers?code=gift',
      '/api/v1/accounts/shop',
      '/api/v1/transfers/all',
      '/api/v1/transfers/between',
      '/audit?limit=1000',
      '/guid/assignments?service=payment',
      '/metrics',
      '/state',
      '/',
    ];
    const answers = await Promise.all(paths.map((path) => this.ask('GET', path)));
    expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
    return answers.map(({ text }) => text).join('\n');
  }

  /** The live state of the store. */
  async backup(): Promise<string> {
    const file = join(folder, `backup-${this.service.port}-${++this.#backups}`);
    const ended = await snowstorm(['backup', '--store', this.#store, file]);
    expect(ended).toMatchObject({ status: 0 });
    return readFileSync(file, 'utf8');
  }

  /** Until the store has nothing personal. Resolves to what it has in the end. */
  async backupWithout(): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const text = await this.backup();
      if (personalIn(text).length === 0 || attempt === TRIES_MAX) return text;
      await sleep(200);
    }
  }
}

async function eraseFrom(store: string): Promise<Town> {
  const town = await Town.start(store);
  await town.live();
  const before = await town.backup();
  expect(personalIn(before)).toEqual(PERSONAL.slice(0, 2));
  await town.erase();
  expect(personalIn(await town.answers())).toEqual([]);
  const after = await town.backupWithout();
  expect(personalIn(after)).toEqual([]);
  expect(after).toContain('erased/p-');
  // Late copies of old requests are told what happened, and bring nothing back.
  const again = await town.redeem('redemption');
  expect(again.json).toMatchObject({ redemption: 1, amount: '5.00' });
  expect((await town.redeem('another')).status).toBe(409);
  expect(await town.transfer('all', PHONE, 'shop', '11.00')).toMatchObject({ amount: '11.00' });
  expect(await town.must('DELETE', `${PROFILE}?request_id=erasure`)).toEqual({ request_id: 'erasure' });
  const opening = { phone_number: PHONE, balance: '1.00', request_id: 'opening' };
  expect((await town.ask('POST', '/api/profiles', opening)).status).toBe(409);
  expect(await town.must('GET', '/api/v1/accounts/shop')).toEqual({ name: 'shop', balance: '11.00' });
  expect(personalIn((await town.backup()) + (await town.answers()))).toEqual([]);
  return town;
}

describe('a service on a folder', () => {
  it('has nothing of people that were erased, in any byte', { timeout: 120_000 }, async () => {
    const store = join(folder, 'data');
    const town = await eraseFrom(store);
    const { status, stderr } = await town.service.stop();
    expect(status).toBe(0);
    expect(stderr).toContain('traceparent');
    expect(personalIn(stderr)).toEqual([]);
    const files = readdirSync(store).map((name) => readFileSync(join(store, name), 'latin1'));
    expect(personalIn(files.join('\n'))).toEqual([]);
  });
});

describe.skipIf(etcd === undefined)('a service on etcd', () => {
  it('has nothing of people that were erased', { timeout: 120_000 }, async () => {
    const cluster = await EtcdCluster.start(etcd as string, {});
    try {
      const town = await eraseFrom(`etcd=${cluster.endpoints.join(',')}/shop`);
      expect(personalIn((await town.service.stop()).stderr)).toEqual([]);
    } finally {
      await cluster.end();
    }
  });
});
