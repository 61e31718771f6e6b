/**
 * A store in memory whose tokens are revisions, as those of engines are: nothing that works with it knows them for
 * values.
 */

import type { LinearizableStore, StoreRead, StoreReplace, Token } from '../../src/kv/store.ts';
import { RpcError } from '../../src/protocol/errors.ts';

const SILENCE = RpcError.of('timeout', 'no answer');

export class MemoryEngine {
  readonly entries = new Map<string, { readonly text: string; readonly token: Token }>();
  /** What is lost of the next `replace`. */
  lost: 'request' | 'answer' | undefined;
  /** Nothing reaches it. */
  isCut = false;
  #revision = 0;

  /** Another client. */
  open(): LinearizableStore {
    return {
      name: 'memory',
      read: async (key) => this.#read(key),
      replace: async (key, from, text) => {
        const { lost } = this;
        this.lost = undefined;
        if (this.isCut || lost === 'request') return { kind: 'silent', error: SILENCE };
        const result = this.#replace(key, from, text);
        return lost === 'answer' ? { kind: 'silent', error: SILENCE } : result;
      },
    };
  }

  #read(key: string): StoreRead {
    if (this.isCut) return { kind: 'failed', error: SILENCE };
    const entry = this.entries.get(key);
    return entry === undefined ? { kind: 'absent' } : { kind: 'found', ...entry };
  }

  #replace(key: string, from: Token | null, text: string): StoreReplace {
    const token = this.entries.get(key)?.token ?? null;
    if (token !== from) {
      const error = RpcError.of(
        'precondition-failed',
        `${key} is at ${token ?? 'nothing'}, not at ${from ?? 'nothing'}`,
      );
      return { kind: 'refused', error };
    }
    const next = `${++this.#revision}` as Token;
    this.entries.set(key, { text, token: next });
    return { kind: 'ok', token: next };
  }
}
