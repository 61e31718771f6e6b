/**
 * Which kinds of operations had a chance to succeed: one of them ran from its invocation to its completion while every
 * node was up and ready, no fault was in force and no message was lost or delayed. A kind that never succeeded tells
 * something about the nodes only if it had a chance.
 */

/** What an operation began with; undefined where it has no chance any more. */
export type ChanceMark = number | undefined;

export interface ChancesOptions {
  /** Whether everything is well now: no fault in force, all nodes ready. */
  readonly isCalm: () => boolean;
}

export class Chances {
  readonly #options: ChancesOptions;
  readonly #kinds = new Set<string>();
  #disturbanceCount = 0;

  constructor(options: ChancesOptions) {
    this.#options = options;
  }

  /** Something went wrong, or was put right, at this moment. */
  disturb(): void {
    this.#disturbanceCount++;
  }

  /** An operation of the kind `f` begins. */
  begin(f: string): ChanceMark {
    return this.#kinds.has(f) || !this.#options.isCalm() ? undefined : this.#disturbanceCount;
  }

  /** It has ended. */
  end(f: string, mark: ChanceMark): void {
    if (mark === this.#disturbanceCount && this.#options.isCalm()) this.#kinds.add(f);
  }

  has(f: string): boolean {
    return this.#kinds.has(f);
  }
}
