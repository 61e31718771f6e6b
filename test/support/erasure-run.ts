/**
 * Clients of instances that erase accounts, in virtual time, with slow, late and lost calls of the store, pauses and
 * kills. They redeem, transfer, open and erase, and repeat old requests at any time. In the end every profile is
 * emptied and erased, everything is repeated once more, and the store is judged.
 */

import { createPersonalHash } from '../../src/host/personal-hash.ts';
import type { StoreEngine, Token } from '../../src/kv/store.ts';
import type { NodeContext } from '../../src/node/context.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SAGA_LIMITS } from '../../src/saga/limits.ts';
import type { ErasedRecord } from '../../src/workloads/erasure/erased.ts';
import type { ErasureRules } from '../../src/workloads/erasure/erasure.ts';
import type { Account } from '../../src/workloads/saga/accounts.ts';
import { AccountErase, AccountOpen, Audit, Transfer } from '../../src/workloads/saga/messages.ts';
import { type SagaParts, sagaNode, transferHandlers } from '../../src/workloads/saga/node.ts';
import type { ServedWorkload, WorkloadPorts } from '../../src/workloads/served-workload.ts';
import { VOUCHER_LIMITS } from '../../src/workloads/voucher/limits.ts';
import { Redeem, VoucherCreate, VoucherReport } from '../../src/workloads/voucher/messages.ts';
import { startVouchers, voucherNode } from '../../src/workloads/voucher/node.ts';
import { pageKey } from '../../src/workloads/voucher/records.ts';
import { type Report, report } from '../../src/workloads/voucher/redemptions.ts';
import { increment, RetentionRig, type RigOptions } from './retention-rig.ts';

/** Longer than twice what the rig makes calls late by, together with a pause and an update. */
export const ERASURE_GRACE_MS = 16_000;
const PAUSE_MS_MAX = 5000;
export const SECRET = Buffer.alloc(32, 7).toString('base64');
const HASH = createPersonalHash(SECRET);
/** Phone numbers: what must not be left anywhere. */
export const PEOPLE = ['+4915112345670', '+4915112345671', '+4915112345672'] as const;
export const SHOP = 'shop';
const FUNDS = 10_000;
const CODES = ['spring', 'summer', 'autumn', 'winter', 'week', 'month', 'year', 'day'] as const;
const CREDIT = 5;
const OPENED = 10;
const LIMIT = 1000;
/** From the last request to the verdict, ms. */
const REST_MS = 15_000;
/** What instances may answer besides: nothing happened, there is none, it is refused, or the outcome is unknown. */
const CODES_ALLOWED: readonly (number | string)[] = [11, 13, 20, 21, 22];

export interface ErasureMutant {
  readonly rules?: Partial<ErasureRules>;
  readonly driver?: SagaParts['driver'];
  readonly report?: Report;
  /** What it sees of the engine. */
  readonly see?: (engine: StoreEngine) => StoreEngine;
}

/** Instances in whose erasures something is left out. */
function erasingWorkloads({ rules = {}, driver = {}, report }: ErasureMutant): readonly ServedWorkload[] {
  const start = async (
    context: NodeContext,
    { kv, members, limits, retention, erasure: ports }: WorkloadPorts,
  ): ReturnType<ServedWorkload['start']> => {
    const { page: pageLength } = { ...VOUCHER_LIMITS, ...limits };
    const erasure = ports && { ports, pageLength, rules };
    const parts = { limits: { ...SAGA_LIMITS, ...limits }, retention, erasure, driver };
    return transferHandlers(context, kv, parts, members);
  };
  const startVoucherNode: ServedWorkload['start'] = (context, ports) =>
    startVouchers(context, ports, { ...(report && { report }) });
  return [
    { ...sagaNode, start },
    { ...voucherNode, start: startVoucherNode },
  ];
}

/** Of an instance that brings names back to a report, from which erasures have taken them. */
export const reportAnew: Report = async (store, code, shard, redemptions) => {
  const written = await report(store, code, shard, redemptions);
  for (const [user, requestId, place] of written)
    await store.pages.update(pageKey(code, shard, Math.floor(place / store.pageLength)), (content) => {
      const entries = content?.entries ?? [];
      const index = entries.findIndex(([own]) => own === place);
      return index < 0 ? undefined : { entries: entries.with(index, [place, user, requestId]) };
    });
  return written;
};

export function erasureRig(options: RigOptions, mutant: ErasureMutant = {}): RetentionRig {
  const { see } = mutant;
  return new RetentionRig({
    ...(see && { mutantOf: () => ({ see }) }),
    ...options,
    retains: false,
    workloads: erasingWorkloads(mutant),
    portsOn: (engine) => ({
      wallets: 'accounts',
      erasure: { engine, hash: HASH, graceMs: ERASURE_GRACE_MS },
    }),
  });
}

