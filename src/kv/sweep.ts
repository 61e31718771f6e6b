/**
 * Repeated search for unfinished work of any node. Each tick looks at one place, so that many nodes cost the store no
 * more than one reading each and tick. When there was nothing to do for a while, ticks come a little more slowly.
 */

import type { NodeContext } from '../node/context.ts';

/** How much the time between two ticks varies, so that nodes do not sweep together. */
const SPREAD = 0.2;
/** After so many ticks without anything to do, the time between two is longer by this factor. */
const QUIET_TICKS = 10;
const QUIET_FACTOR = 1.2;

export interface SweepOptions {
  readonly context: Pick<NodeContext, 'sleep' | 'randomUint32'>;
  /** Average time between two ticks, ms. */
  readonly intervalMs: number;
  /** One tick. Resolves to whether there is anything to do. It must not reject. */
  readonly tick: () => Promise<boolean>;
}

export class Sweep {
  readonly #options: SweepOptions;
  #started = false;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Sweeps from now on until the node stops, one tick at a time. A second call changes nothing. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    const { context, intervalMs, tick } = this.#options;
    let quietCount = 0;
    let pauseMs = this.#draw() * intervalMs;
    while (await context.sleep(pauseMs)) {
      quietCount = (await tick()) ? 0 : quietCount + 1;
      const factor = quietCount >= QUIET_TICKS ? QUIET_FACTOR : 1;
      pauseMs = factor * intervalMs * (1 - SPREAD + 2 * SPREAD * this.#draw());
    }
  }

  /** From 0 to 1. */
  #draw(): number {
    return this.#options.context.randomUint32() / 2 ** 32;
  }
}
