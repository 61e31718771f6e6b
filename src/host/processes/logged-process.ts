/**
 * A child process of a run: it leads a group of its own and carries the run's mark, so that it is signalled and killed
 * with all its children. What it writes to stderr goes into the log of its node, and the last of it is told when it
 * ends.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { inheritedEnvironment } from '../inherited-environment.ts';
import { onTextLine } from '../stdio/text-lines.ts';
import { killAllMarked, ProcessGroup, settlesWithin } from './process-group.ts';
import type { Reaper } from './reaper.ts';
import { MARK_VARIABLE } from './strays.ts';

/** How many of the last lines of stderr are shown when a process ends by itself. */
const LAST_WORDS_MAX = 8;
const LAST_WORD_LENGTH_MAX = 500;
const KILL_MS_MAX = 5000;
/** How long output may follow the end of a process. Only a child of it that holds the pipes causes a wait. */
const LAST_OUTPUT_MS_MAX = 500;

/** Where what nodes write to stderr goes. */
export interface LogOptions {
  /** The folder for `<node id>.log`, which holds all lives of the node. */
  readonly logFolder: string;
  /**
   * Called for a log that cannot be written. The node goes on. What its process still writes to stderr is read and
   * dropped.
   */
  readonly onLogLost?: (path: string, error: Error) => void;
  /** Called for every line that a node writes to stderr. */
  readonly onStderr?: (nodeId: string, line: string) => void;
}

export interface LoggedProcessOptions {
  readonly nodeId: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Default: that of this process. */
  readonly cwd?: string;
  /** Environment variables beside the {@link inheritedEnvironment}. Default: none. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What its stdin and stdout are: pipes to this process, or nothing. */
  readonly stdio: 'pipe' | 'ignore';
  /** `<run>/<node id>` */
  readonly mark: string;
  readonly reaper: Reaper;
  readonly log: LogOptions;
  /** Written to the log before its output. Without it, a new log is begun. */
  readonly heading: string | undefined;
  /** It ended without a kill, or could not be started. @param status undefined after a signal, or if never started */
  readonly onExit: (how: string, status: number | undefined) => void;
}

export class LoggedProcess {
  readonly child: ChildProcess;
  readonly #options: LoggedProcessOptions;
  readonly #group: ProcessGroup;
  readonly #log: WriteStream;
  readonly #logClosed: Promise<void>;
  readonly #exited: Promise<void>;
  readonly #closed: Promise<void>;
  readonly #lastWords: string[] = [];
  #paused = false;
  #killed = false;
  #ended = false;
  #over = false;
  #killing: Promise<void> | undefined;

  constructor(options: LoggedProcessOptions) {
    const { nodeId, program, args, cwd, environment, stdio, mark, reaper, log, heading } = options;
    this.#options = options;
    const logPath = join(log.logFolder, `${encodeURIComponent(nodeId)}.log`);
    this.#log = createWriteStream(logPath, { flags: heading === undefined ? 'w' : 'a' });
    this.#log.once('error', (error) => log.onLogLost?.(logPath, error));
    // The event close follows an error, too.
    this.#logClosed = new Promise((resolve) => this.#log.once('close', () => resolve()));
    if (heading !== undefined) this.#log.write(`${heading}\n`);
    this.child = spawn(program, [...args], {
      ...(cwd !== undefined && { cwd }),
      env: { ...inheritedEnvironment(), ...environment, [MARK_VARIABLE]: mark },
      detached: true,
      stdio: [stdio, stdio, 'pipe'],
    });
    this.#group = new ProcessGroup(this.child.pid, reaper);
    const { stderr } = this.child;
    if (stderr) {
      onTextLine(stderr, (line) => this.#takeStderr(line, stderr));
      // A log that has failed does not drain.
      for (const event of ['drain', 'close']) this.#log.on(event, () => stderr.resume());
    }
    this.#exited = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
    this.#closed = this.#untilClosed();
  }

  /** The last line that it has written to stderr. */
  get lastWord(): string | undefined {
    return this.#lastWords.at(-1);
  }

  /** Whether it was told to die. */
  get killed(): boolean {
    return this.#killed;
  }

  /** Whether it has ended, by itself or not. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a kill of it is complete. */
  get over(): boolean {
    return this.#over;
  }

  pause(): void {
    if (!this.#paused && !this.#killed) this.#paused = this.#group.signal('SIGSTOP');
  }

  resume(): void {
    if (this.#paused && !this.#killed) this.#group.signal('SIGCONT');
    this.#paused = false;
  }

  /** Kills it with all its children. Resolves when nothing of them is left. */
  kill(): Promise<void> {
    this.#killing ??= this.#kill();
    return this.#killing;
  }

  async #kill(): Promise<void> {
    this.#killed = true;
    this.#group.signal('SIGKILL');
    await settlesWithin(this.#exited, KILL_MS_MAX);
    // A process that has left the group may hold the pipes, or a file or a port that the next life needs.
    await killAllMarked(this.#options.mark);
    await settlesWithin(this.#closed, KILL_MS_MAX);
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
    this.#over = true;
  }

  #untilClosed(): Promise<void> {
    return new Promise((resolve) => {
      const end = (how: string, status?: number | null) => {
        if (this.#ended) return;
        this.#ended = true;
        this.#group.end();
        this.#log.end();
        this.#logClosed.then(resolve);
        if (!this.#killed) this.#options.onExit(how, status ?? undefined);
      };
      this.child.on('error', (error) => end(`it could not be started (${error.message})`));
      this.child.on('exit', (status, signal) => {
        // The leader is dead. The system may reuse the group's number as soon as no member is left.
        if (this.#killed || !this.#group.signal(0)) this.#group.end();
        setTimeout(() => end(this.#describeEnd(status, signal), status), LAST_OUTPUT_MS_MAX).unref();
      });
      this.child.on('close', (status, signal) => end(this.#describeEnd(status, signal), status));
    });
  }

  #takeStderr(line: string, stderr: Readable): void {
    if (this.#ended) return;
    // A node may write faster than the disk. A log that has failed takes nothing, and does not delay the node.
    if (!this.#log.destroyed && !this.#log.write(`${line}\n`)) stderr.pause();
    this.#lastWords.push(line.slice(0, LAST_WORD_LENGTH_MAX));
    if (this.#lastWords.length > LAST_WORDS_MAX) this.#lastWords.shift();
    this.#options.log.onStderr?.(this.#options.nodeId, line);
  }

  #describeEnd(status: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
    return this.#lastWords.length === 0 ? how : `${how}; its last words were: ${this.#lastWords.join(' ⏎ ')}`;
  }
}
