/**
 * Randomness as an injected dependency, and the seeded generator that lets a run be replayed.
 *
 * The generator is xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018;
 * prng.di.unimi.it). A seed is hashed to its 128 bits of state with the rounds and the finaliser of MurmurHash3_x86_128
 * (Austin Appleby, SMHasher), one UTF-16 unit a block. All of it is arithmetic on 32-bit integers, so every platform
 * draws the same numbers. Not for secrets.
 */

import { avalanche, rotateLeft } from './hash.ts';

/** The source of all randomness. */
export interface RandomSource {
  /** A uniform integer in 0 … bound - 1. */
  integer(bound: number): number;
}

type Words = readonly [number, number, number, number];

/** Any four words that are not all zero would do. These are the first digits of pi. */
const ROOT: Words = [0x243f6a88, 0x85a308d3 | 0, 0x13198a2e, 0x03707344];
const MULTIPLIERS: Words = [0x239b961b, 0xab0e9789 | 0, 0x38b34ae5, 0xa1e38b93 | 0];
const TWO_TO_26 = 2 ** 26;
const TWO_TO_32 = 2 ** 32;
const TWO_TO_53 = 2 ** 53;

/** Draws that a seed repeats. */
export class SeededRandom implements RandomSource {
  /** The state that the seed gave. Forks are made from it. */
  readonly #origin: Words;
  /** Invariant: not all zero. The generator never leaves that state. */
  readonly #state: Int32Array;

  /**
   * A number and its decimal text are the same seed. `lineage` separates the streams of a fork from those of its
   * parent.
   */
  constructor(seed: number | string, lineage: Words = ROOT) {
    this.#origin = hash(String(seed), lineage);
    this.#state = Int32Array.from(this.#origin);
  }

  /** A uniform integer of 32 bits, unsigned. */
  uint32(): number {
    return xoshiro128(this.#state);
  }

  /** A uniform integer in 0 … bound - 1, without bias: draws beyond the last whole multiple of `bound` are rejected. */
  integer(bound: number): number {
    if (!(Number.isSafeInteger(bound) && bound > 0)) throw new RangeError(`no integer is below a bound of ${bound}`);
    const range = bound <= TWO_TO_32 ? TWO_TO_32 : TWO_TO_53;
    const limit = range - (range % bound);
    for (;;) {
      const drawn = range === TWO_TO_32 ? this.uint32() : (this.uint32() >>> 11) * TWO_TO_32 + this.uint32();
      if (drawn < limit) return drawn % bound;
    }
  }

  /** A uniform multiple of 2^-53 in [0, 1). */
  float(): number {
    const high = this.uint32() >>> 5;
    return (high * TWO_TO_26 + (this.uint32() >>> 6)) / TWO_TO_53;
  }

  /** An independent stream. It depends on the seed and the label only, so earlier draws do not change it. */
  fork(label: string): SeededRandom {
    return new SeededRandom(label, this.#origin);
  }

  /** The items in random order, in a new array (Fisher and Yates, in Durstenfeld's form). */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = items.slice();
    for (let last = shuffled.length - 1; last > 0; last--) {
      const chosen = this.integer(last + 1);
      [shuffled[last], shuffled[chosen]] = [shuffled[chosen] as Item, shuffled[last] as Item];
    }
    return shuffled;
  }

  /** One of the items; a RangeError if there is none. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(items.length)] as Item;
  }
}

/** One step of xoshiro128**: changes the four words of state and returns the number drawn. */
export function xoshiro128(state: Int32Array): number {
  const [s0, s1, s2, s3] = [state[0] as number, state[1] as number, state[2] as number, state[3] as number];
  const drawn = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
  const next2 = s2 ^ s0;
  const next3 = s3 ^ s1;
  state[0] = s0 ^ next3;
  state[1] = s1 ^ next2;
  state[2] = next2 ^ (s1 << 9);
  state[3] = rotateLeft(next3, 11);
  return drawn;
}

function hash(text: string, lineage: Words): Words {
  const lanes = [...lineage] as [number, number, number, number];
  for (let position = 0; position < text.length; position++) {
    const unit = text.charCodeAt(position);
    for (let lane = 0; lane < 4; lane++) {
      const mixed = rotateLeft(Math.imul(unit, MULTIPLIERS[lane] as number), 15);
      const absorbed = (lanes[lane] as number) ^ Math.imul(mixed, MULTIPLIERS[(lane + 1) % 4] as number);
      lanes[lane] = (Math.imul(rotateLeft(absorbed, 13), 5) + 0xe6546b64) | 0;
    }
  }
  const [a, b, c, d] = spread(lanes.map((lane) => lane ^ text.length));
  const [w, x, y, z] = spread([a, b, c, d].map(avalanche));
  return (w | x | y | z) === 0 ? [1, 0, 0, 0] : [w, x, y, z];
}

/** Makes each lane depend on all four. */
function spread(lanes: readonly number[]): Words {
  const [a, b, c, d] = lanes as unknown as Words;
  const sum = (a + b + c + d) | 0;
  return [sum, (sum + b) | 0, (sum + c) | 0, (sum + d) | 0];
}