/** The engine of an instance that never finds out that anything was erased. */
export function hidingErasures(engine: StoreEngine): StoreEngine {
  const key = 'erasures';
  return {
    ...engine,
    read: async (asked) => (asked === key ? { kind: 'absent' } : engine.read(asked)),
    replace: async (asked, from, text) =>
      asked === key ? { kind: 'ok', token: '1' as Token } : engine.replace(asked, from, text),
  };
}

interface Acknowledged {
  readonly what: string;
  readonly told: string;
  readonly ask: () => Promise<string | undefined>;
}

export interface ErasureRunOptions {
  readonly seed: number;
  readonly mutant?: ErasureMutant;
  readonly lengthMs?: number;
}

export async function runErasure(options: ErasureRunOptions) {
  const run = new Run(options);
  await run.rig.time.run(run.whole());
  return { violations: run.violations, answers: run.answers };
}

class Run {
  readonly rig: RetentionRig;
  readonly violations: string[] = [];
  readonly answers = new Map<string, number>();
  readonly #lengthMs: number;
  readonly #done: Acknowledged[] = [];

  constructor({ seed, mutant, lengthMs = 60_000 }: ErasureRunOptions) {
    this.rig = erasureRig({ seed }, mutant);
    this.#lengthMs = lengthMs;
  }

  async whole(): Promise<void> {
    const { rig } = this;
    rig.troubled = false;
    for (const name of rig.names) rig.start(name);
    await rig.ask('n0', AccountOpen, { account: SHOP, balance: FUNDS });
    for (const code of CODES) await rig.ask('n0', VoucherCreate, { code, limit: LIMIT, amount: CREDIT });
    rig.troubled = true;
    const endMs = rig.time.now() + this.#lengthMs;
    void this.#disturb(endMs);
    while (rig.time.now() < endMs) {
      void this.#request(endMs);
      await this.#sleep(rig.random.integer(400));
    }
    await this.#sleep(REST_MS);
    rig.troubled = false;
    for (const name of rig.names) if (!rig.isAlive(name)) rig.start(name);
    await this.#sleep(2 * ERASURE_GRACE_MS);
    for (const person of PEOPLE) await this.#empty(person);
    this.#requireNothing('after the last erasures');
    for (const { what, told, ask } of rig.random.shuffle(this.#done)) {
      const again = await ask();
      if (again !== undefined && again !== told) this.violations.push(`${what} was answered ${told}, then ${again}`);
    }
    await this.#sleep(2 * ERASURE_GRACE_MS);
    this.#requireNothing('after the last repetitions');
    await this.#judge();
  }

  async #disturb(endMs: number): Promise<void> {
    const { rig } = this;
    const { random } = rig;
    for (;;) {
      await this.#sleep(random.integer(8000));
      if (rig.time.now() >= endMs) return;
      const name = random.pick(rig.names);
      if (!rig.isAlive(name)) rig.start(name);
      else if (random.integer(2) === 0) rig.kill(name);
      else rig.pause(name, random.integer(PAUSE_MS_MAX));
    }
  }

