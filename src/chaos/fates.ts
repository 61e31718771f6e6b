/**
 * What becomes of single messages. Each link draws from a stream of its own and the same number of times for each
 * message, as in `harness/fault-plan.ts`: the fate of the nth message of a link does not depend on what else happens.
 */

import { detached } from '../protocol/detached.ts';
import type { SeededRandom } from '../protocol/random.ts';

export interface FateRates {
  /** Probabilities. Invariant: they do not add up to more than 1, for a message meets one fate at most. */
  readonly loss: number;
  readonly duplicate: number;
  readonly delay: number;
  /** How much later a delayed message, or the copy of a duplicated one, comes on average. */
  readonly delayMeanMs: number;
}

export interface Fate {
  readonly fault: 'loss' | 'duplicate' | 'delay';
  /** How much later it comes, or its copy; 0 for a loss. */
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

  /** Draws for the next message from `src` to `dest`; undefined: nothing happens to it. */
  draw(src: string, dest: string): Fate | undefined {
    const link = `${src} ${dest}`;
    let stream = this.#links.get(link);
    if (stream === undefined) {
      stream = this.#random.fork(link);
      this.#links.set(detached(link), stream);
    }
    let point = stream.float();
    // Exponential: most come a little later, some after every timeout there is.
    const delayMs = Math.ceil(-this.#rates.delayMeanMs * Math.log(1 - stream.float()));
    for (const fault of ['loss', 'duplicate', 'delay'] as const) {
      if (point < this.#rates[fault]) return { fault, delayMs: fault === 'loss' ? 0 : delayMs };
      point -= this.#rates[fault];
    }
    return undefined;
  }
}
