/**
 * The fates of single messages. Each link has a random stream of its own, and draws equally often for each message, as
 * in `harness/fault-plan.ts`. So the fate of the nth message of a link does not depend on other events.
 */

import { detached } from '../protocol/detached.ts';
import type { SeededRandom } from '../protocol/random.ts';

export interface FateRates {
  /** Probabilities. Invariant: their sum is at most 1, since a message meets one fate at most. */
  readonly loss: number;
  readonly duplicate: number;
  readonly delay: number;
  /** Mean delay of a delayed message, and of the copy of a duplicated message. */
  readonly delayMeanMs: number;
}

export interface Fate {
  readonly fault: 'loss' | 'duplicate' | 'delay';
  /** The delay of the message or of its copy; 0 for a loss. */
  readonly delayMs: number;
}

export class Fates {
  readonly #rates: FateRates;
  readonly #random: SeededRandom;
  readonly #links = new Map<string, SeededRandom>();

  constructor(rates: FateRates, random: SeededRandom) {
    this.#rates = rates;
    this.#random = random;
  }

  /** Draws the fate of the next message from `src` to `dest`; undefined: it is delivered unchanged. */
  draw(src: string, dest: string): Fate | undefined {
    const link = `${src} ${dest}`;
    let stream = this.#links.get(link);
    if (stream === undefined) {
      stream = this.#random.fork(link);
      this.#links.set(detached(link), stream);
    }
    let point = stream.float();
    // Exponential: most delays are short, and some are longer than every timeout.
    const delayMs = Math.ceil(-this.#rates.delayMeanMs * Math.log(1 - stream.float()));
    for (const fault of ['loss', 'duplicate', 'delay'] as const) {
      if (point < this.#rates[fault]) return { fault, delayMs: fault === 'loss' ? 0 : delayMs };
      point -= this.#rates[fault];
    }
    return undefined;
  }
}
