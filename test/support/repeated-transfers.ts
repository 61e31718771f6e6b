/**
 * Transfers by clients that repeat their requests: soon, and when what they asked for has long ended. Every answer is
 * held against what the store says ({@link TransferWitness}), since with retention no client can know it later.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ClientResult, type Completion, completeWith } from '../../src/harness/client.ts';
import type { FinalStep, Invocation, WorkloadTest } from '../../src/harness/workload-test.ts';
import { encodeUuid } from '../../src/ids/uuid.ts';
import type { SeededRandom } from '../../src/protocol/random.ts';
import { timeOfId } from '../../src/workloads/id-time.ts';
import { AccountOpen, Audit, Transfer, TransferStatus } from '../../src/workloads/saga/messages.ts';
import type { TransferWitness } from './transfer-witness.ts';

const ACCOUNTS = Array.from({ length: 12 }, (_, index) => `a${index}`);
const OPENED = 1000;
const AMOUNT_MAX = 300;
/** Of the latest requests one is repeated soon. */
const RECENT = 20;
/** Requests that every node is asked for again in the end. */
const LAST_REPEATS = 20;
const SEQUENCES = 4096;
const PAUSE_MS = 100;

interface Request {
  readonly request_id: string;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

export interface RepeatedTransfersOptions {
  readonly witness: TransferWitness;
  /** Undefined: everything is kept for ever. */
  readonly retainMs: number | undefined;
  /** Whether what should have been removed during faults is, so that the end may begin. */
  readonly isCaughtUp: () => boolean;
  /** How long to wait for that, ms. */
  readonly catchUpMsMax: number;
}

export class RepeatedTransfers {
  /** What broke a promise, in words. */
  readonly wrong: string[] = [];
  /** Repeats of requests whose record was gone, that were refused. */
  refusedCount = 0;
  readonly #options: RepeatedTransfersOptions;
  readonly #asked = new Map<string, Request>();
  readonly #recent: Request[] = [];
  readonly #told = new Map<string, string>();
  readonly #opened = new Set<string>();
  #balances: readonly number[] = [];

  constructor(options: RepeatedTransfersOptions) {
    this.#options = options;
  }

  get askedCount(): number {
    return this.#asked.size;
  }

  test(): WorkloadTest {
    return {
      reusableClients: true,
      survivesDiskLoss: true,
      createGenerator: (random) => () => draw(random),
      createInvoke: () => (client, invocation) => this.#invoke(client, invocation),
      createFinalInvocations: (random) => lastQuestions(random),
      checker: () => ({ check: () => ({ 'valid?': true }) }),
    };
  }

  /** Call it when the witness has seen everything. Returns all that is wrong. */
  judge(): readonly string[] {
    const { witness } = this.#options;
    const found = [...this.wrong, ...witness.mistakes];
    for (const [id, outcome] of this.#told)
      if (witness.outcomes.get(id) !== outcome)
        found.push(`${id} was answered ${outcome}, and is ${witness.outcomes.get(id)}`);
    const balances = new Map(ACCOUNTS.map((account) => [account, OPENED]));
    for (const [id, outcome] of witness.outcomes) {
      const request = this.#asked.get(id);
      if (request === undefined) found.push(`nothing asked for ${id}, which is ${outcome}`);
      if (request === undefined || outcome === 'aborted') continue;
      balances.set(request.from, (balances.get(request.from) as number) - request.amount);
      balances.set(request.to, (balances.get(request.to) as number) + request.amount);
    }
    for (const [index, account] of ACCOUNTS.entries())
      if (this.#balances[index] !== balances.get(account))
        found.push(`${account} has ${this.#balances[index]}, and should have ${balances.get(account)}`);
    return found;
  }

  async #invoke(client: Client, { f, value }: Invocation): Promise<Completion> {
    for (const account of ACCOUNTS) {
      if (this.#opened.has(account)) continue;
      const opened = await client.rpc(AccountOpen, { account, balance: OPENED });
      if (opened.kind !== 'ok') return { ...completeWith(opened, value, () => value), type: 'fail' };
      this.#opened.add(account);
    }
    switch (f) {
      case 'transfer':
        return this.#transfer(client, this.#begin(value as Drawn));
      case 'repeat':
        return this.#transfer(client, pick(this.#recent, value as Drawn) ?? this.#begin(value as Drawn));
      case 'repeat-late':
        return this.#repeatLate(client, value as Drawn);
      case 'settled':
        return this.#settled(client, value);
      case 'catch-up':
        return this.#catchUp(client, value as Drawn);
      default:
        return this.#repeatRemoved(client);
    }
  }

  #begin({ from, to, amount, entropy }: Drawn): Request {
    const sequence = this.#asked.size % SEQUENCES;
    const request_id = encodeUuid({ timestampMs: Date.now(), node: 1, sequence, entropy });
    const request = { request_id, from, to, amount };
    this.#asked.set(request_id, request);
    this.#recent.push(request);
    if (this.#recent.length > RECENT) this.#recent.shift();
    return request;
  }

  /** Of any age. */
  #repeatLate(client: Client, drawn: Drawn): Promise<Completion> {
    const { removed } = this.#options.witness;
    const old = drawn.amount % 2 === 0 ? pick([...removed], drawn) : undefined;
    return this.#transfer(
      client,
      this.#asked.get(old ?? '') ?? pick([...this.#asked.values()], drawn) ?? this.#begin(drawn),
    );
  }

