/**
 * The store port: a linearizable key-value store. A value is only ever replaced, and only by a caller that knows the
 * current one. Documents (`documents.ts`) are built on it. Maelstrom's lin-kv implements it (`lin-kv-store.ts`); any
 * engine with compare-and-set can.
 *
 * What a store must guarantee:
 *
 * - Linearizable. A read shows the newest value, or a newer one than every read before it. So reading again resolves a
 *   timeout.
 * - A token stands for one value under one key. It never stands for another value later, as long as no value recurs.
 *   Documents never repeat a value.
 * - `replace` acts at most once for each copy of the request, and only on the value of its token.
 * - Every call ends by itself, within a deadline of the store, and none rejects: errors are in the result.
 * - Nothing is guessed. What is not certainly `refused` or `unavailable` is `silent`.
 *
 * `test/kv/store-conformance.ts` checks every store against these.
 *
 * An engine is a store of our own services: etcd, a log in a folder, or this process's memory. It can do two things
 * more. It lists keys, and it removes values that are no longer needed. One whose writes reach the disk in the order of
 * their calls can write ahead as well.
 */

import type { RpcError } from '../protocol/errors.ts';

declare const OPAQUE: unique symbol;

/**
 * A store's name for one value under one key: a revision, a position in a log, the value itself. Only the store that
 * issued it can read it.
 */
export type Token = string & { readonly [OPAQUE]: never };

/**
 * `absent`: the key does not exist. `foreign`: the value is not a text, so it is no document. `failed`: the store gave
 * no answer; nothing was changed.
 */
export type StoreRead =
  | { readonly kind: 'found'; readonly text: string; readonly token: Token }
  | { readonly kind: 'absent' | 'foreign' }
  | { readonly kind: 'failed'; readonly error: RpcError };

/**
 * - `ok`: the text is stored, under this token.
 * - `refused`: the store has looked and did not do it. Usually the token was out of date. On a network that repeats
 *   requests, this may answer the second copy of a request that was carried out. So only reading proves what happened.
 * - `unavailable`: the store has done nothing, and this request can never take effect; retry later.
 * - `silent`: it may have been done, or may be done later.
 */
export type StoreReplace =
  | { readonly kind: 'ok'; readonly token: Token }
  | { readonly kind: 'refused' | 'unavailable' | 'silent'; readonly error: RpcError };

/** A key-value store with compare-and-set; see the top of `store.ts` for what it guarantees. */
export interface LinearizableStore {
  /** What errors call it: `lin-kv`. */
  readonly name: string;
  /** How long it may be away without anybody noticing, ms; all timers follow from it (`timings.ts`). Default: 1 s. */
  readonly patienceMs?: number | undefined;
  /** The value under a key, or why there is no answer. */
  read(key: string): Promise<StoreRead>;
  /** Replaces the value that `from` stands for by a text. If `from` is null, the key must not exist. */
  replace(key: string, from: Token | null, text: string): Promise<StoreReplace>;
}

/** A replacement that reaches the disk with the next write, in front of it. */
export interface WriteAhead {
  /** Of the text that is going to be stored. The next replacement may be from it at once. */
  readonly token: Token;
  /** How it ended. If it is not `ok`, the engine has stopped, and nothing that was called later is kept without it. */
  readonly ended: Promise<StoreReplace>;
  /** Writes it now, if nothing else comes. */
  flush(): void;
}

/**
 * - `ok`: the value is gone.
 * - `refused`, `unavailable`, `silent`: as for a replacement.
 */
export type StoreRemoval =
  | { readonly kind: 'ok' }
  | { readonly kind: 'refused' | 'unavailable' | 'silent'; readonly error: RpcError };

/** `more`: there are further keys with this prefix after the last one listed. */
export type StoreList =
  | { readonly kind: 'ok'; readonly keys: readonly string[]; readonly more: boolean }
  | { readonly kind: 'failed'; readonly error: RpcError };

/** Numbers by their names, units last. */
export type EngineFigures = Readonly<Record<string, number>>;

export interface StoreEngine extends LinearizableStore {
  /**
   * Begins a replacement that waits for the next write of another kind. Both reach the disk together, this one first:
   * what is written later is never kept without it (a write-ahead log). Undefined: it was not begun. The token is out
   * of date, or the engine has ended. Absent: this engine cannot.
   *
   * @param makeText called at most once, when it goes to the disk. If it throws, or makes a text that is too long for
   * the store, the engine stops.
   */
  writeAhead?(key: string, from: Token | null, makeText: () => string): WriteAhead | undefined;
  /**
   * Keys that begin with `prefix`, ascending by their UTF-8 bytes.
   *
   * @param after only keys after this one; undefined: from the first
   * @param limit the most keys in one answer, from 1
   */
  list(prefix: string, after: string | undefined, limit: number): Promise<StoreList>;
  /**
   * Removes the value that `from` stands for. Afterwards the key does not exist, so it can be created again. The caller
   * must know that no late request can create it again (`retention.ts`).
   */
  remove(key: string, from: Token): Promise<StoreRemoval>;
  /**
   * Resolves when no file of this engine has anything more of values that were replaced or removed before. Rejects if
   * it could not be done. Absent: it happens by itself in time.
   */
  renew?(): Promise<void>;
  /** What the engine counts: calls by outcome, sizes of groups. */
  figures(): EngineFigures;
  /**
   * Waits for calls in progress and lets go of connections, files and locks. Later calls answer `failed`, `silent` or
   * `unavailable`.
   */
  close(): Promise<void>;
}
