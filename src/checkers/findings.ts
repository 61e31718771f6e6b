/** What breaks one rule of a checker: all of it counted, the first few kept as examples. */

const LISTED_EXAMPLES_MAX = 8;

/** Says in a few words what is wrong, and beside them where and with what. */
export interface Finding {
  readonly problem: string;
  readonly [fact: string]: unknown;
}

export class Findings {
  #count = 0;
  readonly #examples: Finding[] = [];

  get count(): number {
    return this.#count;
  }

  add(problem: string, facts: Readonly<Record<string, unknown>>): void {
    this.#count++;
    if (this.#examples.length < LISTED_EXAMPLES_MAX) this.#examples.push({ problem, ...facts });
  }

  report(): { readonly count: number; readonly examples: readonly Finding[] } {
    return { count: this.#count, examples: this.#examples };
  }
}
