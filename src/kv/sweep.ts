/**
 * Looking again and again for what was left unfinished, by any node. What has stood there unchanged for a while, by the
 * node's own clock, is taken for left behind; it does not matter whether the node that left it is dead or slow.
 */

import type { NodeContext } from '../node/context.ts';

export interface SweepOptions {
  readonly context: Pick<NodeContext, 'sleep' | 'randomUint32'>;
  /** Between two sweeps, ms: drawn from half of this to one and a half, so that nodes do not come all at once. */
  readonly intervalMs: number;
  /** Looks once. It must not reject. */
  readonly sweep: () => Promise<void>;
}

export class Sweep {
  readonly #options: SweepOptions;
  #started = false;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Sweeps from now on until the node stops; one sweep at a time. Started again, it goes on as it does. */
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

/** What sweeps have seen, by name. What a whole sweep has not seen any more is forgotten. */
export class Sightings<Sighting> {
  #earlier: ReadonlyMap<string, Sighting> = new Map();
  #current = new Map<string, Sighting>();

  /** What the sweep before this one noted, or if it noted nothing, this one. */
  of(name: string): Sighting | undefined {
    return this.#earlier.get(name) ?? this.#current.get(name);
  }

  /** Notes it for the next sweep. */
  note(name: string, sighting: Sighting): void {
    this.#current.set(name, sighting);
  }

  /** A sweep is over. */
  turn(): void {
    this.#earlier = this.#current;
    this.#current = new Map();
  }
}
