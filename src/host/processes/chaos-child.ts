/**
 * The process of a node under chaos, life after life: started with the same command line, fed and read by lines,
 * stopped and killed with everybody it has started. Its stderr is ours. Nothing of it outlives this process, however
 * this one ends (`reaper.ts`).
 *
 * The mark by which its strays are found is a variable of a name of its own, beside what a harness has marked this
 * process with: both must find it, and one supervisor may stand behind another.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import type { Child } from '../../chaos/chaos.ts';
import { LineGuard, readGuardedLines } from '../stdio/line-guard.ts';
import { LineOutput } from '../stdio/line-output.ts';
import { killAllMarked, ProcessGroup, settlesWithin } from './process-group.ts';
import { Reaper } from './reaper.ts';

/** As much as a harness takes on one line, as in `process-bed.ts`. */
export const LINE_BYTES_MAX = 64 * 1024 * 1024;
const MARK = '1';
const KILL_MS_MAX = 5000;
/** How long output may follow the end of a process. Only a child of it that holds the pipe makes it wait at all. */
const LAST_OUTPUT_MS_MAX = 500;

export interface ChaosChildOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly onLine: (line: string) => void;
  /** It printed something that is not even a line of text. */
  readonly onUnreadable: (reason: string) => void;
  /** It ended without being killed from here; all that it printed has been told. */
  readonly onExit: (status: number | null, signal: NodeJS.Signals | null) => void;
  readonly onStartFailed: (reason: string) => void;
}

export class ChaosChild implements Child {
  readonly #options: ChaosChildOptions;
  readonly #variable = `SNOWSTORM_CHAOS_${randomUUID().replaceAll('-', '')}`;
  readonly #reaper = new Reaper(MARK, this.#variable);
  #life: Life | undefined;
  #held = false;

  constructor(options: ChaosChildOptions) {
    this.#options = options;
  }

  start(): void {
    this.#life = new Life(this.#options, this.#variable, this.#reaper);
    this.#life.hold(this.#held);
  }

  deliver(line: string): void {
    this.#life?.input.write(line);
  }

  pause(): void {
    this.#life?.group.signal('SIGSTOP');
  }

  resume(): void {
    this.#life?.group.signal('SIGCONT');
  }

  kill(): Promise<void> {
    return this.#life?.kill() ?? Promise.resolve();
  }

  /** Reads on, or not, while the harness does not. */
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

  /** Kills whatever is left; resolves when there is nothing. */
  async close(): Promise<void> {
    await this.kill();
    await killAllMarked(MARK, this.#variable);
    this.#reaper.dismiss();
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
  #killed = false;
  #closed = false;
  #killing: Promise<void> | undefined;

  constructor(options: ChaosChildOptions, variable: string, reaper: Reaper) {
    this.#variable = variable;
    this.#child = spawn(options.program, [...options.args], {
      env: { ...process.env, [variable]: MARK },
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.group = new ProcessGroup(this.#child.pid, reaper);
    const { stdin, stdout } = this.#child as ChildProcess & { stdin: Writable; stdout: Readable };
    this.#stdin = stdin;

    // What a node does not read waits, as in a harness; that it has died is told by its end.
    this.input = new LineOutput(stdin, { onBlocked: () => {}, onDrained: () => {}, onError: () => {} });

    const guard = new LineGuard((reason) => {
      if (!this.#killed) options.onUnreadable(reason);
    }, LINE_BYTES_MAX);
    this.#lines = readGuardedLines(stdout, guard);
    // The last line of a killed process may be half a line.
    this.#lines.on('line', (line) => {
      if (!this.#killed) options.onLine(line);
    });
    const allRead = new Promise<void>((resolve) =>
      this.#lines.once('close', () => {
        this.#closed = true;
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

  hold(held: boolean): void {
    // From Node 24 on neither may be asked of a readline that has ended.
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
    this.group.signal('SIGKILL');
    await settlesWithin(this.#exited, KILL_MS_MAX);
    // Who has left the group may hold a file or a port that the next life needs.
    await killAllMarked(MARK, this.#variable);
    this.group.end();
    this.#child.stdout?.destroy();
    this.#stdin.destroy();
  }
}
