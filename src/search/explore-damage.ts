/**
 * A power failure draws what it leaves of a disk. In an exploration each failure draws from a stream of its own, named
 * after its moment and a number. So the same failure can be drawn several times while the rest of the run stays the
 * same, and the exploration learns whether anything was drawn.
 */

import { SeededRandom } from '../protocol/random.ts';

/** The label under which a simulated disk forks its draws of damage. */
const DAMAGE = 'damage';

export class DamageDraws {
  /** For the bed: draws as the seed has it, except for damage. */
  readonly random: SeededRandom;
  readonly #origin: SeededRandom;
  #stream: SeededRandom;
  #drew = false;

  constructor(seed: string) {
    const source = new SeededRandom(seed).fork('nodes');
    this.#origin = source.fork('draws of damage');
    this.#stream = this.#origin;
    this.random = new Redirected(source, () => {
      this.#drew = true;
      return this.#stream;
    });
  }

  /** Runs an action that damages disks, and returns whether anything was drawn for it. */
  drawFor(name: string, damage: () => void): boolean {
    this.#stream = this.#origin.fork(name);
    this.#drew = false;
    damage();
    return this.#drew;
  }
}

/** Draws as `source` does, and so do its forks, except those with the label of the damage. */
class Redirected extends SeededRandom {
  readonly #source: SeededRandom;
  readonly #damage: () => SeededRandom;
  readonly #isDamage: boolean;

  constructor(source: SeededRandom, damage: () => SeededRandom, isDamage = false) {
    super('never drawn from');
    this.#source = source;
    this.#damage = damage;
    this.#isDamage = isDamage;
  }

  override uint32(): number {
    return (this.#isDamage ? this.#damage() : this.#source).uint32();
  }

  override fork(label: string): SeededRandom {
    return new Redirected(this.#source.fork(label), this.#damage, this.#isDamage || label === DAMAGE);
  }
}
