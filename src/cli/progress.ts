/**
 * The progress of a command: on a terminal one line that is rewritten, elsewhere a plain line every few seconds. It
 * goes to stderr, because stdout is for the result.
 */

import type { RunStatus } from '../harness/run.ts';

const TERMINAL_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 5000;
const CLEAR_LINE = '\r\x1b[K';

export class Progress {
  readonly #describe: () => string;
  /** Whether a line can be rewritten. */
  readonly #rewrites: boolean;
  readonly #output: NodeJS.WriteStream;
  readonly #timer: NodeJS.Timeout;
  /** The line that was written last, where lines stay. */
  #last: string | undefined;

  /** @param describe makes the line, each time that it is shown */
  constructor(output: NodeJS.WriteStream, describe: () => string) {
    this.#output = output;
    this.#describe = describe;
    this.#rewrites = output.isTTY && process.env.TERM !== 'dumb';
    this.#timer = setInterval(() => this.#show(), this.#rewrites ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS);
  }

  /** Writes a line that stays. The progress goes on below it. */
  print(line: string): void {
    this.#output.write(this.#rewrites ? `${CLEAR_LINE}${line}\n` : `${line}\n`);
  }

  /** Removes the progress from the screen. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#rewrites) this.#output.write(CLEAR_LINE);
  }

  #show(): void {
    const line = this.#describe();
    if (this.#rewrites) this.#output.write(`\r${line.slice(0, (this.#output.columns || 80) - 1)}\x1b[K`);
    // A phase that takes long says the same again and again.
    else if (line !== this.#last) this.#output.write(`${line}\n`);
    this.#last = line;
  }
}

/** Makes the progress line of a run. Its rate is that since the last line. */
export function describeProgress(timeLimitMs: number, statusOf: () => RunStatus): () => string {
  let lastCount = 0;
  let lastElapsedMs = 0;
  return () => {
    const status = statusOf();
    const count = status.okCount + status.failCount + status.infoCount;
    const seconds = (status.elapsedMs - lastElapsedMs) / 1000;
    const rate = seconds > 0 ? Math.round((count - lastCount) / seconds) : 0;
    lastCount = count;
    lastElapsedMs = status.elapsedMs;
    return describeStatus(status, timeLimitMs, rate);
  };
}

export function describeStatus(status: RunStatus, timeLimitMs: number, rate: number): string {
  if (status.phase === 'starting') return 'starting the nodes';
  if (status.phase === 'recovering') return 'the operations are over: every node must answer the last questions';
  if (status.phase === 'checking') return 'checking the history';
  const counts = [`${status.okCount} ok`];
  if (status.failCount > 0) counts.push(`${status.failCount} fail`);
  if (status.infoCount > 0) counts.push(`${status.infoCount} info`);
  if (status.violationCount > 0) counts.push(`breaches of the protocol: ${status.violationCount}`);
  const time = `${(status.elapsedMs / 1000).toFixed(0)}/${timeLimitMs / 1000} s`;
  return `${time}  ${counts.join(', ')}  ${rate}/s  ${status.currentFault ?? 'no fault'}`;
}
