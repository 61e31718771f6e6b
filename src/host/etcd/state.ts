/**
 * What a store on etcd holds at one revision, page by page. The first page is of now, and all later ones are of its
 * revision, so together they are one moment. Instances compact the history that is older than some minutes
 * (`compaction.ts`). If that overtakes the reading, the state is gone and a newer one must be read.
 */

import { isUtf8 } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { StateGoneError, type StoredEntry, type StoredState } from '../../kv/stored-state.ts';
import { excerpt } from '../../protocol/excerpt.ts';
import { Cluster } from './cluster.ts';
import { ABOVE_TEXT, type EtcdOptions, OPEN_TIMEOUT_MS } from './engine.ts';
import { classifyFailure } from './failures.ts';
import { pageRequest, type RangeEntry, readRange, readRevision } from './messages.ts';
import { prove } from './opening.ts';

/** A page is long: it may take longer than a call of the engine, ms. */
const PAGE_TIMEOUT_MS = 10_000;
/** A page without an answer is asked for again, with fewer keys, so often. */
const TRIES_MAX = 6;
const PAUSE_MS = 200;
const PAGE_KEYS_FIRST = 64;
const PAGE_KEYS_MAX = 1024;
/** The next page has about so many bytes, if its values are like those of the last one. */
const PAGE_BYTES = 4 * 1024 * 1024;
const SHOWN_LENGTH_MAX = 100;

type StateOptions = Pick<EtcdOptions, 'endpoints' | 'prefix' | 'tls' | 'user' | 'password' | 'warn'>;

/** What a test may make different. */
export interface StateRules {
  readonly pageKeysMax?: number;
  /** Called before each page but the first. */
  readonly beforePage?: () => Promise<void>;
}

/** Reads the store below a prefix. Rejects with an Error for people. */
export async function readEtcdState(options: StateOptions, rules: StateRules = {}): Promise<StoredState> {
  const { endpoints, prefix, tls = {}, user, password = '', warn = () => {} } = options;
  const cluster = new Cluster({ endpoints, tls, user, password, timeoutMs: PAGE_TIMEOUT_MS, warn });
  const reading = new Reading(cluster, prefix, rules);
  try {
    const probe = Buffer.concat([Buffer.from(prefix), ABOVE_TEXT]);
    await prove(cluster, { probe, prefix, user, timeoutMs: OPEN_TIMEOUT_MS, readsOnly: true });
    const first = await reading.next();
    if (first.length === 0) throw new Error(`there is no store: no key begins with "${prefix}"`);
    return { position: `revision ${reading.revision}`, entries: reading.all(first) };
  } catch (error) {
    cluster.close();
    throw error;
  }
}

class Reading {
  /** That of all pages, once there is one. */
  revision: string | undefined;
  readonly #cluster: Cluster;
  readonly #prefix: Buffer;
  readonly #rules: StateRules;
  readonly #end: Buffer;
  #next: Buffer;
  #more = true;
  #limit: number;

  constructor(cluster: Cluster, prefix: string, rules: StateRules) {
    this.#cluster = cluster;
    this.#rules = rules;
    this.#prefix = Buffer.from(prefix);
    this.#end = Buffer.concat([this.#prefix, ABOVE_TEXT]);
    this.#next = this.#prefix;
    this.#limit = Math.min(PAGE_KEYS_FIRST, this.#pageKeysMax);
  }

  /** All pages. The connections are closed behind the last one, or when the reader stops. */
  async *all(first: readonly StoredEntry[]): AsyncGenerator<readonly StoredEntry[]> {
    try {
      yield first;
      while (this.#more) {
        await this.#rules.beforePage?.();
        yield await this.next();
      }
    } finally {
      this.#cluster.close();
    }
  }

  async next(): Promise<readonly StoredEntry[]> {
    const body = await this.#page();
    const range = readRange(body);
    const revision = readRevision(body);
    if (range === undefined || revision === undefined) throw new Error('etcd: the answer does not fit the request');
    this.revision ??= revision;
    const entries = range.entries.map((entry) => this.#parse(entry));
    const last = range.entries.at(-1);
    this.#more = range.more && last !== undefined;
    if (last !== undefined) this.#next = Buffer.concat([Buffer.from(last.key, 'base64'), Buffer.from([0])]);
    const bytes = range.entries.reduce((sum, { key, value = '' }) => sum + key.length + value.length, 1);
    const fitting = Math.floor((PAGE_BYTES * entries.length) / bytes);
    this.#limit = Math.max(1, Math.min(fitting, 2 * this.#limit, this.#pageKeysMax));
    return entries;
  }

  get #pageKeysMax(): number {
    return this.#rules.pageKeysMax ?? PAGE_KEYS_MAX;
  }

  async #page(): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const request = pageRequest(this.#next, this.#end, this.#limit, this.revision);
      const result = await this.#cluster.call({ path: '/v3/kv/range', body: request, idempotent: true });
      if (result.kind === 'ok') return result.body;
      if (/required revision has been compacted/.test(result.text))
        throw new StateGoneError(`revision ${this.revision} was compacted while it was read`);
      const mayPass = classifyFailure(result.failure).remedy !== 'nothing';
      if (!mayPass || attempt === TRIES_MAX) throw new Error(`etcd: ${result.text}`);
      // It may have been too long to be answered in time.
      this.#limit = Math.max(1, Math.floor(this.#limit / 4));
      await sleep(PAUSE_MS * attempt);
    }
  }

  #parse({ key, value = '' }: RangeEntry): StoredEntry {
    const [name, text] = [Buffer.from(key, 'base64'), Buffer.from(value, 'base64')];
    if (!isUtf8(name) || !isUtf8(text)) {
      const shown = excerpt(name.toString(), SHOWN_LENGTH_MAX);
      throw new Error(`the key ${shown} or its value is no text: no store of Snowstorm has written it`);
    }
    return { key: name.subarray(this.#prefix.length).toString(), text: text.toString() };
  }
}
