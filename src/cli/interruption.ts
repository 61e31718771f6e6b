/** Signals to a command that makes many runs. */

/** The first signal ends what goes on as soon as there is something to tell; a second one ends the process. */
export class Interruption {
  #over = false;
  came = false;
  /** Says on the screen that the first signal was heard. */
  announce: (text: string) => void = () => {};
  /** What a second signal would cut short. */
  goingOn: string;

  /**
   * @param end called for the second signal: does what must not be left undone, and says what exit status there is by
   *   then
   */
  constructor(goingOn: string, end: () => number) {
    this.goingOn = goingOn;
    const onSignal = () => {
      if (this.#over) return;
      if (this.came) process.exit(end());
      this.came = true;
      this.announce(`stopping: ${this.goingOn}; once more to stop at once`);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  }

  /**
   * Everything is told, and the process is about to end: a signal that nobody listens to would take its exit status.
   */
  ignore(): void {
    this.#over = true;
  }
}
