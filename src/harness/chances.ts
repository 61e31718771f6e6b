/**
 * Which kinds of operations had a chance to succeed. A kind had one if an operation of it ran undisturbed from its
 * invocation to its completion: every node up and ready, no fault in force, no message lost or delayed. Only then does
 * it count against the nodes that the kind never succeeded.
 */

/** The number of disturbances when an operation began; undefined if the operation cannot be a chance. */
export type ChanceMark = number | undefined;

export interface ChancesOptions {
  /** Whether no fault is in force now and all nodes are ready. */
  readonly isCalm: () => boolean;
}

export class Chances {
  readonly #options: ChancesOptions;
  readonly #kinds = new Set<string>();
  #disturbanceCount = 0;

  constructor(options: ChancesOptions) {
    this.#options = options;
  }

  /** A fault began or ended just now. */
  disturb(): void {
    this.#disturbanceCount++;
  }

  /** An operation of the kind `f` begins. */
  begin(f: string): ChanceMark {
    return this.#kinds.has(f) || !this.#options.isCalm() ? undefined : this.#disturbanceCount;
  }

  /** An operation of the kind `f` has ended. */
  end(f: string, mark: ChanceMark): void {
    if (mark === this.#disturbanceCount && this.#options.isCalm()) this.#kinds.add(f);
  }

  has(f: string): boolean {
    return this.#kinds.has(f);
  }
}
