/**
 * What a client of the transfer test does for each operation, and what the clients of a run know together: the
 * accounts, the transfers that were requested, and those that were answered.
 *
 * A client opens an account first if no client was told yet that it is open. A client that sends another transfer under
 * a request id sends the original first if that has no answer yet. So an operation means the same in a replay without
 * some of the others.
 */

import { answerIn, type Client, type ClientResult, type Completion, completeWith } from '../../harness/client.ts';
import { type Invoke, operationIn } from '../../harness/workload-test.ts';
import { exactEquals } from '../../protocol/exact-json.ts';
import type { RequestInputOf } from '../../protocol/rpc.ts';
import { AccountClose, AccountOpen, AUDIT_LENGTH_MAX, Audit, Transfer, TransferStatus } from './messages.ts';
import { isStranger } from './mistakes.ts';

export type Opening = RequestInputOf<typeof AccountOpen>;
export type TransferRequest = RequestInputOf<typeof Transfer>;

/** Another transfer under the request id of the original. */
export type OtherTransfer = TransferRequest & { readonly original: TransferRequest };

/** A part of a long list of questions. */
export interface Part {
  readonly part: number;
  readonly parts: number;
}

/** The accounts to audit. */
export interface Accounts {
  readonly accounts: readonly string[];
  /** With all other accounts known to be open. Which those are is decided when the request is sent. */
  readonly others?: boolean;
}

/** On a slow network, more replays would take longer than a last question may. */
const REPLAYS_MAX = 6;
/** The most audits in one operation. */
const AUDITS_MAX = 4;

const SUCCESSOR = /^(.+)-[1-9]\d*$/;

/**
 * The `number`th account in the place of a first one: 0 is the first one itself. All are opened with the same balance.
 */
export function successorOf(first: string, number: number): string {
  return number === 0 ? first : `${first}-${number}`;
}

/** @param openings all accounts of the test */
export function createSagaInvoke(openings: readonly Opening[]): Invoke {
  const run = new KnownInRun(openings);
  return (client, { f, value }) => operationIn('saga', OPERATIONS, f)(client, value, run);
}

class KnownInRun {
  readonly #openings: ReadonlyMap<string, Opening>;
  /** Accounts that a client was told are open, or were. */
  readonly #opened = new Set<string>();
  /** Those of them that no client was told are closed. */
  readonly #open = new Set<string>();
  /** How often an account may have been closed. */
  readonly #closeCounts = new Map<string, number>();
  /** The ids of all requests that any operation named, in the order of their first operation. */
  readonly #asked = new Set<string>();
  /** In the order of their first answer. */
  readonly #acknowledged = new Map<string, TransferRequest>();

  constructor(openings: readonly Opening[]) {
    this.#openings = new Map(openings.map((opening) => [opening.account, opening]));
  }

