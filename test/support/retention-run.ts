/**
 * A run of clients against instances with retention. They ask for transfers, redemptions and assignments, and ask again
 * just before, around and long after the end of a request. In the end all of it is judged by what the engine saw.
 */

import { RpcError } from '../../src/protocol/errors.ts';
import { Generate, GuidAssign } from '../../src/workloads/ids/messages.ts';
import { AccountOpen, Transfer, TransferStatus } from '../../src/workloads/saga/messages.ts';
import { Redeem, VoucherCreate } from '../../src/workloads/voucher/messages.ts';
import { GRACE_MS, increment, RETAIN_MS, RetentionRig, type RigOptions } from './retention-rig.ts';

const ACCOUNTS = ['ada', 'bob', 'eve'] as const;
const OPENED = 1000;
const CODES = ['spring', 'summer', 'autumn'] as const;
const LIMIT = 1000;
/** Once in a run a clock is years ahead, and for how long, ms. */
const FAR_MS = 1e11;
const FAR_AHEAD_MS = RETAIN_MS / 2;
const PAUSE_MS_MAX = 3 * GRACE_MS;
/** From the last request to the verdict, ms: what is unfinished ends by then. */
const REST_MS = 15_000;
/** How old requests are when they are repeated, ms; up to a grace is added. */
const REPEATED_AFTER_MS = [1000, RETAIN_MS - 2000, RETAIN_MS, RETAIN_MS + GRACE_MS, RETAIN_MS + 2 * GRACE_MS];
/** What instances may answer: nothing happened now, the id is refused, or the outcome is unknown. */
const CODES_ALLOWED = [11, 13, 22];

export interface RunOptions extends RigOptions {
  readonly lengthMs?: number;
  /** Requests a second, repetitions not counted. */
  readonly rate?: number;
  /** Whether instances are paused and killed, and clocks jump. */
  readonly faults?: boolean;
  /** Called every time a grace has passed. */
  readonly onGrace?: (rig: RetentionRig) => void;
}

interface Asked {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

export interface RunResult {
  readonly rig: RetentionRig;
  /** What broke a promise, in words. */
  readonly violations: readonly string[];
  /** Answers by what they were: `transfer ok`, `redeem 22`. */
  readonly answers: ReadonlyMap<string, number>;
}

export async function runRetention(options: RunOptions): Promise<RunResult> {
  const run = new Run(options);
  await run.rig.time.run(run.whole());
  return { rig: run.rig, violations: run.violations, answers: run.answers };
}

class Run {
  readonly rig: RetentionRig;
  readonly violations: string[] = [];
  readonly answers = new Map<string, number>();
  readonly #options: RunOptions;
  readonly #transfers = new Map<string, Asked>();
  /** The outcomes that were told of each request. */
  readonly #told = new Map<string, Set<string>>();
  #wasFarAhead = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.rig = new RetentionRig(options);
  }

  async whole(): Promise<void> {
    const { lengthMs = 45_000, rate = 2, faults = true } = this.#options;
    const { rig } = this;
    rig.troubled = false;
    for (const name of rig.names) rig.start(name);
    for (const account of ACCOUNTS) await rig.ask('n0', AccountOpen, { account, balance: OPENED });
    for (const code of CODES) await rig.ask('n1', VoucherCreate, { code, limit: LIMIT, amount: 1 });
    rig.troubled = true;
    const endMs = rig.time.now() + lengthMs;
    if (faults) void this.#disturb(endMs);
    void this.#watch(endMs);
    while (rig.time.now() < endMs) {
      void this.#request(endMs);
      await this.#sleep(rig.random.integer(Math.ceil(2000 / rate)));
    }
    rig.troubled = false;
    for (const name of rig.names) {
      rig.setClock(name, 0);
      if (!rig.isAlive(name)) rig.start(name);
    }
    await this.#sleep(REST_MS);
    await this.#judge();
  }

