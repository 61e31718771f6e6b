/**
 * `lww-kv`, an eventually consistent key-value store of two replicas (Maelstrom's documentation says five). A request
 * first merges one random replica into another. The greater Lamport timestamp wins, and the source wins a tie. Then it
 * runs on a random replica. Lamport, "Time, clocks, and the ordering of events in a distributed system", 1978.
 *
 * Merging whole maps for each request would cost time in proportion to the store. So each key holds the entries of all
 * replicas side by side, and a merge visits only the keys on which replicas differ. Source: Maelstrom, `service.clj`,
 * `LWWKV` in `Eventual`.
 */

import type { RandomSource } from '../../protocol/random.ts';
import { type Entry, isKvType, LAST_WRITE_WINS, runKv } from './kv.ts';
import type { Service, ServiceBody } from './service.ts';

interface StampedEntry extends Entry {
  readonly timestamp: number;
}

export interface LwwKvOptions {
  readonly replicas: number;
  /** Whether a merge has an effect. */
  readonly keepsMerges: boolean;
}

export class LwwKv implements Service {
  readonly #random: RandomSource;
  readonly #keepsMerges: boolean;
  /** The Lamport clock of each replica. */
  readonly #clocks: number[];
  /** The entries of the replicas under each key, by index of the replica. */
  readonly #entries = new Map<string, (StampedEntry | undefined)[]>();
  /** Invariant: holds exactly the keys under which two replicas have different entries. */
  readonly #differing = new Set<string>();

  constructor(random: RandomSource, { replicas, keepsMerges }: LwwKvOptions) {
    this.#random = random;
    this.#keepsMerges = keepsMerges;
    this.#clocks = new Array<number>(replicas).fill(0);
  }

  handle(_source: string, body: ServiceBody): Record<string, unknown> | undefined {
    // In Maelstrom a request of unknown type throws, so its merge does not happen either.
    if (!isKvType(body.type)) return undefined;
    const source = this.#replica();
    const destination = this.#replica();
    if (this.#keepsMerges) this.#merge(source, destination);
    const replica = this.#replica();
    const outcome = runKv((key) => this.#entries.get(key)?.[replica], body, LAST_WRITE_WINS);
    if (outcome?.write !== undefined) this.#set(replica, outcome.write.key, outcome.write.value);
    return outcome?.reply;
  }

  #replica(): number {
    return this.#random.integer(this.#clocks.length);
  }

  #set(replica: number, key: string, value: unknown): void {
    const timestamp = this.#clocks[replica] as number;
    this.#clocks[replica] = timestamp + 1;
    let entries = this.#entries.get(key);
    if (entries === undefined) {
      entries = new Array(this.#clocks.length).fill(undefined);
      this.#entries.set(key, entries);
    }
    entries[replica] = { value, timestamp };
    if (this.#clocks.length > 1) this.#differing.add(key);
  }

  #merge(source: number, destination: number): void {
    if (source === destination) return;
    this.#clocks[destination] = Math.max(this.#clocks[source] as number, this.#clocks[destination] as number);
    for (const key of this.#differing) {
      const entries = this.#entries.get(key) as (StampedEntry | undefined)[];
      const theirs = entries[source];
      if (theirs === undefined || theirs.timestamp < (entries[destination]?.timestamp ?? 0)) continue;
      entries[destination] = theirs;
      if (entries.every((entry) => entry === theirs)) this.#differing.delete(key);
    }
  }
}
