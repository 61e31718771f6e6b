/**
 * The store port: a linearizable key-value store in which a value is only ever replaced, and only by a caller who knows
 * what is there. What documents (`documents.ts`) stand on. Maelstrom's lin-kv is behind it (`lin-kv-store.ts`); any
 * engine with a compare-and-set of its own can be.
 *
 * What a store must keep to:
 *
 * - Linearizable. A read shows the newest value, or a newer one than every read before it. So silence can be cleared up
 *   by reading again.
 * - A token stands for one value under one key. It never stands for another value later, as long as no value recurs;
 *   documents see to that.
 * - `replace` acts at most once a copy of the request, and only on the value that the token stands for.
 * - Every call ends by itself, within a deadline of the store's own, and none rejects: what goes wrong is in the
 *   result.
 * - Nothing is guessed. What is not certainly `refused` or `unavailable` is `silent`.
 *
 * `test/kv/store-conformance.ts` holds every store to it.
 */

import type { RpcError } from '../protocol/errors.ts';

declare const OPAQUE: unique symbol;

/**
 * What a store calls one value under one key: a revision, a place in a log, the value itself. Only the store that gave
 * it can read it.
 */
export type Token = string & { readonly [OPAQUE]: never };

/**
 * `absent`: there is nothing. `foreign`: what is there is no text, so no document. `failed`: the store did not tell;
 * nothing was changed.
 */
export type StoreRead =
  | { readonly kind: 'found'; readonly text: string; readonly token: Token }
  | { readonly kind: 'absent' | 'foreign' }
  | { readonly kind: 'failed'; readonly error: RpcError };

/**
 * - `ok`: the text is there, under this token.
 * - `refused`: the store has looked, and did not do it. Mostly the token was out of date. On a way that repeats
 *   requests this may be said of the second copy of one that was carried out, so only reading proves what became of it.
 * - `unavailable`: the store has done nothing, and nothing of this request can ever be done; try again later.
 * - `silent`: it may have been done, or may be done later.
 */
export type StoreReplace =
  | { readonly kind: 'ok'; readonly token: Token }
  | { readonly kind: 'refused' | 'unavailable' | 'silent'; readonly error: RpcError };

export interface LinearizableStore {
  /** What it is called in errors: `lin-kv`. */
  readonly name: string;
  read(key: string): Promise<StoreRead>;
  /** Puts a text in the place of the value that `from` stands for; where `from` is null, in the place of nothing. */
  replace(key: string, from: Token | null, text: string): Promise<StoreReplace>;
}
