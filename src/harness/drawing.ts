/** Weighted random choice: what a generator does next, or with which account or voucher. */

import type { SeededRandom } from '../protocol/random.ts';

/** A weighted random choice. One draw takes one number from `random`. */
export class WeightedChoice<Choice> {
  readonly #choices: readonly (readonly [weight: number, choice: Choice])[];
  readonly #weightTotal: number;

  /** @param choices with weights that are integers, at least 0 and not all 0 */
  constructor(choices: readonly (readonly [weight: number, choice: Choice])[]) {
    this.#choices = choices;
    this.#weightTotal = choices.reduce((total, [weight]) => total + weight, 0);
  }

  draw(random: SeededRandom): Choice {
    let point = random.integer(this.#weightTotal);
    for (const [weight, choice] of this.#choices) {
      if (point < weight) return choice;
      point -= weight;
    }
    throw new Error('the weights do not add up');
  }
}