  async open(client: Client, opening: Opening): Promise<Completion> {
    const { account } = opening;
    const result = await client.rpc(AccountOpen, opening);
    if (result.kind === 'ok' && !this.#opened.has(account)) {
      this.#opened.add(account);
      this.#open.add(account);
    }
    // A closed account stays closed. It was opened, and this operation asks for no more.
    if (isError(result, 'precondition-failed') && this.#closeCount(account) > 0)
      return { type: 'ok', value: { ...opening, closed: true } };
    return completeWith(result, opening, () => opening);
  }

  async close(client: Client, account: string): Promise<ClientResult> {
    this.#closeCounts.set(account, this.#closeCount(account) + 1);
    const result = await client.rpc(AccountClose, { account });
    if (result.kind === 'ok') this.#open.delete(account);
    if (result.kind === 'error' && result.definite) this.#closeCounts.set(account, this.#closeCount(account) - 1);
    return result;
  }

  /** Runs `act` if the accounts exist. If one of them may not exist, nothing is done, and that is certain. */
  async whenOpened(
    client: Client,
    value: unknown,
    accounts: readonly string[],
    act: () => Promise<Completion>,
  ): Promise<Completion> {
    for (const account of accounts) {
      if (isStranger(account)) continue;
      const opening = this.#openings.get(account) ?? this.#openings.get(SUCCESSOR.exec(account)?.[1] ?? account);
      if (opening === undefined) throw new Error(`the workload saga has no account ${account}`);
      if (this.#opened.has(account)) continue;
      const opened = await this.open(client, { ...opening, account });
      if (opened.type !== 'ok') return { ...opened, type: 'fail', value };
    }
    return act();
  }

  /**
   * Runs `act` on a transfer if its accounts exist. Its status is read in the end even if they do not: then it must not
   * exist.
   */
  whenPossible(
    client: Client,
    value: unknown,
    request: TransferRequest,
    act: () => Promise<Completion>,
  ): Promise<Completion> {
    this.#asked.add(request.request_id);
    return this.whenOpened(client, value, accountsOf(request), act);
  }

  async transfer(client: Client, request: TransferRequest): Promise<ClientResult> {
    const result = await client.rpc(Transfer, request);
    if (result.kind === 'ok') this.#acknowledged.set(request.request_id, request);
    return result;
  }

  /** As many as one audit takes. */
  audited({ accounts, others = false }: Accounts): string[] {
    const named = new Set(accounts);
    const open = others ? [...this.#open].filter((account) => !named.has(account)) : [];
    return [...accounts, ...open].slice(0, AUDIT_LENGTH_MAX);
  }

  isAcknowledged({ request_id }: TransferRequest): boolean {
    return this.#acknowledged.has(request_id);
  }

  asked(part: Part): string[] {
    return takePart([...this.#asked], part);
  }

  /** Some transfers of a part, early and late ones. */
  acknowledged(part: Part): TransferRequest[] {
    const all = takePart([...this.#acknowledged.values()], part);
    const count = Math.min(all.length, REPLAYS_MAX);
    return Array.from(
      { length: count },
      (_, index) => all[Math.floor((index * all.length) / count)] as TransferRequest,
    );
  }

  #closeCount(account: string): number {
    return this.#closeCounts.get(account) ?? 0;
  }
}

function takePart<Item>(items: readonly Item[], { part, parts }: Part): Item[] {
  return items.filter((_, index) => index % parts === part);
}

type Operate = (client: Client, value: unknown, run: KnownInRun) => Promise<Completion>;

const OPERATIONS: ReadonlyMap<string, Operate> = new Map<string, Operate>([
  ['open', (client, value, run) => run.open(client, value as Opening)],
  ['open-otherwise', openOtherwise],
  ['close', close],
  ['transfer', transfer],
  ['transfer-otherwise', transferOtherwise],
  ['status', readStatus],
  ['audit', audit],
  ['settled', askWhetherSettled],
  ['statuses', readStatuses],
  ['replay', replay],
]);

/** A refusal is correct, and so is ok. */
function openOtherwise(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const opening = value as Opening;
  return run.whenOpened(client, opening, [opening.account], async () => {
    const result = await client.rpc(AccountOpen, opening);
    if (isError(result, 'key-already-exists') || isError(result, 'precondition-failed'))
      return { type: 'ok', value: { ...opening, refused: true } };
    return completeWith(result, opening, () => ({ ...opening, refused: false }));
  });
}

/** An account with money is not closed; that is a valid answer. */
function close(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const { account } = value as { readonly account: string };
  return run.whenOpened(client, value, [account], async () => {
    const result = await run.close(client, account);
    if (isError(result, 'precondition-failed')) return { type: 'ok', value: { account, closed: false } };
    return completeWith(result, value, () => ({ account, closed: true }));
  });
}

function transfer(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const request = value as TransferRequest;
  return run.whenPossible(client, request, request, async () =>
    completeWith(await run.transfer(client, request), request, (body) => ({ ...request, ...answerIn(body) })),
  );
}

/**
 * A refusal is correct, and so is ok. It is certain which of the two has the request id only after the original was
 * answered.
 */
function transferOtherwise(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const { original, ...other } = value as OtherTransfer;
  return run.whenPossible(client, value, original, async () => {
    if (!run.isAcknowledged(original)) {
      const result = await run.transfer(client, original);
      // The original may have happened, but the other transfer was never sent.
      if (result.kind !== 'ok') return { ...completeWith(result, value, () => value), type: 'fail' };
    }
    const result = await client.rpc(Transfer, other);
    if (isError(result, 'precondition-failed')) return { type: 'ok', value: { ...other, original, refused: true } };
    return completeWith(result, value, (body) => ({ ...other, original, refused: false, ...answerIn(body) }));
  });
}

/** "Unknown request" is an answer as well: the request may never have arrived. */
async function readStatus(client: Client, value: unknown): Promise<Completion> {
  const { request_id } = value as { readonly request_id: string };
  const result = await client.rpc(TransferStatus, { request_id });
  if (isError(result, 'key-does-not-exist')) return { type: 'ok', value: { request_id, state: null } };
  return completeWith(result, value, (body) => ({ request_id, ...answerIn(body) }));
}

/** The status of every request of its part. Reading changes nothing, so a missing answer leaves nothing unknown. */
async function readStatuses(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const { part, parts } = value as Part;
  const statuses: unknown[] = [];
  for (const request_id of run.asked({ part, parts })) {
    const status = await readStatus(client, { request_id });
    if (status.type !== 'ok') return { ...status, type: 'fail', value };
    statuses.push(status.value);
  }
  return { type: 'ok', value: { part, parts, statuses } };
}

/**
 * Repeats the audit until two in a row show the same versions. Only that proves that everything was read at one moment.
 * While transfers go on that may never happen. Then the last but one is the value, and is marked as such.
 */
function audit(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const accounts = run.audited(value as Accounts);
  return run.whenOpened(client, value, accounts, async () => {
    const first = await client.rpc(Audit, { accounts });
    if (first.kind !== 'ok') return completeWith(first, value, () => value);
    let before = first.body;
    for (let count = 2; ; count++) {
      const result = await client.rpc(Audit, { accounts });
      if (result.kind !== 'ok') return completeWith(result, value, () => value);
      const clean = exactEquals(before.versions, result.body.versions);
      if (clean || count === AUDITS_MAX) return { type: 'ok', value: { accounts, ...answerIn(before), clean } };
      before = result.body;
    }
  });
}

function askWhetherSettled(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const accounts = run.audited(value as Accounts);
  return run.whenOpened(client, value, accounts, async () => {
    const result = await client.rpc(Audit, { accounts });
    if (result.kind !== 'ok') return completeWith(result, value, () => value);
    const { unfinished } = result.body as { readonly unfinished: readonly { readonly request_id: string }[] };
    if (unfinished.length === 0) return { type: 'ok', value: { accounts, ...answerIn(result.body) } };
    return { type: 'fail', value, error: ['unfinished', unfinished.map(({ request_id }) => request_id)] };
  });
}

/** Repeats transfers that a client, mostly of another node, has an answer for. */
async function replay(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const { part, parts } = value as Part;
  const answers: unknown[] = [];
  for (const request of run.acknowledged({ part, parts })) {
    const result = await run.transfer(client, request);
    if (result.kind !== 'ok') return completeWith(result, value, () => value);
    answers.push({ request_id: request.request_id, ...answerIn(result.body) });
  }
  return { type: 'ok', value: { part, parts, answers } };
}

function accountsOf({ from, to, legs }: TransferRequest): string[] {
  const accounts = legs === undefined ? [from, to] : legs.map(({ account }) => account);
  return accounts.filter((account) => account !== undefined);
}

function isError(result: ClientResult, name: string): boolean {
  return result.kind === 'error' && result.name === name;
}
