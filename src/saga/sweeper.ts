/**
 * Finishes sagas that any node left unfinished. Again and again a node reads the indices of all nodes. A saga whose
 * record has not moved for a while, by this node's clock, is taken over. It does not matter whether the other node is
 * dead or slow. If an entry has no record, the record is created as aborted. That fences off a creation that may still
 * be under way: it would begin a saga that no index knows.
 */

import { Sightings, Sweep } from '../kv/sweep.ts';
import type { NodeContext } from '../node/context.ts';
import type { SagaLimits } from './limits.ts';
import { indexKey, isTerminal, type SagaRecord, type SagaStore } from './record.ts';

/** Average time between two sweeps, ms. */
const SWEEP_MS = 800;
/**
 * A record that has not moved for so long is taken over, ms. The actual time is drawn for each saga, from this to one
 * and a half of it, so that not all nodes come at once.
 */
const TAKEOVER_MS = 1200;
/** A finished saga that is in the index of another node for so long is removed for that node, ms. */
const FORGOTTEN_MS = 2500;

export interface SweeperOptions {
  readonly context: NodeContext;
  readonly store: SagaStore;
  /** Whether this node is driving it. */
  readonly isActive: (id: string) => boolean;
  readonly isFinished: (id: string) => boolean;
  readonly read: (id: string) => Promise<SagaRecord | undefined>;
  /** Drives a saga to its end. */
  readonly finish: (id: string) => Promise<void>;
  /** Creates the record as aborted, if there is none. */
  readonly fence: (id: string, digest: string) => Promise<void>;
  /** Removes it from this node's own index. */
  readonly leave: (id: string) => void;
  readonly limits: Pick<SagaLimits, 'looks' | 'taken'>;
}

interface Sighting {
  readonly firstMs: number;
  /** The record as last read: `history.length`; -1: there was none. Undefined: it was not read yet. */
  readonly length: number | undefined;
  /** Since when it has been like this. */
  readonly sinceMs: number;
  readonly takeoverMs: number;
  /** The record was read and is terminal. It is known here, because the node may remember fewer finished sagas. */
  readonly ended: boolean;
}

export class SagaSweeper {
  readonly #options: SweeperOptions;
  readonly #sweeps: Sweep;
  readonly #seen = new Sightings<Sighting>();
  #takenCount = 0;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#sweeps = new Sweep({ context: options.context, intervalMs: SWEEP_MS, sweep: () => this.#sweep() });
  }

  /** Sweeps from now on. A node that has never handled a saga does not sweep. */
  start(): void {
    this.#sweeps.start();
  }

  async #sweep(): Promise<void> {
    const { context, store, limits } = this.#options;
    await Promise.all(
      context.nodeIds.map(async (nodeId) => {
        const read = await store.indices.read(indexKey(nodeId));
        if (read.kind !== 'ok') return;
        const sagas = read.stored.content?.sagas ?? [];
        const forgotten: string[] = [];
        for (let index = 0; index < sagas.length; index += limits.looks) {
          const some = sagas.slice(index, index + limits.looks);
          const told = await Promise.all(some.map(([id, digest]) => this.#look(id, digest, nodeId)));
          forgotten.push(...some.flatMap(([id], place) => (told[place] ? [id] : [])));
        }
        if (forgotten.length > 0) await this.#crossOut(nodeId, forgotten);
      }),
    );
    this.#seen.turn();
  }

  /** Whether it must be removed from that index. */
  async #look(id: string, digest: string, nodeId: string): Promise<boolean> {
    const { context, isActive, isFinished, read, leave } = this.#options;
    const nowMs = context.clock.monotonicMs();
    const before = this.#seen.of(id);
    const sighting = before ?? {
      firstMs: nowMs,
      length: undefined,
      sinceMs: nowMs,
      takeoverMs: TAKEOVER_MS * (1 + context.randomUint32() / 2 ** 33),
      ended: false,
    };
    this.#seen.note(id, sighting);
    if (isActive(id)) return false;
    if (sighting.ended || isFinished(id)) {
      if (nodeId !== context.nodeId) return nowMs - sighting.firstMs >= FORGOTTEN_MS;
      leave(id);
      return false;
    }
    // Most sagas are finished before they are seen a second time.
    if (before === undefined) return false;
    let record: SagaRecord | undefined;
    try {
      record = await read(id);
    } catch {
      return false;
    }
    if (record !== undefined && isTerminal(record)) {
      // The next sweep removes it, after it has been there long enough.
      this.#seen.note(id, { ...sighting, ended: true });
      return false;
    }
    const length = record === undefined ? -1 : record.history.length;
    const since = sighting.length === length ? sighting.sinceMs : nowMs;
    this.#seen.note(id, { ...sighting, length, sinceMs: since });
    if (nowMs - since >= sighting.takeoverMs) this.#take(id, digest, record !== undefined);
    return false;
  }

  #take(id: string, digest: string, exists: boolean): void {
    const { finish, fence, limits } = this.#options;
    if (this.#takenCount >= limits.taken) return;
    this.#takenCount++;
    void (exists ? finish(id) : fence(id, digest)).finally(() => {
      this.#takenCount--;
    });
  }

  async #crossOut(nodeId: string, ids: readonly string[]): Promise<void> {
    await this.#options.store.indices.update(indexKey(nodeId), (content) => {
      const before = content?.sagas ?? [];
      const kept = before.filter(([id]) => !ids.includes(id));
      return kept.length === before.length && content !== undefined ? undefined : { sagas: kept };
    });
  }
}