  async #watch(endMs: number): Promise<void> {
    while (this.rig.time.now() < endMs) {
      this.#options.onGrace?.(this.rig);
      await this.#sleep(GRACE_MS);
    }
  }

  async #disturb(endMs: number): Promise<void> {
    const { rig } = this;
    const { random } = rig;
    const meanMs = random.pick([3000, 10_000, 30_000]);
    for (const name of rig.names) rig.setClock(name, random.integer(4000) - 2000);
    for (;;) {
      await this.#sleep(random.integer(2 * meanMs));
      if (rig.time.now() >= endMs) return;
      this.#hurt(random.pick(rig.names));
    }
  }

  #hurt(name: string): void {
    const { rig } = this;
    const { random } = rig;
    if (!rig.isAlive(name)) {
      rig.start(name);
      return;
    }
    switch (random.integer(9)) {
      case 0:
      case 1:
        rig.kill(name);
        break;
      case 2:
      case 3:
        rig.pause(name, random.integer(random.pick([1000, PAUSE_MS_MAX])));
        break;
      case 4:
      case 5:
      case 6:
        rig.deafen(name, random.integer(2 * GRACE_MS));
        break;
      case 7:
        rig.setClock(name, random.integer(random.pick([4000, RETAIN_MS])) - 2000);
        break;
      default:
        if (this.#wasFarAhead) break;
        this.#wasFarAhead = true;
        rig.setClock(name, FAR_MS);
        void this.#sleep(FAR_AHEAD_MS).then(() => rig.setClock(name, 0));
    }
  }

  /** A new request, and perhaps the same again later. */
  async #request(endMs: number): Promise<void> {
    const { random } = this.rig;
    const kind = random.pick(['transfer', 'transfer', 'transfer', 'redeem', 'redeem', 'assign'] as const);
    const ask = await (kind === 'transfer'
      ? this.#newTransfer()
      : kind === 'redeem'
        ? this.#newRedemption()
        : this.#newAssignment());
    const beganMs = this.rig.time.now();
    void ask();
    for (let count = random.integer(4); count > 0; count--) {
      const afterMs = random.pick(REPEATED_AFTER_MS);
      const atMs = Math.min(beganMs + afterMs + random.integer(GRACE_MS), endMs + REST_MS / 2);
      void this.#sleep(atMs - beganMs).then(ask);
    }
  }

  async #newId(): Promise<string> {
    const { rig } = this;
    const { random } = rig;
    const name = random.pick(rig.names);
    if (random.integer(6) === 0) return rig.uuid(RETAIN_MS - random.integer(GRACE_MS));
    if (random.integer(2) === 0 || !rig.isAlive(name)) return rig.uuid();
    const kind = random.pick(['snowflake', 'uuid'] as const);
    const reply = await rig.ask(name, Generate, { kind }).catch(() => undefined);
    return (reply?.id as string | undefined) ?? rig.uuid();
  }

  async #newTransfer(): Promise<() => Promise<void>> {
    const { random } = this.rig;
    const id = await this.#newId();
    const [from, to] = random.shuffle([...ACCOUNTS]) as [string, string, string];
    // Some amounts are more than an account can have.
    const asked = {
      from,
      to,
      amount: random.pick([1 + random.integer(50), 1 + random.integer(50), ACCOUNTS.length * OPENED + 1]),
    };
    this.#transfers.set(id, asked);
    return async () => {
      const replied = await this.#ask('transfer', (name) => this.rig.ask(name, Transfer, { request_id: id, ...asked }));
      if (replied !== undefined) this.#tell(`transfer ${id}`, replied.outcome);
      if (random.integer(3) > 0) return;
      const status = await this.#ask('status', (name) => this.rig.ask(name, TransferStatus, { request_id: id }), [20]);
      if (status?.state === 'committed' || status?.state === 'aborted') this.#tell(`transfer ${id}`, status.state);
    };
  }

  async #newRedemption(): Promise<() => Promise<void>> {
    const { random } = this.rig;
    const request_id = await this.#newId();
    const [code, user] = [random.pick(CODES), `u${random.integer(8)}`];
    return async () => {
      const replied = await this.#ask('redeem', (name) => this.rig.ask(name, Redeem, { code, user, request_id }));
      if (replied !== undefined) this.#tell(`redeem ${request_id}`, `${replied.outcome} ${replied.redemption ?? ''}`);
    };
  }

  async #newAssignment(): Promise<() => Promise<void>> {
    const { rig } = this;
    const key = `k${rig.random.integer(4)}`;
    return async () => {
      const beganMs = rig.time.now();
      const replied = await this.#ask('assign', (name) => rig.ask(name, GuidAssign, { service: 's', key }));
      if (replied === undefined) return;
      const stays = rig.assigned.get(`guid/s/${key}`) ?? [];
      const isTrue = stays.some(
        ({ id, fromMs, toMs }) => id === replied.id && fromMs <= rig.time.now() && toMs >= beganMs,
      );
      if (!isTrue) this.violations.push(`${key} was answered with ${replied.id}, which was not assigned to it then`);
    };
  }

  /** Asks any instance that is alive. Undefined: it was refused, or it is not known what happened. */
  async #ask<Reply>(
    what: string,
    ask: (name: string) => Promise<Reply>,
    also: readonly number[] = [],
  ): Promise<Reply | undefined> {
    const { rig } = this;
    const alive = rig.names.filter((name) => rig.isAlive(name));
    if (alive.length === 0) return undefined;
    try {
      const name = rig.random.pick(alive);
      const asked = ask(name);
      if (this.#options.faults !== false && rig.troubled && rig.random.integer(30) === 0)
        void this.#sleep(rig.random.integer(20)).then(() => rig.pause(name, rig.random.integer(PAUSE_MS_MAX)));
      const reply = await asked;
      increment(this.answers, `${what} ok`);
      return reply;
    } catch (error) {
      const code = error instanceof RpcError ? error.code : 'crash';
      increment(this.answers, `${what} ${code}`);
      if (![...CODES_ALLOWED, ...also].includes(code as number))
        this.violations.push(`${what}: ${(error as Error).stack}`);
      return undefined;
    }
  }

  #tell(request: string, outcome: string): void {
    const told = this.#told.get(request) ?? new Set();
    this.#told.set(request, told.add(outcome));
  }

  async #judge(): Promise<void> {
    const { rig, violations } = this;
    violations.push(...rig.mistakes);
    for (const [id, count] of rig.begun) if (count > 1) violations.push(`${id} was begun ${count} times`);
    for (const [id, count] of rig.committed) if (count > 1) violations.push(`${id} was carried out ${count} times`);
    for (const [request, outcomes] of this.#told) {
      if (outcomes.size > 1) violations.push(`${request} was answered ${[...outcomes].join(' and ')}`);
      const [, id] = request.split(' ') as [string, string];
      if (outcomes.has('committed') && !rig.committed.has(id)) violations.push(`${id} was acknowledged and not done`);
    }
    const balances = new Map<string, number>(ACCOUNTS.map((account) => [account, OPENED]));
    for (const [id, count] of rig.committed) {
      const { from, to, amount } = this.#transfers.get(id) as Asked;
      balances.set(from, (balances.get(from) as number) - count * amount);
      balances.set(to, (balances.get(to) as number) + count * amount);
    }
    for (const [key, { content }] of rig.stored('a/')) {
      const { balance } = content as { balance: number };
      if (balance !== balances.get(key.slice(2)))
        violations.push(`${key} has ${balance}, not ${balances.get(key.slice(2))}`);
    }
    for (const [key, { state }] of rig.stored('s/'))
      if (state !== 'committed' && state !== 'aborted') violations.push(`${key} is still ${state}`);
    for (const [key, { balance, entries }] of rig.stored('w/')) {
      const codes = (entries as [string][]).map(([code]) => code);
      if (new Set(codes).size !== codes.length || balance !== codes.length)
        violations.push(`${key} was credited twice`);
    }
    await this.#judgeService();
  }

  /** In the end every instance whose clock is right serves again. */
  async #judgeService(): Promise<void> {
    const { rig, violations } = this;
    // The horizon may have followed a clock that was ahead.
    await this.#sleep(RETAIN_MS);
    for (const name of rig.names) {
      const request = { request_id: rig.uuid(), from: 'ada', to: 'bob', amount: 4000 };
      const answered = rig.ask(name, Transfer, request).catch((error: Error) => error);
      const answer = await Promise.race([answered, this.#sleep(REST_MS).then(() => new Error('no answer'))]);
      if (answer instanceof Error) violations.push(`${name} does not serve in the end: ${answer.message}`);
    }
  }

  #sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.rig.time.schedule(durationMs, resolve));
  }
}
