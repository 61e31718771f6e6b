/**
 * A node as a process: lines from stdin through readline into the runtime, its lines out to stdout, logs to stderr.
 *
 * It ends cleanly in every way a process can end:
 *
 * - At the end of input, on SIGTERM and on SIGINT it finishes the requests in flight, for a bounded time. Then it
 *   writes a summary to stderr and exits with 0.
 * - If the reader of stdout has gone (EPIPE), it exits with 0 at once.
 * - A programming error and a failed start end it with 1.
 */

import type { Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { AssertionFailure } from '../../node/assertion.ts';
import type { Environment, Logger, LogLevel } from '../../node/environment.ts';
import { Node, type StartHandlers } from '../../node/node.ts';
import { LineShapes } from '../../protocol/line-shapes.ts';
import { createRandomUint32, createTurnClock, setSystemTimer } from '../system.ts';
import { createJsonLogger } from './json-logger.ts';
import { LineGuard, readGuardedLines } from './line-guard.ts';
import { LineOutput } from './line-output.ts';

/** How long the requests in flight may take to finish once the input has ended, ms. */
const DRAIN_MS_MAX = 5000;
/** How long a slow reader may take for the replies sent before a crash, ms. */
const LAST_OUTPUT_MS_MAX = 1000;

export interface StdioHostOptions {
  readonly startHandlers: StartHandlers;
  readonly input: Readable;
  readonly output: Writable;
  readonly logLevel: LogLevel;
  readonly inFlightMax: number;
  readonly lineBytesMax: number;
  /** Requests a second of each client; absent: no limit. */
  readonly rateLimitPerSecond?: number | undefined;
}

/** Serves until the end; resolves to the exit status. */
export function serveStdio(options: StdioHostOptions): Promise<number> {
  return new Promise((resolve) => new StdioHost(options, resolve).serve());
}

/** Why no input is taken for the moment. */
type Hold = 'output' | 'start' | 'crash';

class StdioHost {
  readonly #options: StdioHostOptions;
  readonly #onGone: (status: number) => void;
  readonly #log: Logger;
  readonly #output: LineOutput;
  readonly #node: Node;
  readonly #shapes = new LineShapes();
  readonly #guard: LineGuard;
  readonly #lines: Interface;
  readonly #holds = new Set<Hold>();
  #inputEnded = false;
  /**
   * `finishing`: the input has ended or a signal came, and the requests in flight are finished. `gone`: the exit status
   * is told.
   */
  #state: 'serving' | 'finishing' | 'gone' = 'serving';

  /** @param onGone told the exit status, once */
  constructor(options: StdioHostOptions, onGone: (status: number) => void) {
    this.#options = options;
    this.#onGone = onGone;
    this.#log = this.#createLogger(options.logLevel);
    this.#output = new LineOutput(options.output, {
      onBlocked: () => this.#hold('output', true),
      onDrained: () => this.#hold('output', false),
      onError: (error) => this.#failOutput(error),
    });
    const { inFlightMax, rateLimitPerSecond } = options;
    this.#node = new Node(this.#createEnvironment(), options.startHandlers, { inFlightMax, rateLimitPerSecond });
    this.#guard = new LineGuard((reason, line) => this.#node.refuseLine(reason, line), options.lineBytesMax);
    this.#lines = readGuardedLines(options.input, this.#guard, (line) => {
      if (line === '') return;
      const message = this.#shapes.match(line);
      if (message === undefined) this.#node.receiveLine(line);
      else this.#node.receive(message);
    });
  }

  serve(): void {
    // A closed stderr does not end the node.
    process.stderr.on('error', () => {});
    process.on('SIGTERM', this.#onSignal);
    process.on('SIGINT', this.#onSignal);
    this.#lines.on('close', () => {
      this.#inputEnded = true;
      void this.#finish('the input has ended');
    });
  }

  #createLogger(level: LogLevel): Logger {
    const nodeId = () => this.#node.nodeId;
    return createJsonLogger({ level, nodeId, write: (text) => process.stderr.write(text) });
  }

  #createEnvironment(): Environment {
    return {
      clock: createTurnClock(),
      randomUint32: createRandomUint32(),
      setTimer: setSystemTimer,
      transmit: (line) => this.#output.write(line),
      holdInput: (held) => this.#hold('start', held),
      traffic: () => ({ bytesIn: this.#guard.bytesIn, bytesOut: this.#output.bytesOut }),
      log: this.#log,
      crash: (error) => this.#crash(error),
    };
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => void this.#finish(signal);

  #hold(reason: Hold, held: boolean): void {
    if (held) this.#holds.add(reason);
    else this.#holds.delete(reason);
    // From Node 24 on, pause and resume throw after the end of a readline.
    if (this.#inputEnded) return;
    if (this.#holds.size > 0) this.#lines.pause();
    else this.#lines.resume();
  }

  async #finish(reason: string): Promise<void> {
    if (this.#state !== 'serving') return;
    this.#state = 'finishing';
    this.#node.stop(reason);
    const cancelBound = setSystemTimer(DRAIN_MS_MAX, () => {
      const { inFlight } = this.#node.load;
      this.#log.warn('requests in flight were given up', { in_flight: inFlight, after_ms: DRAIN_MS_MAX });
      this.#leaveWithSummary();
    });
    await this.#node.idle();
    await this.#output.empty();
    cancelBound();
    this.#leaveWithSummary();
  }

  #leaveWithSummary(): void {
    if (this.#state === 'gone') return;
    // One line at the very end is not noise. Only the level silent leaves it out.
    const level = this.#options.logLevel === 'silent' ? 'silent' : 'info';
    this.#createLogger(level).info('summary', this.#node.readMetrics());
    this.#leave(0);
  }

  #failOutput(error: NodeJS.ErrnoException): void {
    const readerGone = error.code === 'EPIPE';
    if (!readerGone) this.#log.error('stdout failed', { reason: error.message });
    this.#leave(readerGone ? 0 : 1);
  }

  #crash(error: Error): void {
    const reason = error instanceof AssertionFailure ? (error.stack ?? error.message) : error.message;
    this.#log.error('the node cannot go on', { reason });
    this.#hold('crash', true);
    setSystemTimer(LAST_OUTPUT_MS_MAX, () => this.#leave(1));
    void this.#output.empty().then(() => this.#leave(1));
  }

  #leave(status: number): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    process.off('SIGTERM', this.#onSignal);
    process.off('SIGINT', this.#onSignal);
    this.#onGone(status);
  }
}
