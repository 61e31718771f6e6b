/**
 * What a run says while it goes on: one line that is rewritten on a terminal, a plain line every few seconds elsewhere. On stderr, because
 * stdout is for the result.
 */

import type { RunStatus } from '../simulator/run.ts';

const TERMINAL_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 5000;
const CLEAR_LINE = '\r\x1b[K';

export class Progress {
  readonly #status: () => RunStatus;
  readonly #output: NodeJS.WriteStream;
  readonly #timeLimitMs: number;
  readonly #timer: NodeJS.Timeout;
  #lastCount = 0;
  #lastElapsedMs = 0;

  constructor(output: NodeJS.WriteStream, timeLimitMs: number, status: () => RunStatus) {
    this.#output = output;
    this.#timeLimitMs = timeLimitMs;
    this.#status = status;
    this.#timer = setInterval(() => this.#show(), output.isTTY ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS);
  }

  /** Writes a line of its own, which the next progress goes under. */
  print(line: string): void {
    this.#output.write(this.#output.isTTY ? `${CLEAR_LINE}${line}\n` : `${line}\n`);
  }

  /** Leaves the screen as if nothing had been shown. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#output.isTTY) this.#output.write(CLEAR_LINE);
  }

  #show(): void {
    const status = this.#status();
    const count = status.okCount + status.failCount + status.infoCount;
    const seconds = (status.elapsedMs - this.#lastElapsedMs) / 1000;
    const rate = seconds > 0 ? Math.round((count - this.#lastCount) / seconds) : 0;
    this.#lastCount = count;
    this.#lastElapsedMs = status.elapsedMs;
    const line = describeStatus(status, this.#timeLimitMs, rate);
    if (this.#output.isTTY) this.#output.write(`\r${line.slice(0, (this.#output.columns || 80) - 1)}\x1b[K`);
    else this.#output.write(`${line}\n`);
  }
}

export function describeStatus(status: RunStatus, timeLimitMs: number, rate: number): string {
  if (status.phase === 'starting') return 'starting the nodes';
  if (status.phase === 'checking') return 'checking the history';
  const counts = [`${status.okCount} ok`];
  if (status.failCount > 0) counts.push(`${status.failCount} fail`);
  if (status.infoCount > 0) counts.push(`${status.infoCount} info`);
  if (status.violationCount > 0) counts.push(`breaches of the protocol: ${status.violationCount}`);
  const time = `${(status.elapsedMs / 1000).toFixed(0)}/${timeLimitMs / 1000} s`;
  return `${time}  ${counts.join(', ')}  ${rate}/s  ${status.currentFault ?? 'no fault'}`;
}
