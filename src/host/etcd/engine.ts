/**
 * The store engine on etcd 3.4 or newer, over its JSON gateway. A token is the revision at which the value was written
 * (`mod_revision`): etcd never gives a revision twice, so a token never stands for another value.
 *
 * Concurrent calls are grouped. Replacements and removals share a transaction, in which each is a nested transaction
 * with its own compare and its own outcome. Reads share a transaction that only reads. Reads of one key share a range,
 * and only if all of them were asked for before it was sent.
 *
 * What a failure proves is in `failures.ts`, what is tried again in `cluster.ts`. A write whose outcome is not known is
 * never repeated here: documents find out by reading.
 */

import { isUtf8 } from 'node:buffer';
import type { Choice } from '../../kv/group-queue.ts';
import type {
  EngineFigures,
  StoreEngine,
  StoreList,
  StoreRead,
  StoreRemoval,
  StoreReplace,
  Token,
} from '../../kv/store.ts';
import { RpcError } from '../../protocol/errors.ts';
import { excerpt } from '../../protocol/excerpt.ts';
import { type CallResult, Cluster } from './cluster.ts';
import { Compaction } from './compaction.ts';
import { CallCounts, GroupCounts } from './counts.ts';
import type { Failure, FailureRow } from './failures.ts';
import type { EtcdTls } from './gateway.ts';
import { Lane } from './lane.ts';
import {
  type GuardedWrite,
  listRequest,
  type RangeEntry,
  readRange,
  readReads,
  readWrites,
  requestOfReads,
  txnOfWrites,
  type WriteOutcome,
} from './messages.ts';
import { prove } from './opening.ts';

export interface EtcdOptions {
  /** URLs without a path, tried in turn: the engine begins with the first. */
  readonly endpoints: readonly string[];
  /** Every key begins with it: `shop/`. No other store's prefix may begin with it. */
  readonly prefix: string;
  readonly tls?: EtcdTls;
  readonly user?: string;
  readonly password?: string;
  /** See `StoreEngine`. */
  readonly patienceMs?: number;
  /**
   * For one try. Default: half of the patience, or 1000. A call takes at most 6 times as long: it waits, gets a token,
   * is tried twice.
   */
  readonly timeoutMs?: number;
  /** How long `open` tries. Default: 5000. */
  readonly openTimeoutMs?: number;
  /** The most calls in one request, up to 127. Default: 64. 1: every call is a request of its own. */
  readonly group?: number;
  /** The most groups of writes, and of reads, under way at once. Default: 3; without groups as many as there are. */
  readonly groupsInFlight?: number;
  /** How often the history that is older than this is compacted. Default: 300,000. 0: never. */
  readonly compactEveryMs?: number;
  /** Told in words when a member fails and when it answers again, and when compaction fails. */
  readonly warn?: (text: string) => void;
}

/** What a test may make wrong, to see that it notices. */
export interface EtcdRules {
  readonly classify?: (failure: Failure) => FailureRow;
  readonly txnOfWrites?: typeof txnOfWrites;
  readonly readWrites?: typeof readWrites;
  readonly requestOfReads?: typeof requestOfReads;
  readonly readReads?: typeof readReads;
}

const TIMEOUT_MS = 1000;
export const OPEN_TIMEOUT_MS = 5000;
export const GROUP_DEFAULT = 64;
export const GROUP_MAX = 127;
const GROUPS_IN_FLIGHT = 3;
const COMPACT_EVERY_MS = 300_000;

/** Of one request, before base64. etcd takes 1.5 MiB with everything that belongs to it. */
const REQUEST_BYTES_MAX = 1_400_000;
/** What a key costs beside itself, at most. */
const OVERHEAD_BYTES = 64;
/** No byte of a text in UTF-8 is as high. So it ends every text with a given beginning. */
export const ABOVE_TEXT = Buffer.from([0xff]);

interface WriteCall extends GuardedWrite {
  readonly name: string;
  readonly bytes: number;
  readonly settle: (outcome: WriteOutcome | Undone) => void;
}

interface ReadCall {
  readonly name: string;
  readonly key: Buffer;
  readonly bytes: number;
  readonly settle: (read: StoreRead) => void;
}

type Undone = { readonly kind: 'unavailable' | 'silent'; readonly error: RpcError };

