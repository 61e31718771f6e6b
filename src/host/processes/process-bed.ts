/**
 * Nodes as processes, started as Maelstrom starts them: all in the system's temporary directory, stderr into a file
 * each, and SIGKILL at the end. Each node is the leader of a process group, so its children are paused and killed with
 * it. Processes that have left the group are found by a mark and killed. A killed node may be started again, in its
 * next life.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Bed, HeldOutput, NodeEvents, NodeHandle } from '../../harness/bed.ts';
import { LineGuard, readGuardedLines } from '../stdio/line-guard.ts';
import { LineOutput } from '../stdio/line-output.ts';
import { onTextLine } from '../stdio/text-lines.ts';
import { onOutputClosed } from './closed-output.ts';
import { killAllMarked, ProcessGroup, settlesWithin } from './process-group.ts';
import { Reaper } from './reaper.ts';
import { MARK_VARIABLE } from './strays.ts';

/** The longest line that a node may print. The JVM's harness has no limit but its memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
/** How many of the last lines of stderr are shown when a node ends by itself. */
const LAST_WORDS_MAX = 8;
const LAST_WORD_LENGTH_MAX = 500;
const KILL_MS_MAX = 5000;
/** How long output may follow the end of a node. Only a child of it that holds the pipes causes a wait. */
const LAST_OUTPUT_MS_MAX = 500;

export interface ProcessBedOptions {
  /** The program, by its full path. */
  readonly program: string;
  readonly args: readonly string[];
  /** The folder for `<node id>.log`, which holds all lives of the node. */
  readonly logFolder: string;
  /**
   * Called for a log that cannot be written. The node goes on. What this life still writes to stderr is read and
   * dropped.
   */
  readonly onLogLost?: (path: string, error: Error) => void;
  /** Called for every line that a node writes to stderr. */
  readonly onStderr?: (nodeId: string, line: string) => void;
}

export class ProcessBed implements Bed {
  readonly #options: ProcessBedOptions;
  readonly #mark = `${randomUUID()}/`;
  readonly #reaper = new Reaper(this.#mark);
  /** The latest life of each node. */
  readonly #nodes = new Map<string, ProcessNode>();
  #closing = false;

  constructor(options: ProcessBedOptions) {
    this.#options = options;
    mkdirSync(options.logFolder, { recursive: true });
  }

