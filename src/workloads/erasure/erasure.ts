/**
 * Erases accounts. `README.md` has the argument why nothing is done twice and no money is lost.
 *
 *     open ── close ──▶ erasing ── write marks, take the name out of vouchers ──▶ gone ── grace ──▶ no document
 *
 * Closing is one compare-and-set of the account, from a version in which it is empty and nothing is under way. Every
 * step after it may be repeated, by any node. `erasing/<hash>` lists an account before it is closed, so that an erasure
 * which a node has left is found and finished, and the document is removed in the end.
 */

import * as z from 'zod';
import { Documents, NOTHING_STORED, readOrThrow, type Stored } from '../../kv/documents.ts';
import { GRACE_MS } from '../../kv/horizon.ts';
import type { Members } from '../../kv/members.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import { Sweep } from '../../kv/sweep.ts';
import { storeTimings } from '../../kv/timings.ts';
import type { NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { RpcError } from '../../protocol/errors.ts';
import { isEnded, type Mark, type ParticipantRecord } from '../../saga/marks.ts';
import { indexKey, isTerminal, type SagaRecord, type SagaStore } from '../../saga/record.ts';
import { type Account, type Accounts, accountKey, exists } from '../saga/accounts.ts';
import { TransferInput } from '../saga/transfers.ts';
import type { VoucherStore } from '../voucher/records.ts';
import { ErasedAccounts, type ErasurePorts } from './erased.ts';
import { forgetRedemption, isUnfinished, unfinished } from './forget-redemption.ts';

/** The prefix of the keys of all erasures under way. */
const ERASING_PREFIX = 'erasing/';

/** The longest pause between two looks at an account that is to be erased, ms. */
const PAUSE_MS = 100;
/** Redemptions that are looked at, or forgotten, side by side. */
const AT_ONCE = 16;
/** Looks at erasures under way in the time of a grace. */
const LOOKS = 16;
const LISTED = 256;
/** Looks at a saga that is listed and has no record, and how long apart, ms. */
const UNKNOWN_LOOKS = 4;
const UNKNOWN_MS = 500;

const ErasingRecord = z.object({
  /** Its name. '': its document is gone, but the files of the store may still have the name. */
  account: z.string(),
  /** Drawn by the beginning of the erasure. So each one is a new version. */
  begun: z.string(),
});
type ErasingRecord = z.infer<typeof ErasingRecord>;

/** What a mutant may leave out. */
export interface ErasureRules {
  /** Undefined: it may be closed. */
  readonly refusalOf: typeof refusalOf;
  readonly keepsMarks: boolean;
  /** Whether it is listed, so that it is finished although the node ends. */
  readonly lists: boolean;
  readonly forgets: typeof forgetRedemption;
  /** Whether the key of an account is removed only after a grace. */
  readonly waits: boolean;
}

export interface ErasureOptions {
  readonly context: NodeContext;
  readonly kv: LinearizableStore;
  readonly ports: ErasurePorts;
  readonly accounts: Accounts;
  readonly members: Members;
  readonly sagas: SagaStore;
  readonly vouchers: VoucherStore;
  readonly readSaga: (id: string) => Promise<SagaRecord | undefined>;
  /** The finished sagas among those with these marks. */
  readonly findFinished: (marks: readonly Mark[]) => Promise<ReadonlySet<string>>;
  readonly rules?: Partial<ErasureRules> | undefined;
}

/** What was seen of an erasure under way, and since when, by the monotonic clock. */
interface Seen {
  /** The versions of the entry and of the account. */
  readonly version: string;
  readonly sinceMs: number;
  /** When it was found that no saga can change the account any more; undefined: it was not. */
  settledMs: number | undefined;
}

/** `unknown`: there is a saga of which nothing is known yet. */
type Unfinished = ReadonlySet<string> | 'unknown';

interface Look {
  /** By the monotonic clock. */
  readonly beganMs: number;
  /** Whether an unfinished saga names the account. In doubt it does. */
  readonly isNamed: (account: string) => Promise<boolean>;
}

export class Erasure {
  readonly erased: ErasedAccounts;
  readonly #options: ErasureOptions;
  readonly #rules: ErasureRules;
  readonly #graceMs: number;
  readonly #listed: Documents<ErasingRecord>;
  /** By the key of the entry. */
  readonly #seen = new Map<string, Seen>();
  /** When the files of the store were last written anew, by the monotonic clock. */
  #renewedMs = Number.NEGATIVE_INFINITY;
  #erasedCount = 0;
  #removedCount = 0;

  constructor(options: ErasureOptions) {
    const { context, kv, ports, rules } = options;
    this.#options = options;
    this.#rules = { refusalOf, keepsMarks: true, lists: true, forgets: forgetRedemption, waits: true, ...rules };
    this.#graceMs = ports.graceMs ?? GRACE_MS;
    this.erased = new ErasedAccounts(context, kv, ports);
    this.#listed = new Documents({ kv, context, name: 'entry of an erasure', schema: ErasingRecord });
    context.report('erasure', () => ({ erased: this.#erasedCount, removed: this.#removedCount }));
  }

  /** How old what a node remembers of an account may be when a transfer begins, ms. */
  get rememberedMsMax(): number {
    return this.#graceMs / 4;
  }

  /** Finishes what was left unfinished, from now on until the node stops. */
  start(): void {
    const { context } = this.#options;
    new Sweep({ context, intervalMs: this.#graceMs / LOOKS, tick: () => this.#tick() }).start();
  }

  /** Erases an account. Resolves when nothing but its key is left. */
  async erase(account: string, requestId: string): Promise<void> {
    const request = this.erased.hash(requestId);
    const endMs = this.#nowMs() + storeTimings(this.#options.kv.patienceMs).stepMs;
    for (let isClosed = false; ; isClosed = true) {
      try {
        const own = await this.#read(account);
        if (own?.erasing !== undefined) {
          isClosed = true;
          await this.#finish(account, endMs);
          continue;
        }
        if (await this.#hasErased(account, own, request)) return;
        // If it was, a credit has opened it again.
        isClosed = false;
        if (!exists(own)) throw missing(account);
        await this.#close(account, request, endMs);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        // No error may say that nothing was changed.
        if (isClosed) throw RpcError.of('crash', `account ${account} is closed, and is erased later: ${error.message}`);
        // By another copy of this request, meanwhile.
        const isMissing = error.code === missing(account).code;
        if (!isMissing || !(await this.#hasErased(account, undefined, request))) throw error;
        return;
      }
    }
  }

  /** @param own the account, read before this is called */
  async #hasErased(account: string, own: Account | undefined, request: string): Promise<boolean> {
    return own?.erased?.includes(request) || ((await this.erased.read(account))?.requests.includes(request) ?? false);
  }

  /**
   * Waits for what is working on the account, since that ends soon; but not for ever. An account that is opened after
   * another copy of the request has erased one is left alone.
   */
  async #close(account: string, request: string, endMs: number): Promise<void> {
    const { accounts, context, findFinished } = this.#options;
    let isListed = false;
    for (;;) {
      const { content } = await accounts.read(account);
      const record = content ?? { content: null, marks: [] };
      if (record.content?.erased?.includes(request)) return;
      const finished = await findFinished(record.marks.filter((mark) => !isEnded(mark)));
      const refusal = this.#rules.refusalOf(account, record, finished) ?? (await this.#findUnfinished(account, record));
      if (refusal === undefined) {
        if (!isListed && this.#rules.lists) await this.#list(account);
        isListed = true;
        const result = await accounts.update(account, (now) => {
          if (now.content?.erased?.includes(request)) return undefined;
          const reason = this.#rules.refusalOf(account, now, finished);
          if (reason !== undefined) throw reason;
          const own = now.content as Account;
          // Already: by this request, or by another one.
          if (own.erasing !== undefined) return undefined;
          return { ...now, content: { ...own, closed: true, erasing: request } };
        });
        if (result.kind === 'ok') return;
        if (result.kind !== 'definite' || !result.error.unavailable) throw result.error;
      }
      if (refusal !== undefined && !refusal.unavailable) throw refusal;
      if (this.#nowMs() >= endMs || !(await pauseUpTo(context, PAUSE_MS)))
        throw refusal ?? RpcError.of('temporarily-unavailable', `account ${account} is busy`);
    }
  }

  /** Does what is left to do after the closing. If it rejects, it goes on later. */
  async #finish(account: string, endMs: number): Promise<void> {
    const { accounts, context, ports, vouchers } = this.#options;
    const { erased } = this;
    const own = await this.#read(account);
    if (own?.erasing === undefined) return;
    const known = this.#rules.keepsMarks ? (await erased.add(account, own)).requests : [];
    await inTurns(own.entries ?? [], async (entry) => {
      while (await isUnfinished(vouchers, account, entry))
        if (this.#nowMs() >= endMs || !(await pauseUpTo(context, PAUSE_MS))) throw unfinished(entry[0]);
      await this.#rules.forgets(vouchers, ports.hash, account, entry);
    });
    const request = own.erasing;
    const requests = [...new Set([...known, ...(own.erased ?? []), request])];
    const gone: Account = { balance: 0, opened: 0, closed: true, token: '', erased: requests, gone: true };
    const result = await accounts.update(account, (now) => {
      if (now.content === null) throw missing(account);
      return now.content.erasing === request ? { ...now, content: gone } : undefined;
    });
    if (result.kind !== 'ok') throw result.error;
    // A credit may have opened it again. Then this request has erased nothing, and must never be said to have.
    if (!result.stored.content.content?.erased?.includes(request)) return;
    this.#erasedCount++;
    if (this.#rules.keepsMarks) await erased.addRequests(account, requests);
  }

  async #findUnfinished(account: string, { content }: ParticipantRecord<Account>): Promise<RpcError | undefined> {
    let found: RpcError | undefined;
    await inTurns(content?.entries ?? [], async (entry) => {
      if (await isUnfinished(this.#options.vouchers, account, entry)) found = unfinished(entry[0]);
    });
    return found;
  }

  /** So that an erasure is found although the node ends. */
  async #list(account: string): Promise<void> {
    await this.erased.announce();
    const begun = [1, 2].map(() => this.#options.context.randomUint32().toString(36)).join('-');
    const result = await this.#listed.update(
      this.#keyOf(account),
      (entry) => (entry?.begun === begun ? undefined : { account, begun }),
      NOTHING_STORED,
    );
    if (result.kind !== 'ok') throw result.error;
  }

  async #tick(): Promise<boolean> {
    const { ports, context } = this.#options;
    const look = this.#look();
    const keys = new Set<string>();
    const removed: string[] = [];
    for (let after: string | undefined, isMore = true; isMore; ) {
      const list = await ports.engine.list(ERASING_PREFIX, after, LISTED);
      if (list.kind === 'failed') return true;
      await inTurns(list.keys, async (key) => {
        keys.add(key);
        try {
          if (await this.#attend(key, look)) removed.push(key);
        } catch (error) {
          // Its text may name people.
          context.log.debug('an erasure could not be finished', { code: (error as { code?: number }).code });
        }
      });
      after = list.keys.at(-1);
      isMore = list.more;
    }
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
    if (removed.length > 0) await this.#renew(removed);
    return keys.size > 0;
  }

  /** One look at all erasures under way. What is unfinished is read once for all, after it has begun. */
  #look(): Look {
    let unfinished: Promise<Unfinished> | undefined;
    return {
      beganMs: this.#nowMs(),
      isNamed: async (account) => {
        unfinished ??= this.#readUnfinished();
        const names = await unfinished;
        return names === 'unknown' || names.has(account);
      },
    };
  }

  /**
   * Removes entries when the files of the store no longer have the names. What fails is tried again. All that was
   * removed in a grace is renewed together, since a large store takes long.
   */
  async #renew(keys: readonly string[]): Promise<void> {
    const beganMs = this.#nowMs();
    if (beganMs - this.#renewedMs < this.#graceMs) return;
    try {
      await this.#options.ports.engine.renew?.();
    } catch {
      return;
    }
    this.#renewedMs = beganMs;
    for (const key of keys) {
      const read = await this.#listed.read(key);
      if (read.kind === 'ok' && read.stored.content?.account === '') await this.#remove(key, read.stored);
    }
  }

  /** Goes on with an erasure. Resolves to whether only its entry, without the name, is left. */
  async #attend(key: string, look: Look): Promise<boolean> {
    const { accounts } = this.#options;
    const entry = await readOrThrow(this.#listed, key);
    const account = entry.content?.account;
    if (account === undefined) return false;
    if (account === '') return true;
    const stored = await accounts.read(account);
    const own = stored.content?.content;
    const seen = this.#see(key, `${entry.token} ${stored.token}`);
    const ageMs = look.beganMs - seen.sinceMs;
    const { takeOverMs, stepMs } = storeTimings(this.#options.kv.patienceMs);
    if (own?.erasing !== undefined) {
      if (ageMs >= takeOverMs) await this.#finish(account, this.#nowMs() + stepMs);
      return false;
    }
    // Not erased, or opened again since. A closing may be under way, as long as the entry is young.
    if (exists(own)) {
      if (ageMs >= this.#graceMs) await this.#remove(key, entry);
      return false;
    }
    if (stored.content !== undefined && !(await this.#removeAccount(account, stored, seen, look))) return false;
    const cleared = await this.#listed.update(key, (now) => {
      if (now === undefined) throw missing(key);
      return now.begun === entry.content?.begun && now.account !== '' ? { ...now, account: '' } : undefined;
    });
    return cleared.kind === 'ok' && cleared.stored.content.account === '';
  }

  /** Removes the document of an account that is gone, when nothing can create or change it any more. */
  async #removeAccount(
    account: string,
    { content, token }: Stored<ParticipantRecord<Account>>,
    seen: Seen,
    { beganMs, isNamed }: Look,
  ): Promise<boolean> {
    const { engine } = this.#options.ports;
    const restMs = this.#rules.waits ? this.#graceMs / 2 : Number.NEGATIVE_INFINITY;
    if (beganMs - seen.sinceMs < restMs) return false;
    if (seen.settledMs === undefined) {
      if (await isNamed(account)) return false;
      seen.settledMs = this.#nowMs();
    }
    if (this.#nowMs() - seen.settledMs < restMs || token === null) return false;
    const requests = content?.content?.erased ?? [];
    if (this.#rules.keepsMarks && requests.length > 0) await this.erased.addRequests(account, requests);
    const removed = await engine.remove(accountKey(account), token);
    if (removed.kind === 'ok') this.#removedCount++;
    return removed.kind === 'ok';
  }

  #see(key: string, version: string): Seen {
    let seen = this.#seen.get(key);
    if (seen?.version !== version) {
      seen = { version, sinceMs: this.#nowMs(), settledMs: undefined };
      this.#seen.set(key, seen);
    }
    return seen;
  }

  /**
   * The accounts that unfinished sagas name, as far as any index tells. A saga that is listed and has no record is
   * about to begin, or never will. In a busy service there always is one, so it is looked at again.
   */
  async #readUnfinished(): Promise<Unfinished> {
    const { context, readSaga } = this.#options;
    const names = new Set<string>();
    let ids: readonly string[] = await this.#listUnfinished();
    for (let look = 1; ; look++) {
      const unknown: string[] = [];
      await inTurns(ids, async (id) => {
        const record = await readSaga(id);
        if (record !== undefined && isTerminal(record)) return;
        const input = TransferInput.safeParse(record?.input);
        if (input.success) for (const { account } of input.data.legs) names.add(account);
        else unknown.push(id);
      });
      if (unknown.length === 0) return names;
      if (look === UNKNOWN_LOOKS || !(await context.sleep(UNKNOWN_MS))) return 'unknown';
      // What is no longer listed has ended, or will not begin.
      const listed = new Set(await this.#listUnfinished());
      ids = unknown.filter((id) => listed.has(id));
    }
  }

  async #listUnfinished(): Promise<string[]> {
    const { members, sagas } = this.#options;
    const indices = await Promise.all(
      (await members.ids()).map((member) => readOrThrow(sagas.indices, indexKey(member))),
    );
    return [...new Set(indices.flatMap(({ content }) => (content?.sagas ?? []).map(([id]) => id)))];
  }

  /** A failure is found by the next look. */
  async #remove(key: string, { token }: Stored<ErasingRecord>): Promise<void> {
    if (token !== null) await this.#options.ports.engine.remove(key, token);
  }

  async #read(account: string): Promise<Account | undefined> {
    return (await this.#options.accounts.read(account)).content?.content ?? undefined;
  }

  #keyOf(account: string): string {
    return ERASING_PREFIX + this.#options.ports.hash(account);
  }

  #nowMs(): number {
    return this.#options.context.clock.monotonicMs();
  }
}

/** Why an account cannot be erased now; undefined: it can. */
export function refusalOf(
  account: string,
  { content, marks }: ParticipantRecord<Account>,
  finished: ReadonlySet<string>,
): RpcError | undefined {
  if (!exists(content)) return missing(account);
  const waiting = marks.find((mark) => !isEnded(mark) && !finished.has(mark[0]));
  if (waiting !== undefined)
    return RpcError.of('temporarily-unavailable', `transfer ${waiting[0]} is working on account ${account}`);
  return content.balance > 0
    ? RpcError.of('precondition-failed', `account ${account} is not empty: it has ${content.balance} minor units`)
    : undefined;
}

function missing(account: string): RpcError {
  return RpcError.of('key-does-not-exist', `there is no account ${account}`);
}

/** Some at a time. */
async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  for (let index = 0; index < items.length; index += AT_ONCE)
    await Promise.all(items.slice(index, index + AT_ONCE).map(work));
}
