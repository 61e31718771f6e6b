/** Drawing in proportion: what a generator does next, or to whom. */

import type { SeededRandom } from '../protocol/random.ts';

/** Choices, each of which is drawn as often as its weight says. One draw takes one number of the generator. */
export class Mix<Choice> {
  readonly #choices: readonly (readonly [weight: number, choice: Choice])[];
  readonly #weightTotal: number;

  /** @param choices with weights that are integers and not all 0 */
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