export class EtcdEngine implements StoreEngine {
  readonly name = 'etcd';
  readonly patienceMs: number | undefined;
  readonly #prefix: string;
  readonly #cluster: Cluster;
  readonly #rules: EtcdRules;
  readonly #writes: Lane<WriteCall>;
  readonly #reads: Lane<ReadCall>;
  readonly #compaction: Compaction;
  readonly #calls = new CallCounts();
  readonly #writeGroups = new GroupCounts();
  readonly #readGroups = new GroupCounts();
  readonly #lists = new Set<Promise<unknown>>();
  #isClosed = false;

  /**
   * Opens the store, and proves that it can be written and read. Rejects with an Error for people that says what is
   * wrong and what to do.
   */
  static async open(options: EtcdOptions, rules: EtcdRules = {}): Promise<EtcdEngine> {
    const engine = new EtcdEngine(options, rules);
    try {
      const { prefix, user, openTimeoutMs = OPEN_TIMEOUT_MS } = options;
      const probe = Buffer.concat([Buffer.from(prefix), ABOVE_TEXT]);
      await prove(engine.#cluster, { probe, prefix, user, timeoutMs: openTimeoutMs });
    } catch (error) {
      await engine.close();
      throw error;
    }
    engine.#compaction.start();
    return engine;
  }

  private constructor(options: EtcdOptions, rules: EtcdRules) {
    const { endpoints, prefix, tls = {}, user, password = '', patienceMs, warn = () => {} } = options;
    const { timeoutMs = patienceMs === undefined ? TIMEOUT_MS : patienceMs / 2 } = options;
    this.patienceMs = patienceMs;
    const { group = GROUP_DEFAULT, compactEveryMs = COMPACT_EVERY_MS } = options;
    const { groupsInFlight = group === 1 ? Number.POSITIVE_INFINITY : GROUPS_IN_FLIGHT } = options;
    if (endpoints.length === 0) throw new Error('an etcd store needs the URL of a member');
    if (prefix === '') throw new Error('an etcd store needs a key prefix: it is not alone in the cluster');
    requireBetween('group', group, GROUP_MAX);
    requireBetween('groupsInFlight', groupsInFlight, Number.POSITIVE_INFINITY);
    requireBetween('timeoutMs', timeoutMs, 60_000);
    const { classify } = rules;
    this.#prefix = prefix;
    this.#rules = rules;
    this.#cluster = new Cluster({ endpoints, tls, user, password, timeoutMs, warn, ...(classify && { classify }) });
    this.#compaction = new Compaction(this.#cluster, Buffer.from(prefix), compactEveryMs, warn);
    const common = { groupsInFlightMax: groupsInFlight, waitMsMax: 2 * timeoutMs };
    this.#writes = new Lane({
      ...common,
      choose: (waiting) => chooseWrites(waiting, group),
      serve: (calls) => this.#sendWrites(calls),
      expire: ({ settle }) => settle({ kind: 'unavailable', error: unavailable(WAITED_TOO_LONG) }),
    });
    this.#reads = new Lane({
      ...common,
      choose: (waiting) => chooseReads(waiting, group),
      serve: (calls) => this.#sendReads(calls),
      expire: ({ settle }) => settle({ kind: 'failed', error: unavailable(WAITED_TOO_LONG) }),
    });
  }

  async read(key: string): Promise<StoreRead> {
    const bytes = this.#encode(key);
    const flaw = this.#isClosed ? CLOSED : findFlaw(key, bytes.length);
    const read: StoreRead =
      flaw === undefined
        ? await new Promise((settle) => this.#reads.push({ name: key, key: bytes, bytes: bytes.length, settle }))
        : { kind: 'failed', error: unavailable(flaw) };
    this.#calls.count('reads', read.kind === 'failed' ? 'failed' : 'ok');
    return read;
  }

  async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    const outcome = isIllFormed(text)
      ? undone(`the text for ${shown(key)} is not well-formed, so UTF-8 cannot hold it`)
      : await this.#write(key, from, Buffer.from(text));
    this.#calls.count('replaces', outcome.kind);
    if (outcome.kind !== 'ok') return outcome;
    return { kind: 'ok', token: outcome.revision as Token };
  }

  async remove(key: string, from: Token): Promise<StoreRemoval> {
    const outcome = await this.#write(key, from, undefined);
    this.#calls.count('removals', outcome.kind);
    return outcome.kind === 'ok' ? { kind: 'ok' } : outcome;
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    if (this.#isClosed) return { kind: 'failed', error: unavailable(CLOSED) };
    const listing = this.#list(prefix, after, limit);
    this.#lists.add(listing);
    const list = await listing;
    this.#lists.delete(listing);
    this.#calls.count('lists', list.kind);
    return list;
  }

  figures(): EngineFigures {
    const { requestsSent, failovers, timeouts, logins } = this.#cluster.counts;
    return {
      ...this.#calls.read(),
      ...this.#writeGroups.read('write'),
      ...this.#readGroups.read('read'),
      'requests-sent': requestsSent,
      failovers,
      timeouts,
      logins,
      compactions: this.#compaction.count,
      waiting: this.#writes.waitingCount + this.#reads.waitingCount,
      'in-flight': this.#writes.groupsInFlight + this.#reads.groupsInFlight + this.#lists.size,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#compaction.stop();
    await Promise.all([this.#writes.idle(), this.#reads.idle(), ...this.#lists]);
    this.#cluster.close();
  }

  async #write(key: string, from: Token | null, value: Buffer | undefined): Promise<Written> {
    if (this.#isClosed) return undone(CLOSED);
    const name = this.#encode(key);
    const bytes = 2 * name.length + (value?.length ?? 0) + OVERHEAD_BYTES;
    const flaw = findFlaw(key, bytes);
    if (flaw !== undefined) return undone(flaw);
    if (from !== null && !/^[1-9]\d{0,18}$/.test(from)) return { kind: 'refused', error: outdated(key, from) };
    const outcome = await new Promise<WriteOutcome | Undone>((settle) =>
      this.#writes.push({ name: key, key: name, revision: from, value, bytes, settle }),
    );
    switch (outcome.kind) {
      case 'done':
        return { kind: 'ok', revision: outcome.revision };
      case 'guarded':
        return { kind: 'refused', error: outdated(key, from) };
      default:
        return outcome;
    }
  }

  async #sendWrites(calls: readonly WriteCall[]): Promise<void> {
    this.#writeGroups.count(calls.length);
    const rules = { txnOfWrites, readWrites, ...this.#rules };
    const result = await this.#cluster.call({ path: '/v3/kv/txn', body: rules.txnOfWrites(calls), idempotent: false });
    const outcomes = result.kind === 'ok' ? rules.readWrites(calls, result.body) : undefined;
    const undone = outcomes === undefined ? whatFailed(result) : undefined;
    for (const [index, { settle }] of calls.entries()) settle(outcomes?.[index] ?? (undone as Undone));
  }

  async #sendReads(calls: readonly ReadCall[]): Promise<void> {
    const rules = { requestOfReads, readReads, ...this.#rules };
    const keys = new Map(calls.map(({ name, key }) => [name, key]));
    this.#readGroups.count(calls.length);
    const sent = [...keys.values()];
    const result = await this.#cluster.call({ ...rules.requestOfReads(sent), idempotent: true });
    const entries = result.kind === 'ok' ? rules.readReads(sent, result.body) : undefined;
    if (entries === undefined) {
      const { error } = whatFailed(result);
      for (const { settle } of calls) settle({ kind: 'failed', error });
      return;
    }
    const found = new Map([...keys.keys()].map((name, index) => [name, entries[index]]));
    for (const { name, settle } of calls) settle(toRead(found.get(name)));
  }

  async #list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    const begin = this.#encode(prefix);
    const end = Buffer.concat([begin, ABOVE_TEXT]);
    const next = after === undefined ? begin : Buffer.concat([this.#encode(after), Buffer.from([0])]);
    const first = Buffer.compare(next, begin) > 0 ? next : begin;
    if (Buffer.compare(first, end) >= 0) return { kind: 'ok', keys: [], more: false };
    const body = listRequest(first, end, limit);
    const result = await this.#cluster.call({ path: '/v3/kv/range', body, idempotent: true });
    const range = result.kind === 'ok' ? readRange(result.body) : undefined;
    if (range === undefined) return { kind: 'failed', error: whatFailed(result).error };
    const keys = range.entries.map(({ key }) => Buffer.from(key, 'base64').toString().slice(this.#prefix.length));
    return { kind: 'ok', keys, more: range.more };
  }

  #encode(key: string): Buffer {
    return Buffer.from(this.#prefix + key);
  }
}

type Written =
  | { readonly kind: 'ok'; readonly revision: string | undefined }
  | { readonly kind: 'refused' | 'unavailable' | 'silent'; readonly error: RpcError };

const CLOSED = 'the store is closed';
const WAITED_TOO_LONG = 'etcd is behind: the call waited too long for its turn and was not sent';
const KEY_LENGTH_SHOWN = 100;

/** The first calls, each key once: a key that is put twice in one transaction makes etcd refuse all of it. */
function chooseWrites(waiting: readonly WriteCall[], max: number): Choice<WriteCall> {
  const keys = new Set<string>();
  const group: WriteCall[] = [];
  const later: WriteCall[] = [];
  let bytes = 0;
  for (const call of waiting) {
    if (group.length < max && !keys.has(call.name) && bytes + call.bytes <= REQUEST_BYTES_MAX) {
      group.push(call);
      bytes += call.bytes;
    } else later.push(call);
    // Also of one that has to wait: calls for one key are served in their order.
    keys.add(call.name);
  }
  return { group, later };
}

/** The first calls, with at most `max` different keys. All that wait for one of these keys share its range. */
function chooseReads(waiting: readonly ReadCall[], max: number): Choice<ReadCall> {
  if (max === 1) return { group: waiting.slice(0, 1), later: waiting.slice(1) };
  const keys = new Set<string>();
  const group: ReadCall[] = [];
  const later: ReadCall[] = [];
  let bytes = 0;
  for (const call of waiting) {
    const isNew = !keys.has(call.name);
    const fits = keys.size < max && bytes + call.bytes <= REQUEST_BYTES_MAX;
    if (isNew && fits) {
      keys.add(call.name);
      bytes += call.bytes + OVERHEAD_BYTES;
    }
    (isNew && !fits ? later : group).push(call);
  }
  return { group, later };
}

function toRead(entry: RangeEntry | undefined): StoreRead {
  if (entry === undefined) return { kind: 'absent' };
  const bytes = Buffer.from(entry.value ?? '', 'base64');
  // What is not UTF-8 was not written by a store.
  if (!isUtf8(bytes)) return { kind: 'foreign' };
  return { kind: 'found', text: bytes.toString(), token: entry.mod_revision as Token };
}

function whatFailed(result: CallResult): Undone {
  if (result.kind === 'ok') return { kind: 'silent', error: silent('the answer does not fit the request') };
  return result.notDone
    ? { kind: 'unavailable', error: unavailable(result.text) }
    : { kind: 'silent', error: silent(result.text) };
}

/** Why a call for this key cannot be sent; undefined if it can. */
function findFlaw(key: string, bytes: number): string | undefined {
  if (isIllFormed(key)) return `the key ${shown(key)} is not well-formed text`;
  if (bytes <= REQUEST_BYTES_MAX) return undefined;
  return `${shown(key)} and its value have ${bytes} bytes; etcd takes ${REQUEST_BYTES_MAX} at once`;
}

/** Whether half of a pair of surrogates stands alone. It would be stored as another text. */
function isIllFormed(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}

function undone(text: string): Undone {
  return { kind: 'unavailable', error: unavailable(text) };
}

function outdated(key: string, from: Token | null): RpcError {
  const text = from === null ? `${shown(key)} exists already` : `${shown(key)} is not at revision ${excerpt(from, 20)}`;
  return RpcError.of('precondition-failed', text);
}

function unavailable(text: string): RpcError {
  return RpcError.of('temporarily-unavailable', `etcd: ${text}`);
}

function silent(text: string): RpcError {
  return RpcError.of('timeout', `etcd: ${text}`);
}

function shown(key: string): string {
  return excerpt(key, KEY_LENGTH_SHOWN);
}

function requireBetween(name: string, value: number, max: number): void {
  if (!(value >= 1 && value <= max)) throw new Error(`${name} of an etcd store must be from 1 to ${max}, not ${value}`);
}
