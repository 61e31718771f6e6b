/**
 * The process of a node under chaos, life after life. Each life is started with the same command line, fed and read by
 * lines, stopped and killed with all its children. It writes to the stderr of this process. None of its processes
 * outlives this one, however this one ends (`reaper.ts`).
 *
 * Strays are found by an environment variable with its own name. The mark of a harness stays beside it, so that both
 * find the process. So one supervisor may stand behind another.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Child } from '../../chaos/chaos.ts';
import type { HeldOutput } from '../../harness/bed.ts';
import { inheritedEnvironment } from '../inherited-environment.ts';
import { RUN_FOLDER_VARIABLE } from '../node-environment.ts';
import { LineGuard, readGuardedLines } from '../stdio/line-guard.ts';
import { LineOutput } from '../stdio/line-output.ts';
import { onOutputClosed } from './closed-output.ts';
import { HalfLineWatch } from './half-line-watch.ts';
import { killAllMarked, ProcessGroup, settlesWithin } from './process-group.ts';
import { Reaper } from './reaper.ts';

/** The longest line that the harness takes, as in `process-bed.ts`. */
export const LINE_BYTES_MAX = 64 * 1024 * 1024;
const MARK = '1';
const KILL_MS_MAX = 5000;
/** How long output may follow the end of a process. Only a child of it that holds the pipe causes a wait. */
const LAST_OUTPUT_MS_MAX = 500;

export interface ChaosChildOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** @param passedLength how many characters of the line were passed to `onHalfLine` before */
  readonly onLine: (line: string, passedLength: number) => void;
  /**
   * A line has waited for its newline for more than a second. `text` is the line so far, or what came since the last
   * call. Returns whether the text was passed on.
   */
  readonly onHalfLine: (text: string, held: HeldOutput) => boolean;
  /** It closed its output and still runs, a while later. */
  readonly onOutputClosed: () => void;
  /** It printed something that is not a line of text. */
  readonly onUnreadable: (reason: string) => void;
  /** It ended by itself. All lines that it printed have been passed to `onLine`. */
  readonly onExit: (status: number | null, signal: NodeJS.Signals | null) => void;
  readonly onStartFailed: (reason: string) => void;
}

export class ChaosChild implements Child {
  readonly #options: ChaosChildOptions;
  readonly #variable = `SNOWSTORM_CHAOS_${randomUUID().replaceAll('-', '')}`;
  readonly #reaper = new Reaper(MARK, { variable: this.#variable });
  /** A harness that restarts nodes by itself has made one. */
  readonly #runFolder = process.env[RUN_FOLDER_VARIABLE] ?? join(tmpdir(), `snowstorm-run-${randomUUID()}`);
  #life: Life | undefined;
  #held = false;

  constructor(options: ChaosChildOptions) {
    this.#options = options;
  }

  start(): void {
    this.#life = new Life(this.#options, this.#variable, this.#reaper, this.#runFolder);
    this.#life.hold(this.#held);
  }

  deliver(line: string): void {
    this.#life?.input.write(line);
  }

  pause(): void {
    this.#life?.pause(true);
  }

  resume(): void {
    this.#life?.pause(false);
  }

  kill(): Promise<void> {
    return this.#life?.kill() ?? Promise.resolve();
  }

  /** Stops reading its output while `held`: the harness is too slow. */
  hold(held: boolean): void {
    this.#held = held;
    this.#life?.hold(held);
  }

  endInput(): void {
    this.#life?.endInput();
  }

  signal(signal: NodeJS.Signals): void {
    this.#life?.group.signal(signal);
  }

  /** Kills all processes that are left; resolves when none is. */
  async close(): Promise<void> {
    await this.kill();
    await killAllMarked(MARK, this.#variable);
    this.#reaper.dismiss();
    if (process.env[RUN_FOLDER_VARIABLE] === undefined) await rm(this.#runFolder, { recursive: true, force: true });
  }
}

class Life {
  readonly input: LineOutput;
  readonly group: ProcessGroup;
  readonly #variable: string;
  readonly #child: ChildProcess;
  readonly #stdin: Writable;
  readonly #lines: ReturnType<typeof readGuardedLines>;
  readonly #exited: Promise<void>;
  readonly #watch: HalfLineWatch;
  #paused = false;
  #held = false;
  #killed = false;
  #closed = false;
  #killing: Promise<void> | undefined;

  constructor(options: ChaosChildOptions, variable: string, reaper: Reaper, runFolder: string) {
    this.#variable = variable;
    this.#child = spawn(options.program, [...options.args], {
      env: { ...inheritedEnvironment(), [variable]: MARK, [RUN_FOLDER_VARIABLE]: runFolder },
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.group = new ProcessGroup(this.#child.pid, reaper);
    const { stdin, stdout } = this.#child as ChildProcess & { stdin: Writable; stdout: Readable };
    this.#stdin = stdin;

    // Input that the node does not read waits, as in a harness. The death of the node is seen in its exit.
    this.input = new LineOutput(stdin, { onBlocked: () => {}, onDrained: () => {}, onError: () => {} });

    const guard = new LineGuard((reason) => {
      if (!this.#killed) options.onUnreadable(reason);
    }, LINE_BYTES_MAX);
    this.#watch = new HalfLineWatch(guard, {
      isRunning: () => !this.#paused && !this.#held && !this.#killed,
      onPart: options.onHalfLine,
    });
    // The last line of a killed process may be half a line.
    this.#lines = readGuardedLines(stdout, guard, (line) => {
      if (!this.#killed) options.onLine(line, this.#watch.takePassedLength());
    });
    onOutputClosed(this.#child, () => this.#killed, options.onOutputClosed);
    const allRead = new Promise<void>((resolve) =>
      this.#lines.once('close', () => {
        this.#closed = true;
        this.#watch.stop();
        resolve();
      }),
    );

    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.group.end();
        if (this.#child.pid === undefined && !this.#killed) options.onStartFailed(error.message);
        resolve();
      });
      this.#child.once('exit', (status, signal) => {
        if (this.#killed || !this.group.signal(0)) this.group.end();
        resolve();
        if (this.#killed) return;
        void settlesWithin(allRead, LAST_OUTPUT_MS_MAX).then(() => {
          this.group.end();
          if (!this.#killed) options.onExit(status, signal);
        });
      });
    });
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    this.group.signal(paused ? 'SIGSTOP' : 'SIGCONT');
  }

  hold(held: boolean): void {
    this.#held = held;
    // From Node 24 on, pause and resume throw after the end of a readline.
    if (this.#closed) return;
    if (held) this.#lines.pause();
    else this.#lines.resume();
  }

  endInput(): void {
    void this.input.empty().then(() => this.#stdin.end());
  }

  kill(): Promise<void> {
    this.#killing ??= this.#kill();
    return this.#killing;
  }

  async #kill(): Promise<void> {
    this.#killed = true;
    this.#watch.stop();
    this.group.signal('SIGKILL');
    await settlesWithin(this.#exited, KILL_MS_MAX);
    // A process that has left the group may hold a file or a port that the next life needs.
    await killAllMarked(MARK, this.#variable);
    this.group.end();
    this.#child.stdout?.destroy();
    this.#stdin.destroy();
  }
}
