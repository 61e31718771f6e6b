/**
 * Repeated search for unfinished work of any node. Work that has not changed for a while, by the node's own clock, is
 * treated as abandoned. It does not matter whether its node is dead or slow.
 */

import type { NodeContext } from '../node/context.ts';

export interface SweepOptions {
  readonly context: Pick<NodeContext, 'sleep' | 'randomUint32'>;
  /**
   * Average time between two sweeps, ms. Drawn from half of it to one and a half, so that nodes do not sweep together.
   */
  readonly intervalMs: number;
  /** One sweep. It must not reject. */
  readonly sweep: () => Promise<void>;
}

export class Sweep {
  readonly #options: SweepOptions;
  #started = false;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Sweeps from now on until the node stops, one sweep at a time. A second call changes nothing. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    const { context, intervalMs, sweep } = this.#options;
    while (await context.sleep(intervalMs / 2 + (context.randomUint32() / 2 ** 32) * intervalMs)) await sweep();
  }
}

/** What sweeps have seen, by name. An entry that a whole sweep does not see is forgotten. */
export class Sightings<Sighting> {
  #earlier: ReadonlyMap<string, Sighting> = new Map();
  #current = new Map<string, Sighting>();

  /** What the previous sweep noted; if it noted nothing, what this one noted. */
  of(name: string): Sighting | undefined {
    return this.#earlier.get(name) ?? this.#current.get(name);
  }

  /** Notes it for the next sweep. */
  note(name: string, sighting: Sighting): void {
    this.#current.set(name, sighting);
  }

  /** Ends a sweep. */
  turn(): void {
    this.#earlier = this.#current;
    this.#current = new Map();
  }
}
