/**
 * `chaos` as a process: the harness on stdin and stdout, the node as a child, the faults of `chaos/` between them, logs
 * on stderr.
 *
 * It ends as the node does. When the harness closes stdin or a signal (SIGTERM, SIGINT) comes, faults end and the node
 * is told to end in the same way. A node that does not end in time is killed, and that is no failure.
 */

import type { Readable, Writable } from 'node:stream';
import { Chaos, type ChaosOptions } from '../../chaos/chaos.ts';
import type { HeldOutput } from '../../harness/bed.ts';
import type { Logger, LogLevel } from '../../node/environment.ts';
import { createRealScheduler } from '../real-scheduler.ts';
import { createJsonLogger } from '../stdio/json-logger.ts';
import { LineGuard, readGuardedLines } from '../stdio/line-guard.ts';
import { LineOutput } from '../stdio/line-output.ts';
import { setSystemTimer } from '../system.ts';
import { ChaosChild, LINE_BYTES_MAX } from './chaos-child.ts';
import { ChaosOutput } from './chaos-output.ts';
import { settlesWithin } from './process-group.ts';

/** How long a node may take to end after its input: longer than our own node takes to finish requests in flight. */
const END_MS_MAX = 6000;
/** How long it may take to end after SIGTERM. */
const TERM_MS_MAX = 6000;
/** How long a slow reader may take for the last lines. */
const LAST_OUTPUT_MS_MAX = 1000;

/** If the node failed, or its output cannot be read. */
const EXIT_NODE_FAILED = 1;
/** If the node could not be started. */
const EXIT_NOT_STARTED = 255;
/** A shell adds this to the number of the signal that ended a process. */
const EXIT_SIGNAL = 128;

export interface ChaosHostOptions {
  readonly chaos: ChaosOptions;
  readonly program: string;
  readonly args: readonly string[];
  readonly input: Readable;
  readonly output: Writable;
  /** Closes `output`, so that its reader sees the end. */
  readonly closeOutput: () => void;
  readonly logLevel: LogLevel;
  /** The numbers of signals by name, for exit statuses. */
  readonly signalNumbers: Readonly<Record<string, number>>;
}

/** Supervises until the end; resolves to the exit status. */
export function superviseStdio(options: ChaosHostOptions): Promise<number> {
  return new Promise((resolve) => new ChaosHost(options, resolve).serve());
}

class ChaosHost {
  readonly #options: ChaosHostOptions;
  readonly #onGone: (status: number) => void;
  readonly #log: Logger;
  readonly #output: ChaosOutput;
  readonly #child: ChaosChild;
  readonly #chaos: Chaos;
  /**
   * `finishing`: the harness has gone or a signal came, and the node is to end. `gone`: the exit status is certain;
   * what is left is written and killed.
   */
  #state: 'serving' | 'finishing' | 'gone' = 'serving';

  /** @param onGone told the exit status, once */
  constructor(options: ChaosHostOptions, onGone: (status: number) => void) {
    this.#options = options;
    this.#onGone = onGone;
    this.#log = createJsonLogger({
      level: options.logLevel,
      nodeId: () => this.#chaos.nodeId,
      write: (text) => process.stderr.write(text),
    });
    const lines = new LineOutput(options.output, {
      onBlocked: () => this.#child.hold(true),
      onDrained: () => this.#child.hold(false),
      onError: (error) => {
        if (error.code === 'EPIPE') void this.#leave(0);
        else this.#fail(`stdout failed: ${error.message}`);
      },
    });
    this.#output = new ChaosOutput(lines, options.closeOutput);
    this.#child = new ChaosChild({
      program: options.program,
      args: options.args,
      onLine: (line, passedLength) => this.#takeLine(line, passedLength),
      onHalfLine: (text, held) => this.#takeHalfLine(text, held),
      onOutputClosed: () => this.#takeClosedOutput(),
      onUnreadable: (reason) => this.#fail(`its output cannot be read: ${reason}`),
      onExit: (status, signal) => this.#takeExit(status, signal),
      onStartFailed: (reason) => this.#fail(`it could not be started: ${reason}`, EXIT_NOT_STARTED),
    });
    // Starts the child, whose first event comes in a later turn of the event loop.
    this.#chaos = new Chaos(options.chaos, {
      scheduler: createRealScheduler(),
      child: this.#child,
      transmit: (line) => this.#output.write(line),
      fail: (reason) => this.#fail(reason),
      log: this.#log,
    });
  }

  serve(): void {
    // A closed stderr does not end the run.
    process.stderr.on('error', () => {});
    process.on('SIGTERM', () => this.#finish('SIGTERM'));
    process.on('SIGINT', () => this.#finish('SIGINT'));
    const guard = new LineGuard((reason) => {
      this.#log.error('chaos: a line of the harness was lost', { reason });
    }, LINE_BYTES_MAX);
    const lines = readGuardedLines(this.#options.input, guard, (line) => {
      if (this.#state !== 'gone') this.#chaos.fromHarness(line);
    });
    lines.on('close', () => this.#finish());
  }

  /** @param signal absent: the harness has closed stdin */
  #finish(signal?: NodeJS.Signals): void {
    if (this.#state !== 'serving') return;
    this.#state = 'finishing';
    this.#chaos.finish();
    if (!this.#chaos.isUp) {
      void this.#leave(0);
      return;
    }
    this.#child.endInput();
    if (signal !== undefined) this.#terminate();
    else setSystemTimer(END_MS_MAX, () => this.#terminate());
  }

  #terminate(): void {
    this.#child.signal('SIGTERM');
    setSystemTimer(TERM_MS_MAX, () => void this.#leave(0));
  }

  #takeLine(line: string, passedLength: number): void {
    const handle = () => this.#chaos.fromChild(line);
    if (passedLength === 0) handle();
    else this.#output.endLine(line, passedLength, handle);
  }

  /** Passes on a line that the node does not end, so that the harness can tell of it. */
  #takeHalfLine(text: string, { bytes, beginning }: HeldOutput): boolean {
    if (this.#state !== 'serving') return false;
    if (!this.#output.lineBegun) {
      this.#log.error('chaos: the node printed a line without a newline; it is passed on as it is', {
        bytes,
        beginning,
      });
      // A kill would leave half a line to the harness, and the node would seem to have printed garbage.
      this.#chaos.heal();
    }
    this.#output.writePart(text);
    return true;
  }

  #takeClosedOutput(): void {
    if (this.#state !== 'serving') return;
    this.#log.error('chaos: the node closed its stdout but still runs, so chaos closes its own stdout');
    // A next life could not be heard.
    this.#chaos.heal();
    this.#output.close();
  }

  /** The node has ended by itself. */
  #takeExit(status: number | null, signal: NodeJS.Signals | null): void {
    const exitStatus = status ?? EXIT_SIGNAL + (this.#options.signalNumbers[signal ?? ''] ?? 0);
    if (this.#state === 'finishing') {
      void this.#leave(exitStatus);
      return;
    }
    const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
    this.#fail(`it ended by itself: ${how}`, exitStatus);
  }

  #fail(reason: string, status = EXIT_NODE_FAILED): void {
    if (this.#state === 'gone') return;
    this.#log.error('chaos: the node failed', { reason });
    void this.#leave(status);
  }

  async #leave(status: number): Promise<void> {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#chaos.finish();
    await settlesWithin(this.#output.empty(), LAST_OUTPUT_MS_MAX);
    await this.#child.close();
    this.#onGone(status);
  }
}
