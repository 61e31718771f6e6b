/**
 * `chaos` as a process: the harness on stdin and stdout, the node as a child, the faults of `chaos/` between them, logs
 * on stderr.
 *
 * It ends as the node does. When the harness closes stdin, or somebody sends SIGTERM or SIGINT, faults end and the node
 * is told to come to its end in the same way; one that does not is killed, which is nobody's fault.
 */

import type { Readable, Writable } from 'node:stream';
import { Chaos, type ChaosOptions } from '../../chaos/chaos.ts';
import type { LogLevel } from '../../node/environment.ts';
import { createRealScheduler } from '../real-scheduler.ts';
import { createJsonLogger } from '../stdio/json-logger.ts';
import { LineGuard, readGuardedLines } from '../stdio/line-guard.ts';
import { LineOutput } from '../stdio/line-output.ts';
import { setSystemTimer } from '../system.ts';
import { ChaosChild, LINE_BYTES_MAX } from './chaos-child.ts';

/** How long a node may take to end when its input does: longer than our own takes to finish what is in flight. */
const END_MS_MAX = 6000;
/** How long it may take after SIGTERM. */
const TERM_MS_MAX = 6000;
/** How long a slow reader may take for the last lines. */
const LAST_OUTPUT_MS_MAX = 1000;

/** When the node cannot be kept going, or cannot be understood. */
const EXIT_NODE_FAILED = 1;
/** When there is no node. */
const EXIT_NOT_STARTED = 255;
/** A shell's way to tell that a process ended by a signal. */
const EXIT_SIGNAL = 128;

export interface ChaosHostOptions {
  readonly chaos: ChaosOptions;
  readonly program: string;
  readonly args: readonly string[];
  readonly input: Readable;
  readonly output: Writable;
  readonly logLevel: LogLevel;
  /** The numbers of signals by name, for exit statuses. */
  readonly signalNumbers: Readonly<Record<string, number>>;
}

/** Supervises until the end; resolves to the exit status. */
export function superviseStdio(options: ChaosHostOptions): Promise<number> {
  return new Promise((resolve) => {
    // Logs that nobody reads are no reason to end.
    process.stderr.on('error', () => {});
    const log = createJsonLogger({
      level: options.logLevel,
      nodeId: () => chaos.nodeId,
      write: (text) => process.stderr.write(text),
    });

    let ending = false;
    const end = (status: number) => {
      if (ending) return;
      ending = true;
      chaos.finish();
      const cancel = setSystemTimer(LAST_OUTPUT_MS_MAX, () => leave(status));
      void output.empty().then(() => {
        cancel();
        leave(status);
      });
    };
    let left = false;
    const leave = (status: number) => {
      if (left) return;
      left = true;
      void child.close().then(() => resolve(status));
    };
    const failed = (reason: string, status = EXIT_NODE_FAILED) => {
      if (ending) return;
      log.error('chaos: the node failed', { reason });
      end(status);
    };

    const output = new LineOutput(options.output, {
      onBlocked: () => child.hold(true),
      onDrained: () => child.hold(false),
      onError: (error) => {
        if (error.code === 'EPIPE') return end(0);
        return failed(`stdout failed: ${error.message}`);
      },
    });

    const child = new ChaosChild({
      program: options.program,
      args: options.args,
      onLine: (line) => chaos.fromChild(line),
      onUnreadable: (reason) => failed(`its output cannot be read: ${reason}`),
      onExit: (status, signal) => {
        const exitStatus = status ?? EXIT_SIGNAL + (options.signalNumbers[signal ?? ''] ?? 0);
        if (finishing) return end(exitStatus);
        const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
        return failed(`it ended by itself: ${how}`, exitStatus);
      },
      onStartFailed: (reason) => failed(`it could not be started: ${reason}`, EXIT_NOT_STARTED),
    });

    // What the child and the harness say comes in a later turn of the event loop, when all of this is there.
    const chaos: Chaos = new Chaos(options.chaos, {
      scheduler: createRealScheduler(),
      child,
      transmit: (line) => output.write(line),
      fail: (reason) => failed(reason),
      log,
    });

    let finishing = false;
    const finish = (signal?: NodeJS.Signals) => {
      if (finishing) return;
      finishing = true;
      chaos.finish();
      if (!chaos.isUp) return end(0);
      child.endInput();
      if (signal !== undefined) child.signal('SIGTERM');
      setSystemTimer(signal === undefined ? END_MS_MAX : 0, () => {
        if (signal === undefined) child.signal('SIGTERM');
        setSystemTimer(TERM_MS_MAX, () => end(0));
      });
    };

    const guard = new LineGuard((reason) => {
      log.error('chaos: a line of the harness was lost', { reason });
    }, LINE_BYTES_MAX);
    const lines = readGuardedLines(options.input, guard);
    lines.on('line', (line) => {
      if (!ending) chaos.fromHarness(line);
    });
    lines.on('close', () => finish());
    process.on('SIGTERM', () => finish('SIGTERM'));
    process.on('SIGINT', () => finish('SIGINT'));
  });
}