  startNode(nodeId: string, events: NodeEvents): NodeHandle {
    if (this.#closing) throw new Error(`${nodeId} was started after the end`);
    const previous = this.#nodes.get(nodeId);
    // Processes left of it would look like the next life: both have the same mark.
    if (previous?.over === false) throw new Error(`${nodeId} was started again before it was killed`);
    const life = (previous?.life ?? 0) + 1;
    const node = new ProcessNode(nodeId, life, `${this.#mark}${nodeId}`, this.#options, this.#reaper, events);
    this.#nodes.set(nodeId, node);
    return node;
  }

  /** Kills all processes that still run. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#nodes.values()].map((node) => node.kill()));
    await killAllMarked(this.#mark);
    this.#reaper.dismiss();
  }
}

class ProcessNode implements NodeHandle {
  /** 1 for the first. */
  readonly life: number;
  readonly #nodeId: string;
  readonly #mark: string;
  readonly #options: ProcessBedOptions;
  readonly #child: ChildProcess;
  readonly #group: ProcessGroup;
  readonly #input: LineOutput;
  readonly #guard: LineGuard;
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

  constructor(
    nodeId: string,
    life: number,
    mark: string,
    options: ProcessBedOptions,
    reaper: Reaper,
    events: NodeEvents,
  ) {
    this.life = life;
    this.#nodeId = nodeId;
    this.#mark = mark;
    this.#options = options;
    const logPath = join(options.logFolder, `${encodeURIComponent(nodeId)}.log`);
    this.#log = createWriteStream(logPath, { flags: life === 1 ? 'w' : 'a' });
    this.#log.once('error', (error) => options.onLogLost?.(logPath, error));
    // The event close follows an error, too.
    this.#logClosed = new Promise((resolve) => this.#log.once('close', () => resolve()));
    if (life > 1) this.#log.write(`--- snowstorm: life ${life} ---\n`);
    this.#child = spawn(options.program, [...options.args], {
      cwd: tmpdir(),
      env: { ...process.env, [MARK_VARIABLE]: mark },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#group = new ProcessGroup(this.#child.pid, reaper);
    const { stdin, stdout, stderr } = this.#child as ChildProcess & { stdin: Writable; stdout: Readable };

    // Input that the node does not read waits, as in the real harness. The death of the node is seen in `close`.
    this.#input = new LineOutput(stdin, { onBlocked: () => {}, onDrained: () => {}, onError: () => {} });

    this.#guard = new LineGuard((reason, beginning) => {
      if (!this.#killed) events.onUnreadable(reason, beginning);
    }, LINE_BYTES_MAX);
    readGuardedLines(stdout, this.#guard, (line) => {
      if (!this.#killed) events.onLine(line);
    });
    onOutputClosed(this.#child, () => this.#killed, events.onOutputClosed);
    if (stderr) {
      onTextLine(stderr, (line) => this.#takeStderr(line, stderr));
      // A log that has failed does not drain.
      for (const event of ['drain', 'close']) this.#log.on(event, () => stderr.resume());
    }

    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
    this.#closed = new Promise((resolve) => {
      const end = (how: string) => {
        if (this.#ended) return;
        this.#ended = true;
        this.#group.end();
        this.#log.end();
        this.#logClosed.then(resolve);
        if (!this.#killed) events.onExit(how);
      };
      this.#child.on('error', (error) => end(`it could not be started (${error.message})`));
      this.#child.on('exit', (status, signal) => {
        // The leader is dead. The system may reuse the group's number as soon as no member is left.
        if (this.#killed || !this.#group.signal(0)) this.#group.end();
        setTimeout(() => end(this.#describeEnd(status, signal)), LAST_OUTPUT_MS_MAX).unref();
      });
      this.#child.on('close', (status, signal) => end(this.#describeEnd(status, signal)));
    });
  }

  /** Whether a kill of it is complete. */
  get over(): boolean {
    return this.#over;
  }

  deliver(line: string): void {
    if (!this.#ended && !this.#killed) this.#input.write(line);
  }

  heldOutput(): HeldOutput | undefined {
    return this.#guard.held;
  }

  pause(): void {
    if (!this.#paused && !this.#killed) this.#paused = this.#group.signal('SIGSTOP');
  }

  resume(): void {
    if (this.#paused && !this.#killed) this.#group.signal('SIGCONT');
    this.#paused = false;
  }

  kill(): Promise<void> {
    this.#killing ??= this.#kill();
    return this.#killing;
  }

  async #kill(): Promise<void> {
    this.#killed = true;
    this.#group.signal('SIGKILL');
    await settlesWithin(this.#exited, KILL_MS_MAX);
    // A process that has left the group may hold the pipes, or a file or a port that the next life needs.
    await killAllMarked(this.#mark);
    await settlesWithin(this.#closed, KILL_MS_MAX);
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#over = true;
  }

  #takeStderr(line: string, stderr: Readable): void {
    if (this.#ended) return;
    // A node may write faster than the disk. A log that has failed takes nothing, and does not delay the node.
    if (!this.#log.destroyed && !this.#log.write(`${line}\n`)) stderr.pause();
    this.#lastWords.push(line.slice(0, LAST_WORD_LENGTH_MAX));
    if (this.#lastWords.length > LAST_WORDS_MAX) this.#lastWords.shift();
    this.#options.onStderr?.(this.#nodeId, line);
  }

  #describeEnd(status: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
    return this.#lastWords.length === 0 ? how : `${how}; its last words were: ${this.#lastWords.join(' ⏎ ')}`;
  }
}
