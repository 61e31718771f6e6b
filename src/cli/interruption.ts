/** Signals to a command that makes many runs. */

/** The first signal stops the command after its current step; a second one ends the process. */
export class Interruption {
  #over = false;
  came = false;
  /** Prints that the first signal was received. */
  announce: (text: string) => void = () => {};
  /** When the command will stop, such as `after the current run`. */
  stopsWhen: string;

  /**
   * @param end called for the second signal: finishes what must be finished, and returns the exit status
   */
  constructor(stopsWhen: string, end: () => number) {
    this.stopsWhen = stopsWhen;
    const onSignal = () => {
      if (this.#over) return;
      if (this.came) process.exit(end());
      this.came = true;
      this.announce(`stopping ${this.stopsWhen}; Ctrl-C again to quit`);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  }

  /**
   * Ignores signals from now on: the process is about to end. Without a listener a signal would change its exit status.
   */
  ignore(): void {
    this.#over = true;
  }
}
