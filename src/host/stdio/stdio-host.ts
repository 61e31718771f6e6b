/**
 * A node as a process: lines from stdin through readline into the runtime, its lines out to stdout, logs to stderr.
 *
 * It ends cleanly in every way a process can end: at the end of input, on SIGTERM and SIGINT it finishes what is in
 * flight, for a bounded time, sums up on stderr what it has done and exits 0; a reader that has gone away (EPIPE) ends
 * it with 0 at once; a programmer's error and a start that failed end it with 1.
 */

import type { Readable, Writable } from 'node:stream';
import { AssertionFailure } from '../../node/assertion.ts';
import type { LogLevel } from '../../node/environment.ts';
import { Node, type StartHandlers } from '../../node/node.ts';
import { createRandomUint32, createTurnClock, setSystemTimer } from '../system.ts';
import { createJsonLogger } from './json-logger.ts';
import { LineGuard, readGuardedLines } from './line-guard.ts';
import { LineOutput } from './line-output.ts';

/** How long the requests in flight may take to finish once the input has ended, ms. */
const DRAIN_MS_MAX = 5000;
/** How long a slow reader may take for what was answered before a crash, ms. */
const LAST_OUTPUT_MS_MAX = 1000;

export interface StdioHostOptions {
  readonly startHandlers: StartHandlers;
  readonly input: Readable;
  readonly output: Writable;
  readonly logLevel: LogLevel;
  readonly inFlightMax: number;
  readonly lineBytesMax: number;
  /** Requests a second of each client; absent: as many as it likes. */
  readonly rateLimitPerSecond?: number | undefined;
}

/** Serves until the end; resolves to the exit status. */
export function serveStdio(options: StdioHostOptions): Promise<number> {
  return new Promise((resolve) => {
    // Logs that nobody reads any more are no reason to end.
    process.stderr.on('error', () => {});
    const createLogger = (level: LogLevel) =>
      createJsonLogger({ level, nodeId: () => node.nodeId, write: (text) => process.stderr.write(text) });
    const log = createLogger(options.logLevel);

    const output = new LineOutput(options.output, {
      onBlocked: () => hold('output', true),
      onDrained: () => hold('output', false),
      onError: (error) => {
        if (error.code === 'EPIPE') return exit(0);
        log.error('stdout failed', { reason: error.message });
        return exit(1);
      },
    });

    const node: Node = new Node(
      {
        clock: createTurnClock(),
        randomUint32: createRandomUint32(),
        setTimer: setSystemTimer,
        transmit: (line) => output.write(line),
        holdInput: (held) => hold('start', held),
        traffic: () => ({ bytesIn: guard.bytesIn, bytesOut: output.bytesOut }),
        log,
        crash: (error) => {
          const reason = error instanceof AssertionFailure ? (error.stack ?? error.message) : error.message;
          log.error('the node cannot go on', { reason });
          hold('crash', true);
          setSystemTimer(LAST_OUTPUT_MS_MAX, () => exit(1));
          void output.empty().then(() => exit(1));
        },
      },
      options.startHandlers,
      { inFlightMax: options.inFlightMax, rateLimitPerSecond: options.rateLimitPerSecond },
    );

    const guard = new LineGuard((reason, line) => node.refuseLine(reason, line), options.lineBytesMax);
    const lines = readGuardedLines(options.input, guard);
    lines.on('line', (line) => {
      if (line !== '') node.receiveLine(line);
    });

    let closed = false;
    const holds = new Set<string>();
    const hold = (reason: string, held: boolean) => {
      if (held) holds.add(reason);
      else holds.delete(reason);
      // From Node 24 on neither may be asked of a readline that has ended.
      if (closed) return;
      if (holds.size > 0) lines.pause();
      else lines.resume();
    };

    let finishing = false;
    const finish = async (reason: string) => {
      if (finishing) return;
      finishing = true;
      node.stop(reason);
      const cancelBound = setSystemTimer(DRAIN_MS_MAX, () => {
        log.warn('requests in flight were given up', { in_flight: node.load.inFlight, after_ms: DRAIN_MS_MAX });
        exitCleanly();
      });
      await node.idle();
      await output.empty();
      cancelBound();
      exitCleanly();
    };
    const exitCleanly = () => {
      if (exited) return;
      // One line at the very end is not noise: only who wants silence does without.
      createLogger(options.logLevel === 'silent' ? 'silent' : 'info').info('summary', node.readMetrics());
      exit(0);
    };
    const onSignal = (signal: NodeJS.Signals) => void finish(signal);
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    lines.on('close', () => {
      closed = true;
      void finish('the input has ended');
    });

    let exited = false;
    const exit = (status: number) => {
      if (exited) return;
      exited = true;
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
      resolve(status);
    };
  });
}
