/**
 * `seq-kv`, a sequentially consistent key-value store. It remembers the last 32 states. A request runs on a state drawn
 * between the newest that its client has seen and the newest of all. If it changes nothing there, that stale reply
 * stands. Otherwise it runs again on the newest state, and the result is a new state, even if nothing changed this
 * time.
 *
 * Maelstrom copies persistent maps. Here each key has a list of versions, and a ring holds the key that each state
 * changed. A version is dropped once no remembered state shows it. So a write costs the same in a store of any size.
 * Source: Maelstrom, `service.clj`, `PersistentKV` in `Sequential`; amalloy/ring-buffer 1.3.1.
 */

import type { RandomSource } from '../../protocol/random.ts';
import { changes, type Entry, type KvOutcome, type Lookup, runKv, STANDARD, type Write } from './kv.ts';
import type { Service, ServiceBody } from './service.ts';

const STATES_KEPT = 32;

interface Version extends Entry {
  /** The index of the state that wrote it. */
  readonly index: number;
}

export class SeqKv implements Service {
  readonly #random: RandomSource;
  /** Oldest first. Invariant: of each key at most one version is as old as the oldest state kept, or older. */
  readonly #versions = new Map<string, Version[]>();
  /** The key that each kept state wrote, at its index modulo the number kept. */
  readonly #written: (string | undefined)[] = new Array(STATES_KEPT).fill(undefined);
  readonly #seenBy = new Map<string, number>();
  #newest = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  handle(source: string, body: ServiceBody): Record<string, unknown> | undefined {
    const seen = this.#seenBy.get(source) ?? 0;
    const index = seen + this.#random.integer(this.#newest - seen + 1);
    const state = this.#state(index);
    const outcome = runKv(state, body, STANDARD);
    if (outcome === undefined) return undefined;
    if (!changes(state, outcome.write)) {
      this.#seenBy.set(source, index);
      return outcome.reply;
    }
    const rerun = runKv(this.#state(this.#newest), body, STANDARD) as KvOutcome;
    this.#append(rerun.write);
    this.#seenBy.set(source, this.#newest);
    return rerun.reply;
  }

  /**
   * The state at an index. A client that is 32 or more behind may draw a forgotten index. The ring wraps around, so the
   * client sees a newer state but keeps the old index, and may read backwards later. Maelstrom behaves like that.
   */
  #state(index: number): Lookup {
    const shown = this.#newest - ((this.#newest - index) % STATES_KEPT);
    return (key) => this.#versions.get(key)?.findLast((version) => version.index <= shown);
  }

  #append(write: Write | undefined): void {
    this.#newest++;
    this.#written[this.#newest % STATES_KEPT] = write?.key;
    if (write !== undefined) {
      const version = { index: this.#newest, value: write.value };
      const versions = this.#versions.get(write.key);
      if (versions === undefined) this.#versions.set(write.key, [version]);
      else versions.push(version);
    }
    this.#forget(this.#newest - STATES_KEPT + 1);
  }

  /** Drops the version that no state shows once `oldest` is the oldest state. */
  #forget(oldest: number): void {
    if (oldest <= 0) return;
    const key = this.#written[oldest % STATES_KEPT];
    if (key === undefined) return;
    const versions = this.#versions.get(key) as Version[];
    while ((versions[1]?.index ?? Number.POSITIVE_INFINITY) <= oldest) versions.shift();
  }
}