  async #transfer(client: Client, request: Request): Promise<Completion> {
    const wasRemoved = this.#options.witness.removed.has(request.request_id);
    const result = await client.rpc(Transfer, request);
    return this.#complete(request, wasRemoved, result, result.kind === 'ok' ? result.body.outcome : undefined);
  }

  /** @param outcome that was told */
  #complete({ request_id: id }: Request, wasRemoved: boolean, result: ClientResult, outcome: unknown): Completion {
    const { retainMs = Number.POSITIVE_INFINITY } = this.#options;
    if (result.kind === 'ok') {
      if (wasRemoved) this.wrong.push(`${id} was removed, and then answered ${JSON.stringify(result.body)}`);
      const before = this.#told.get(id);
      if (before !== undefined && before !== outcome) this.wrong.push(`${id} was answered ${before} and ${outcome}`);
      if (outcome === 'committed' || outcome === 'aborted') this.#told.set(id, outcome);
    }
    if (result.kind === 'error' && result.name === 'precondition-failed') {
      if (Date.now() - (timeOfId(id) as number) < retainMs)
        this.wrong.push(`${id} was refused too early: ${result.text}`);
      if (wasRemoved) this.refusedCount++;
      return { type: 'ok', value: { request_id: id, refused: true } };
    }
    return completeWith(result, { request_id: id }, () => ({ request_id: id, outcome }));
  }

  /** Nothing may be unfinished, without any help. */
  async #settled(client: Client, value: unknown): Promise<Completion> {
    const result = await client.rpc(Audit, { accounts: ACCOUNTS });
    if (result.kind !== 'ok') return completeWith(result, value, () => value);
    const { balances, unfinished } = result.body as { balances: number[]; unfinished: readonly unknown[] };
    if (unfinished.length > 0) return { type: 'fail', value, error: ['unfinished', unfinished] };
    this.#balances = balances;
    return { type: 'ok', value: { balances } };
  }

  /** Makes new transfers until it is time to end: the horizon follows the ids of requests. */
  async #catchUp(client: Client, drawn: Drawn): Promise<Completion> {
    const { isCaughtUp, catchUpMsMax } = this.#options;
    const endMs = performance.now() + catchUpMsMax;
    while (!isCaughtUp() && performance.now() < endMs) {
      await this.#transfer(client, this.#begin(drawn));
      await sleep(PAUSE_MS);
    }
    return { type: 'ok', value: null };
  }

  /** Asks for some of the oldest again, and for their status. None of them may be known. */
  async #repeatRemoved(client: Client): Promise<Completion> {
    const { witness } = this.#options;
    for (const id of [...witness.removed].slice(0, LAST_REPEATS)) {
      const request = this.#asked.get(id);
      if (request === undefined) continue;
      const again = await this.#transfer(client, request);
      if (again.type !== 'ok') return again;
      const status = await client.rpc(TransferStatus, { request_id: id });
      const known = this.#complete(request, true, status, status.kind === 'ok' ? status.body.state : undefined);
      if (known.type !== 'ok') return known;
    }
    return { type: 'ok', value: { count: witness.removed.size } };
  }
}

interface Drawn {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  /** From 0 to 1: which of many. */
  readonly share: number;
  readonly entropy: number;
}

function draw(random: SeededRandom): Invocation {
  const [from, to] = random.shuffle([...ACCOUNTS]) as [string, string];
  const f = random.pick(['transfer', 'transfer', 'transfer', 'transfer', 'repeat', 'repeat-late'] as const);
  const value: Drawn = {
    from,
    to,
    amount: 1 + random.integer(AMOUNT_MAX),
    share: random.float(),
    entropy: random.uint32(),
  };
  return { f, value };
}

function lastQuestions(random: SeededRandom): readonly FinalStep[] {
  return [
    { f: 'settled', value: null },
    { f: 'catch-up', value: draw(random).value, once: true },
    { f: 'repeat-removed', value: null, by: 'each' },
    { f: 'settled', value: null },
  ];
}

function pick<Item>(items: readonly Item[], { share }: Drawn): Item | undefined {
  return items[Math.floor(share * items.length)];
}
