/**
 * A client of one of Maelstrom's key-value stores, and of its timestamp oracle. An outcome is `ok`, `definite` (it did
 * not happen and never will, as far as the store can tell) or `indefinite` (a timeout: it may have happened, or may
 * happen later).
 *
 * On a network that repeats messages, error 22 is no proof. It may be the answer to the second copy of a request whose
 * first copy was carried out. `documents.ts` keeps that rule; use it for everything that matters. Our workloads do, so
 * this file is for those of others, and for trying out the stores.
 */

import * as z from 'zod';
import type { NodeContext, RpcResult } from '../node/context.ts';
import { defineRpc } from '../protocol/rpc.ts';
import { CompareAndSet, casRequest, isMissing, type KvOptions, Read } from './store-rpcs.ts';

export const STORES = ['lin-kv', 'seq-kv', 'lww-kv'] as const;
/** The names of Maelstrom's key-value stores. */
export type StoreName = (typeof STORES)[number];
const TIMESTAMP_ORACLE = 'lin-tso';

export const Write = defineRpc(
  'write',
  'Puts a value under a key, with or without a value there.',
  { key: z.unknown(), value: z.unknown() },
  {},
);

const NextTimestamp = defineRpc('ts', 'A number above all earlier ones.', {}, { ts: z.int() });

/** The outcome of one request to a store. */
export type KvResult<Value> =
  | { readonly kind: 'ok'; readonly value: Value }
  | Exclude<RpcResult<never>, { readonly kind: 'ok' }>;

/**
 * A client of one of Maelstrom's key-value stores.
 *
 * @example
 * ```ts
 * import { KvClient, type NodeContext } from 'snowstorm';
 *
 * export async function readSum(context: NodeContext): Promise<number> {
 *   const result = await new KvClient(context, 'seq-kv').read('sum');
 *   if (result.kind !== 'ok') throw result.error;
 *   return Number(result.value ?? 0);
 * }
 * ```
 */
export class KvClient {
  /** The store that is asked. */
  readonly store: StoreName;
  readonly #context: Pick<NodeContext, 'rpc'>;
  readonly #options: KvOptions;

  constructor(context: Pick<NodeContext, 'rpc'>, store: StoreName, options: KvOptions = {}) {
    this.#context = context;
    this.store = store;
    this.#options = options;
  }

  /** The value under `key`; undefined if there is none. */
  async read(key: string): Promise<KvResult<unknown>> {
    const result = await this.#context.rpc(this.store, Read, { key }, this.#options);
    if (result.kind === 'ok') return { kind: 'ok', value: result.reply.value };
    return isMissing(result.error) ? { kind: 'ok', value: undefined } : result;
  }

  /** Puts a value under `key`, with or without a value there. */
  async write(key: string, value: unknown): Promise<KvResult<undefined>> {
    return done(await this.#context.rpc(this.store, Write, { key, value }, this.#options));
  }

  /**
   * Replaces `from` by `to`. If `from` is null, the key must not exist. (A store accepts any `from` when it creates a
   * key. So a caller may create a key only after seeing that it does not exist. The loser of that race gets error 22.
   * lww-kv cannot create by compare-and-set: error 20.)
   */
  async compareAndSet(key: string, from: string | null, to: string): Promise<KvResult<undefined>> {
    return done(await this.#context.rpc(this.store, CompareAndSet, casRequest(key, from, to), this.#options));
  }
}

/** A client of Maelstrom's timestamp oracle, `lin-tso`. */
export class TimestampOracle {
  readonly #context: Pick<NodeContext, 'rpc'>;
  readonly #options: KvOptions;

  constructor(context: Pick<NodeContext, 'rpc'>, options: KvOptions = {}) {
    this.#context = context;
    this.#options = options;
  }

  /** A number above all numbers that were given out before this call. */
  async next(): Promise<KvResult<number>> {
    const result = await this.#context.rpc(TIMESTAMP_ORACLE, NextTimestamp, {}, this.#options);
    return result.kind === 'ok' ? { kind: 'ok', value: result.reply.ts } : result;
  }
}

function done(result: RpcResult<unknown>): KvResult<undefined> {
  return result.kind === 'ok' ? { kind: 'ok', value: undefined } : result;
}
