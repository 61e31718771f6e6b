/**
 * What a client of the transfer test does for each operation, and what the clients of a run know together: which
 * accounts there are, which transfers were asked for, and which of them were answered.
 *
 * Whoever finds that nobody in the run was told yet that an account is open opens it first, and whoever wants another
 * transfer under a request id that nobody was answered yet asks for the original one first. So an operation means the
 * same in a replay from which others were left out.
 */

import { answerIn, type Client, type ClientResult, type Completion, completeWith } from '../../harness/client.ts';
import { type Invoke, operationIn } from '../../harness/workload-test.ts';
import { exactEquals } from '../../protocol/exact-json.ts';
import type { RequestInputOf } from '../../protocol/rpc.ts';
import { AccountClose, AccountOpen, AUDIT_LENGTH_MAX, Audit, Transfer, TransferStatus } from './messages.ts';

export type Opening = RequestInputOf<typeof AccountOpen>;
export type TransferRequest = RequestInputOf<typeof Transfer>;

/** Another transfer under the request id of the original one. */
export type OtherTransfer = TransferRequest & { readonly original: TransferRequest };

/** One of the parts that a long list of questions is asked in. */
export interface Part {
  readonly part: number;
  readonly parts: number;
}

/** What is audited. */
export interface Accounts {
  readonly accounts: readonly string[];
  /** With all others that are open as far as anybody was told; which those are is decided when it is asked. */
  readonly others?: boolean;
}

/** More, and an answer to all of them would take a slow network longer than a last question may take. */
const REPLAYS_MAX = 6;
/** How often one operation audits, at most. */
const AUDITS_MAX = 4;

const SUCCESSOR = /^(.+)-[1-9]\d*$/;

/**
 * The `number`th account that takes the place of a first one: the first one itself, then others. They are opened with
 * as much.
 */
export function successorOf(first: string, number: number): string {
  return number === 0 ? first : `${first}-${number}`;
}

/** @param openings all accounts that there are to be */
export function createSagaInvoke(openings: readonly Opening[]): Invoke {
  const run = new KnownInRun(openings);
  return (client, { f, value }) => operationIn('saga', OPERATIONS, f)(client, value, run);
}

class KnownInRun {
  readonly #openings: ReadonlyMap<string, Opening>;
  /** Of which accounts anybody was told that they are open, or were. */
  readonly #opened = new Set<string>();
  /** Those of them of which nobody was told that they are closed. */
  readonly #open = new Set<string>();
  /** How often an account may have been closed. */
  readonly #closeCounts = new Map<string, number>();
  /** The ids of all requests that any operation was about, in the order in which those began. */
  readonly #asked = new Set<string>();
  /** In the order in which they were first answered. */
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
    // What is closed stays closed; it was opened, and that is all there is to want.
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

  /** Carries `act` out on accounts that exist. If it may be that one does not nothing is done, and that is certain. */
  async whenOpened(
    client: Client,
    value: unknown,
    accounts: readonly string[],
    act: () => Promise<Completion>,
  ): Promise<Completion> {
    for (const account of accounts) {
      const opening = this.#openings.get(account) ?? this.#openings.get(SUCCESSOR.exec(account)?.[1] ?? account);
      if (opening === undefined) throw new Error(`the workload saga has no account ${account}`);
      if (this.#opened.has(account)) continue;
      const opened = await this.open(client, { ...opening, account });
      if (opened.type !== 'ok') return { ...opened, type: 'fail', value };
    }
    return act();
  }

  /**
   * Carries `act` out on a transfer when its accounts exist. It is asked about in the end even if they do not: then
   * there must be none.
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

  /** Some of a part, early ones and late ones. */
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

/** A refusal is the right answer, and so is ok. */
function openOtherwise(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const opening = value as Opening;
  return run.whenOpened(client, opening, [opening.account], async () => {
    const result = await client.rpc(AccountOpen, opening);
    if (isError(result, 'key-already-exists') || isError(result, 'precondition-failed'))
      return { type: 'ok', value: { ...opening, refused: true } };
    return completeWith(result, opening, () => ({ ...opening, refused: false }));
  });
}

/** An account that has something is not closed, and that is an answer. */
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
 * A refusal is the right answer, and so is ok. Only once the original was answered is it sure which of the two has the
 * request id.
 */
function transferOtherwise(client: Client, value: unknown, run: KnownInRun): Promise<Completion> {
  const { original, ...other } = value as OtherTransfer;
  return run.whenPossible(client, value, original, async () => {
    if (!run.isAcknowledged(original)) {
      const result = await run.transfer(client, original);
      // The original may have happened, but what is asked about here was never sent.
      if (result.kind !== 'ok') return { ...completeWith(result, value, () => value), type: 'fail' };
    }
    const result = await client.rpc(Transfer, other);
    if (isError(result, 'precondition-failed')) return { type: 'ok', value: { ...other, original, refused: true } };
    return completeWith(result, value, (body) => ({ ...other, original, refused: false, ...answerIn(body) }));
  });
}

/** That nobody has heard of a request is an answer as well: it may never have arrived. */
async function readStatus(client: Client, value: unknown): Promise<Completion> {
  const { request_id } = value as { readonly request_id: string };
  const result = await client.rpc(TransferStatus, { request_id });
  if (isError(result, 'key-does-not-exist')) return { type: 'ok', value: { request_id, state: null } };
  return completeWith(result, value, (body) => ({ request_id, ...answerIn(body) }));
}

/** Of every request of its part. Nothing is changed by asking, so an answer that is missing leaves nothing unknown. */
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
 * Until two audits in a row show the same versions, since only that proves that everything was read at one moment.
 * While transfers go on that may never be: then the last but one is told, as what it is.
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

/** Asks for transfers again that somebody, mostly at another node, was answered before. */
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
