/**
 * Maelstrom's lin-kv as a store for documents. Its compare-and-set is by value, so the token of a value is the value.
 * Every refusal is `refused`, never `unavailable`. The network may repeat requests, so a refusal may answer the second
 * copy of a request that was carried out.
 */

import type { NodeContext } from '../node/context.ts';
import type { LinearizableStore, StoreRead, StoreReplace, Token } from './store.ts';
import { CompareAndSet, casRequest, isMissing, type KvOptions, Read } from './store-rpcs.ts';

export interface LinKvOptions extends KvOptions {
  /** How long it may be away, ms. */
  readonly patienceMs?: number | undefined;
}

export class LinKvStore implements LinearizableStore {
  readonly name = 'lin-kv';
  readonly patienceMs: number | undefined;
  readonly #context: Pick<NodeContext, 'rpc'>;
  readonly #options: KvOptions;

  /** A request waits for its reply as long as the store may be away, unless the options say otherwise. */
  constructor(context: Pick<NodeContext, 'rpc'>, { patienceMs, ...options }: LinKvOptions = {}) {
    this.#context = context;
    this.#options = patienceMs === undefined ? options : { deadlineMs: patienceMs, ...options };
    this.patienceMs = patienceMs;
  }

  async read(key: string): Promise<StoreRead> {
    const result = await this.#context.rpc(this.name, Read, { key }, this.#options);
    if (result.kind !== 'ok')
      return isMissing(result.error) ? { kind: 'absent' } : { kind: 'failed', error: result.error };
    const { value } = result.reply;
    return typeof value === 'string' ? { kind: 'found', text: value, token: value as Token } : { kind: 'foreign' };
  }

  async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    const result = await this.#context.rpc(this.name, CompareAndSet, casRequest(key, from, text), this.#options);
    if (result.kind === 'ok') return { kind: 'ok', token: text as Token };
    return { kind: result.kind === 'definite' ? 'refused' : 'silent', error: result.error };
  }
}