  /** A new request, and perhaps the same again later. */
  async #request(endMs: number): Promise<void> {
    const { rig } = this;
    const { random } = rig;
    const person = random.pick(PEOPLE);
    const id = rig.uuid();
    const kind = random.pick(['redeem', 'redeem', 'open', 'pay', 'spend', 'spend', 'erase', 'erase'] as const);
    const ask = kind === 'spend' ? await this.#spending(person, id) : this.#asking(kind, person, id);
    void ask?.();
    for (let count = random.integer(3); ask !== undefined && count > 0; count--) {
      const afterMs = random.pick([1000, ERASURE_GRACE_MS, 2 * ERASURE_GRACE_MS]) + random.integer(4000);
      void this.#sleep(Math.min(afterMs, endMs - rig.time.now())).then(ask);
    }
  }

  #asking(kind: 'redeem' | 'open' | 'pay' | 'erase', person: string, id: string): () => Promise<string | undefined> {
    const { rig } = this;
    const code = rig.random.pick(CODES);
    switch (kind) {
      case 'redeem':
        return this.#keeping(`redeem ${code} ${person} ${id}`, async (name) => {
          const reply = await rig.ask(name, Redeem, { code, user: person, request_id: id });
          return `${reply.outcome} ${reply.redemption ?? ''}`;
        });
      case 'open':
        return this.#keeping(`open ${person} ${id}`, async (name) => {
          await rig.ask(name, AccountOpen, { account: person, balance: OPENED, request_id: id });
          return 'opened';
        });
      case 'pay':
        return this.#transferring(id, SHOP, person, 1 + rig.random.integer(5));
      case 'erase':
        return this.#keeping(`erase ${person} ${id}`, async (name) => {
          await rig.ask(name, AccountErase, { account: person, request_id: id });
          return 'erased';
        });
    }
  }

  /** Spends all that a person has. */
  async #spending(person: string, id: string): Promise<(() => Promise<string | undefined>) | undefined> {
    const balance = await this.#balanceOf(person);
    return balance === undefined || balance === 0 ? undefined : this.#transferring(id, person, SHOP, balance);
  }

  #transferring(id: string, from: string, to: string, amount: number) {
    return this.#keeping(`transfer ${id}`, async (name) => {
      const reply = await this.rig.ask(name, Transfer, { request_id: id, from, to, amount });
      return `${reply.outcome} ${reply.reason ?? ''}`;
    });
  }

  #keeping(what: string, ask: (name: string) => Promise<string>): () => Promise<string | undefined> {
    let first: string | undefined;
    return async () => {
      const told = await this.#ask(what.split(' ')[0] as string, ask);
      if (told === undefined) return undefined;
      if (first !== undefined && first !== told) this.violations.push(`${what} was answered ${first} and ${told}`);
      if (first === undefined) this.#done.push({ what, told, ask: () => this.#ask('again', ask) });
      first = told;
      return told;
    };
  }

  /** Undefined: it was refused, or it is not known what happened. */
  async #ask<Reply>(what: string, ask: (name: string) => Promise<Reply>): Promise<Reply | undefined> {
    const { rig } = this;
    const alive = rig.names.filter((name) => rig.isAlive(name));
    if (alive.length === 0) return undefined;
    try {
      const reply = await ask(rig.random.pick(alive));
      increment(this.answers, `${what} ${typeof reply === 'string' ? reply.split(' ')[0] : 'ok'}`);
      return reply;
    } catch (error) {
      const code = error instanceof RpcError ? error.code : 'crash';
      increment(this.answers, `${what} ${code}`);
      if (!CODES_ALLOWED.includes(code)) this.violations.push(`${what}: ${(error as Error).stack}`);
      return undefined;
    }
  }

  async #balanceOf(person: string): Promise<number | undefined> {
    const audit = await this.#ask('audit', (name) => this.rig.ask(name, Audit, { accounts: [person] }));
    return audit?.balances[0];
  }

  /** Empties and erases, until it is done. */
  async #empty(person: string): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt++) {
      const balance = await this.#balanceOf(person);
      if (balance === undefined) break;
      if (balance > 0) await this.#transferring(this.rig.uuid(), person, SHOP, balance)();
      else await this.#asking('erase', person, this.rig.uuid())();
      await this.#sleep(500);
    }
    await this.#sleep(2 * ERASURE_GRACE_MS);
  }

  #requireNothing(when: string): void {
    for (const [key, document] of this.rig.stored('')) {
      const text = `${decodeURIComponent(key)} ${JSON.stringify(document)}`;
      for (const person of PEOPLE) if (text.includes(person)) this.violations.push(`${when}: ${text}`);
    }
  }

  async #judge(): Promise<void> {
    const { rig, violations } = this;
    violations.push(...rig.mistakes);
    for (const [id, count] of rig.committed) if (count > 1) violations.push(`${id} was carried out ${count} times`);
    let [balances, brought] = [0, 0];
    for (const document of rig.stored('a/').values()) {
      const { balance, opened, entries = [] } = (document as { content: Account }).content;
      balances += balance;
      brought += entries.reduce((sum, [, , , credited]) => sum + credited, opened);
    }
    for (const [key, shard] of rig.stored('vs/'))
      if ((shard.pending as unknown[]).length > 0) violations.push(`${key} is unfinished: ${JSON.stringify(shard)}`);
    const erased = [...rig.stored('erased/').values()] as unknown as ErasedRecord[];
    for (const record of erased) for (const amount of record.brought) brought += amount;
    if (balances !== brought) violations.push(`${brought} were brought in, and ${balances} are there`);
    let redeemed = 0;
    for (const code of CODES) {
      const report = await rig.ask('n0', VoucherReport, { code, limit: 1000, offset: 0 });
      const users = report.redemptions.map(({ user }) => user);
      redeemed += users.length;
      if (new Set(users).size < users.length) violations.push(`${code} was redeemed twice by one of ${users}`);
    }
    const marked = erased.reduce((sum, { redeemed: own }) => sum + own.length, 0);
    if (marked !== redeemed) violations.push(`${redeemed} were redeemed, and ${marked} are marked`);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.rig.time.schedule(ms, resolve);
    });
  }
}
