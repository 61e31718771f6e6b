/**
 * Every change of the keys below a prefix of an etcd, in their order and each once, although members come and go. It is
 * the watch of etcd's gateway (`/v3/watch`), taken up at the next member where it broke.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { askEtcd } from '../../src/host/deployment/etcd-status.ts';
import { until } from './snowstorm-process.ts';

const RETRY_MS = 100;
/** Keys of the feed itself. */
const OWN = '~feed/';

export interface Change {
  /** Without the prefix. */
  readonly key: string;
  /** The new value; undefined: the key was removed. */
  readonly text: string | undefined;
  /** The value before; undefined: there was none. */
  readonly before: string | undefined;
}

interface Pair {
  readonly key: string;
  readonly value?: string;
}

interface Answer {
  readonly result?: {
    readonly header: { readonly revision: string };
    readonly compact_revision?: string;
    readonly events?: readonly {
      readonly type?: 'DELETE';
      readonly kv: Pair & { readonly mod_revision: string };
      readonly prev_kv?: Pair;
    }[];
  };
}

export class ChangeFeed {
  readonly #urls: readonly string[];
  readonly #prefix: string;
  readonly #onChange: (change: Change) => void;
  readonly #end = new AbortController();
  readonly #marks = new Set<string>();
  #revision = 0;
  #failure: Error | undefined;

  /** Follows from the first change on, until it is closed. @param urls of the members */
  constructor(urls: readonly string[], prefix: string, onChange: (change: Change) => void) {
    this.#urls = urls;
    this.#prefix = prefix;
    this.#onChange = onChange;
    void this.#follow();
  }

  /** Of the newest change that was told. */
  get revision(): number {
    return this.#revision;
  }

  /** Writes a key. It is told of as well. */
  async put(key: string, text: string): Promise<void> {
    const body = { key: encode(this.#prefix + key), value: encode(text) };
    const write = async () => {
      for (const url of this.#urls) if ((await askEtcd(url, '/v3/kv/put', body)) !== undefined) return true;
      return false;
    };
    await until(write, () => `${key} could not be written`);
  }

  /** Resolves when everything has been told that was changed before. */
  async caughtUp(): Promise<void> {
    const mark = OWN + randomUUID();
    await this.put(mark, '');
    await until(
      () => {
        if (this.#failure !== undefined) throw this.#failure;
        return this.#marks.has(mark);
      },
      () => 'the watch of etcd is behind',
    );
  }

  close(): void {
    this.#end.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#end;
    for (let turn = 0; !signal.aborted && this.#failure === undefined; turn++) {
      // It ends with the member.
      await this.#watch(this.#urls[turn % this.#urls.length] as string).catch(() => {});
      await sleep(RETRY_MS);
    }
  }

  async #watch(url: string): Promise<void> {
    const create_request = { ...rangeOf(this.#prefix), start_revision: String(this.#revision + 1), prev_kv: true };
    const response = await fetch(`${url}/v3/watch`, {
      method: 'POST',
      body: JSON.stringify({ create_request }),
      signal: this.#end.signal,
    });
    let held = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      held += decoder.decode(chunk, { stream: true });
      const lines = held.split('\n');
      held = lines.pop() as string;
      for (const line of lines) this.#read(JSON.parse(line));
    }
  }

  #read({ result }: Answer): void {
    if (result?.compact_revision !== undefined)
      this.#failure = new Error(`etcd has no history before revision ${result.compact_revision}`);
    for (const { type, kv, prev_kv } of result?.events ?? []) {
      const key = decode(kv.key).slice(this.#prefix.length);
      if (key.startsWith(OWN)) this.#marks.add(key);
      else
        this.#onChange({
          key,
          text: type === 'DELETE' ? undefined : decode(kv.value),
          before: prev_kv && decode(prev_kv.value),
        });
      this.#revision = Number(kv.mod_revision);
    }
  }
}

/** The keys that begin like this, as a request names them. */
export function rangeOf(prefix: string): { readonly key: string; readonly range_end: string } {
  const last = prefix.length - 1;
  return {
    key: encode(prefix),
    range_end: encode(prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1)),
  };
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decode(text = ''): string {
  return Buffer.from(text, 'base64').toString();
}
