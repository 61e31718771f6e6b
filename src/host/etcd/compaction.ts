/**
 * Drops old history. etcd keeps every version of every key until it is compacted, and its database is full some day. So
 * every interval the history is compacted up to the revision of one interval ago. Several instances may do so: who
 * comes later finds it done.
 *
 * It concerns the whole cluster, not just the keys of this store: etcd has one history.
 */

import type { Cluster } from './cluster.ts';
import { readRevision } from './messages.ts';

/** The interval is drawn from 1 to 1.25 times the one asked for, so that instances do not go together. */
const SPREAD = 0.25;

export class Compaction {
  readonly #cluster: Cluster;
  readonly #key: Buffer;
  readonly #everyMs: number;
  readonly #warn: (text: string) => void;
  #timer: NodeJS.Timeout | undefined;
  /** The revision at the end of the last interval. */
  #revision: string | undefined;
  #isStopped = false;
  /** How often this instance has compacted. */
  count = 0;

  /** @param everyMs 0: never */
  constructor(cluster: Cluster, key: Buffer, everyMs: number, warn: (text: string) => void) {
    this.#cluster = cluster;
    this.#key = key;
    this.#everyMs = everyMs;
    this.#warn = warn;
  }

  start(): void {
    if (this.#everyMs > 0) void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const earlier = this.#revision;
    this.#revision = (await this.#look()) ?? earlier;
    if (!this.#isStopped && earlier !== undefined && earlier !== this.#revision) await this.#compact(earlier);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#run(), this.#everyMs * (1 + SPREAD * Math.random())).unref();
  }

  async #look(): Promise<string | undefined> {
    const body = { key: this.#key.toString('base64') };
    const result = await this.#cluster.call({ path: '/v3/kv/range', body, idempotent: true });
    return result.kind === 'ok' ? readRevision(result.body) : undefined;
  }

  async #compact(revision: string): Promise<void> {
    const result = await this.#cluster.call({ path: '/v3/kv/compaction', body: { revision }, idempotent: true });
    if (result.kind === 'ok') this.count++;
    else if (!result.text.includes('required revision has been compacted') && !this.#isStopped)
      this.#warn(`etcd's history could not be compacted to revision ${revision}: ${result.text}`);
  }
}
