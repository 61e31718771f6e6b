/** Who waits until everything that a log holds was written into new files. */

export class Renewals {
  /** Called with what went wrong; with nothing if all went well. */
  readonly #asked: ((problem?: string) => void)[] = [];
  readonly #begun: ((problem?: string) => void)[] = [];

  /** Whether one was asked for that has not begun. */
  get isDue(): boolean {
    return this.#asked.length > 0;
  }

  /** Resolves when one that begins from now on has ended. Rejects if it failed. */
  ask(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asked.push((problem) => (problem === undefined ? resolve() : reject(new Error(problem))));
    });
  }

  /** No file that is begun from now on is an old one. */
  begin(): void {
    this.#begun.push(...this.#asked.splice(0));
  }

  end(problem?: string): void {
    for (const end of this.#begun.splice(0)) end(problem);
  }

  /** There will be none any more. */
  endAll(problem: string): void {
    this.begin();
    this.end(problem);
  }
}
