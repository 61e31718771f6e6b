/** A store in this process's memory: for tests, and for trying the services out. Nothing outlives the process. */

import { RpcError } from '../protocol/errors.ts';
import { KeyOrder } from './key-order.ts';
import type { EngineFigures, StoreEngine, StoreList, StoreRead, StoreRemoval, StoreReplace, Token } from './store.ts';

const CLOSED = RpcError.of('temporarily-unavailable', 'the store in memory is closed');

export class MemoryEngine implements StoreEngine {
  readonly name = 'memory';
  readonly patienceMs: number | undefined;
  readonly #entries = new Map<string, { readonly text: string; readonly token: Token }>();
  readonly #order = new KeyOrder();
  #revision = 0;
  #closed = false;

  constructor(patienceMs?: number) {
    this.patienceMs = patienceMs;
  }

  async read(key: string): Promise<StoreRead> {
    if (this.#closed) return { kind: 'failed', error: CLOSED };
    const entry = this.#entries.get(key);
    return entry === undefined ? { kind: 'absent' } : { kind: 'found', ...entry };
  }

  async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    if (this.#closed) return { kind: 'unavailable', error: CLOSED };
    const stale = this.#findStale(key, from);
    if (stale !== undefined) return { kind: 'refused', error: stale };
    if (!this.#entries.has(key)) this.#order.add(key);
    const token = `${++this.#revision}` as Token;
    this.#entries.set(key, { text, token });
    return { kind: 'ok', token };
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    if (this.#closed) return { kind: 'failed', error: CLOSED };
    const keys = this.#order.find(prefix, after, limit + 1);
    return { kind: 'ok', keys: keys.slice(0, limit), more: keys.length > limit };
  }

  async remove(key: string, from: Token): Promise<StoreRemoval> {
    if (this.#closed) return { kind: 'unavailable', error: CLOSED };
    const stale = this.#findStale(key, from);
    if (stale !== undefined) return { kind: 'refused', error: stale };
    if (this.#entries.delete(key)) this.#order.remove(key);
    return { kind: 'ok' };
  }

  figures(): EngineFigures {
    return { keys: this.#entries.size };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #findStale(key: string, from: Token | null): RpcError | undefined {
    const token = this.#entries.get(key)?.token ?? null;
    if (token === from) return undefined;
    const text = `${key} is at ${token ?? 'nothing'}, not at ${from ?? 'nothing'}`;
    return RpcError.of('precondition-failed', text);
  }
}
