/** A store in this process's memory: for tests, and for trying the services out. Nothing outlives the process. */

import { RpcError } from '../protocol/errors.ts';
import type { EngineFigures, StoreEngine, StoreList, StoreRead, StoreRemoval, StoreReplace, Token } from './store.ts';

export class MemoryEngine implements StoreEngine {
  readonly name = 'memory';
  readonly #entries = new Map<string, { readonly text: string; readonly token: Token }>();
  #revision = 0;

  async read(key: string): Promise<StoreRead> {
    const entry = this.#entries.get(key);
    return entry === undefined ? { kind: 'absent' } : { kind: 'found', ...entry };
  }

  async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    const stale = this.#findStale(key, from);
    if (stale !== undefined) return { kind: 'refused', error: stale };
    const token = `${++this.#revision}` as Token;
    this.#entries.set(key, { text, token });
    return { kind: 'ok', token };
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
    const keys = [...this.#entries.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0))
      .sort(compareKeys);
    return { kind: 'ok', keys: keys.slice(0, limit), more: keys.length > limit };
  }

  async remove(key: string, from: Token): Promise<StoreRemoval> {
    const stale = this.#findStale(key, from);
    if (stale !== undefined) return { kind: 'refused', error: stale };
    this.#entries.delete(key);
    return { kind: 'ok' };
  }

  figures(): EngineFigures {
    return { keys: this.#entries.size };
  }

  async close(): Promise<void> {}

  #findStale(key: string, from: Token | null): RpcError | undefined {
    const token = this.#entries.get(key)?.token ?? null;
    if (token === from) return undefined;
    const text = `${key} is at ${token ?? 'nothing'}, not at ${from ?? 'nothing'}`;
    return RpcError.of('precondition-failed', text);
  }
}

/** By UTF-8 bytes, which is the order of code points. */
export function compareKeys(one: string, other: string): number {
  for (let index = 0; ; index++) {
    const [left, right] = [one.codePointAt(index), other.codePointAt(index)];
    if (left === undefined || right === undefined) return (left === undefined ? 0 : 1) - (right === undefined ? 0 : 1);
    if (left !== right) return left - right;
  }
}
