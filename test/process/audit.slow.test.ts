/** The audit of real services that are killed, and tampering with what they leave, found by the real command. */

import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/host/data-folder.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { TAMPERINGS, TamperedStore } from '../support/audit-tamperings.ts';
import { AuditedLoad } from '../support/audited-load.ts';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { Running, SNOWSTORM } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = Number(process.env.KILLS ?? 6);
const LIFE_MS_MAX = 800;
const CLIENTS = 32;

afterAll(killServices);
const folder = temporaryFolder();
const key = join(folder, 'audit-key');
writeFileSync(key, 'the secret of the audit, in a file of the operator\n');
const AUDIT = ['--audit', '--audit-key', key];

const verify = (...args: readonly string[]) =>
  new Running(SNOWSTORM, ['audit', 'verify', '--audit-key', key, ...args]).ended;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A folder of a service with a life that ended in order, then several that were killed, then two that ended. */
async function serveAndKill(store: string): Promise<AuditedLoad> {
  const service = await ServiceProcess.start(['--store', store, ...AUDIT]);
  const load = new AuditedLoad(() => [service.url]);
  await load.prepare();
  for (let count = 0; count < 100; count++) expect(await load.transfer()).toBe(true);
  await service.stop();
  load.noteEnd(true);
  await service.start();
  const random = new SeededRandom(1);
  const kills = async () => {
    for (let count = 0; count < KILLS; count++) {
      await sleep(LIFE_MS_MAX / 4 + random.integer(LIFE_MS_MAX));
      await service.kill();
      load.noteEnd(false);
      await service.start();
    }
    await sleep(1000);
    // It ends in order while it is asked.
    await service.stop();
    load.noteEnd(true);
    await service.start();
  };
  await load.run(CLIENTS, kills());
  expect(await load.findMissing(service.url)).toEqual([]);
  expect(load.acknowledged.size).toBeGreaterThan(100 + KILLS);
  await service.stop();
  return load;
}

describe('the audit of a service that is killed again and again', () => {
  const store = join(folder, 'data');
  const anchors = join(folder, 'anchors');

  it('has every acknowledged change once, and is verified', { timeout: 300_000 }, async () => {
    const load = await serveAndKill(store);
    load.close();
    const verified = await verify('--store', store);
    expect(verified.stdout).toMatch(
      /^(?:[0-9a-f-]{36} \d+ [\w-]{43}\n){3,}The audit is what was written: \d+ chains, \d+ entries\.\n$/,
    );
    expect(verified.status).toBe(0);
    writeFileSync(anchors, verified.stdout);
    expect((await verify('--store', store, '--anchors', anchors)).status).toBe(0);
    const unkeyed = await new Running(SNOWSTORM, ['audit', 'verify', '--store', store]).ended;
    expect(unkeyed).toMatchObject({ status: 2, stderr: expect.stringContaining('this is not the key') });
  });

  it('does not hide what was tampered with', { timeout: 300_000 }, async () => {
    // Those need a state that only a test with the keys in memory has kept.
    const cases = TAMPERINGS.filter(({ name, needsAnchors }) => !needsAnchors || name === 'the whole audit removed');
    expect(cases.length).toBeGreaterThanOrEqual(35);
    const engineOf = (path: string) => openDataFolder(path, { onFailure: () => {}, warn: () => {}, patienceMs: 1000 });
    for (let index = 0; index < cases.length; index += 4)
      await Promise.all(
        cases.slice(index, index + 4).map(async ({ name, found, needsAnchors, tamper }, position) => {
          const copy = join(folder, `copy-${index + position}`);
          cpSync(store, copy, { recursive: true });
          const engine = await engineOf(copy);
          await tamper(await TamperedStore.open(engine));
          await engine.close();
          const { status, stdout } = await verify('--store', copy, ...(needsAnchors ? ['--anchors', anchors] : []));
          expect(stdout, name).toMatch(new RegExp(`^(?:${found.join('|')}): `, 'm'));
          expect(status, name).toBe(1);
        }),
      );
  });

  it('goes on only with --audit and its key', { timeout: 60_000 }, async () => {
    const serve = (...args: readonly string[]) =>
      new Running(SNOWSTORM, ['serve', '--listen', '127.0.0.1:0', '--store', store, ...args]).ended;
    expect(await serve()).toMatchObject({ status: 254, stderr: expect.stringContaining('it was served with --audit') });
    expect(await serve('--audit')).toMatchObject({
      status: 254,
      stderr: expect.stringContaining('this is not the key'),
    });
    expect(await serve('--audit-key', key)).toMatchObject({
      status: 254,
      stderr: expect.stringContaining('--audit-key needs --audit'),
    });
  });

  it('cannot be verified where there is none', { timeout: 60_000 }, async () => {
    const empty = join(folder, 'empty');
    const service = await ServiceProcess.start(['--store', empty]);
    await service.stop();
    expect(await verify('--store', empty)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('there is no audit'),
    });
    expect(await verify('--store', 'memory')).toMatchObject({ status: 254 });
    expect(await verify('--store', join(folder, 'none'))).toMatchObject({
      status: 254,
      stderr: expect.stringContaining('there is no such folder'),
    });
  });
});

const etcd = findEtcd('the audit of three services on etcd');

describe.skipIf(etcd === undefined)('the audit of three services on etcd', () => {
  it('has a chain of each life, and every acknowledged change once', { timeout: 300_000 }, async () => {
    const cluster = await EtcdCluster.start(etcd as string, { memberCount: 1, electionMs: 500, heartbeatMs: 50 });
    try {
      const store = `etcd=${cluster.endpoints.join(',')}/audit`;
      const services = await Promise.all([1, 2, 3].map(() => ServiceProcess.start(['--store', store, ...AUDIT])));
      const load = new AuditedLoad(() => services.map(({ url }) => url));
      await load.prepare();
      const kills = async () => {
        for (const service of services) {
          await sleep(1000);
          await service.kill();
          await service.start();
        }
        await sleep(1000);
      };
      await load.run(CLIENTS, kills());
      // It may be verified while they serve.
      const running = await verify('--store', store);
      expect(running).toMatchObject({ status: 0 });
      const anchors = join(folder, 'etcd-anchors');
      writeFileSync(anchors, running.stdout);
      for (const { url } of services) expect(await load.findMissing(url)).toEqual([]);
      load.close();
      await Promise.all(services.map((service) => service.stop()));
      const verified = await verify('--store', store, '--anchors', anchors);
      expect(verified).toMatchObject({ status: 0 });
      expect(verified.stdout.match(/^[0-9a-f-]{36} /gm)?.length).toBeGreaterThanOrEqual(6);
    } finally {
      await cluster.end();
    }
  });
});
