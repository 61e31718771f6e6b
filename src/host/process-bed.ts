/**
 * Nodes as processes, started as Maelstrom starts them: all in the system's temporary directory, stderr into a file each, and SIGKILL at the
 * end. Each is the leader of a process group, so that what it has started dies with it; what has left the group is hunted down.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Bed, NodeEvents, NodeHandle } from '../simulator/bed.ts';
import { LineGuard, readGuardedLines } from './line-guard.ts';
import { LineOutput } from './line-output.ts';
import { Reaper } from './reaper.ts';
import { killMarked, MARK_VARIABLE } from './strays.ts';
import { onTextLine } from './text-lines.ts';

/** What a stranger may print on one line; the JVM's harness has no limit but its memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
/** The last lines of stderr, which are shown when a node ends by itself. */
const LAST_WORDS_MAX = 8;
const LAST_WORD_LENGTH_MAX = 500;
/** How long a group may take to die before somebody who left it is suspected to hold the pipes. */
const GROUP_KILL_MS_MAX = 250;
const KILL_MS_MAX = 5000;
/** Who is killed may have had a child at the last moment. */
const STRAY_ROUNDS_MAX = 50;
const STRAY_ROUND_MS = 20;
/** How long output may follow the end of a node. Only a child of it that holds the pipes makes it wait at all. */
const LAST_OUTPUT_MS_MAX = 500;

export interface ProcessBedOptions {
  /** The program, by its full path. */
  readonly program: string;
  readonly args: readonly string[];
  /** The folder for `<node id>.log`. */
  readonly logFolder: string;
  /** Told of every line that a node writes to stderr. */
  readonly onStderr?: (nodeId: string, line: string) => void;
}

export class ProcessBed implements Bed {
  readonly #options: ProcessBedOptions;
  readonly #mark = `${randomUUID()}/`;
  readonly #reaper = new Reaper(this.#mark);
  readonly #nodes = new Set<ProcessNode>();

  constructor(options: ProcessBedOptions) {
    this.#options = options;
    mkdirSync(options.logFolder, { recursive: true });
  }

  startNode(nodeId: string, events: NodeEvents): NodeHandle {
    const node = new ProcessNode(nodeId, `${this.#mark}${nodeId}`, this.#options, events);
    this.#nodes.add(node);
    if (node.pid !== undefined) this.#reaper.watch(node.pid);
    return node;
  }

  /** Kills whatever still runs. */
  async close(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.kill()));
    for (let round = 0; round < STRAY_ROUNDS_MAX && killMarked(this.#mark); round++) await timeout(STRAY_ROUND_MS).over;
    this.#reaper.dismiss();
  }
}

class ProcessNode implements NodeHandle {
  readonly #mark: string;
  readonly #child: ChildProcess;
  readonly #input: LineOutput;
  readonly #log: WriteStream;
  readonly #closed: Promise<void>;
  readonly #lastWords: string[] = [];
  #killed = false;
  #ended = false;

  constructor(nodeId: string, mark: string, options: ProcessBedOptions, events: NodeEvents) {
    this.#mark = mark;
    this.#log = createWriteStream(join(options.logFolder, `${encodeURIComponent(nodeId)}.log`));
    this.#child = spawn(options.program, [...options.args], {
      cwd: tmpdir(),
      env: { ...process.env, [MARK_VARIABLE]: mark },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdin, stdout, stderr } = this.#child as ChildProcess & { stdin: Writable; stdout: Readable };

    // A node that does not read is its own affair: what it is sent waits, as in the real harness, and its end is told by `close`.
    this.#input = new LineOutput(stdin, { onBlocked: () => {}, onDrained: () => {}, onError: () => {} });

    const guard = new LineGuard((reason, beginning) => events.onUnreadable(reason, beginning), LINE_BYTES_MAX);
    readGuardedLines(stdout, guard).on('line', (line) => {
      if (!this.#killed) events.onLine(line);
    });
    if (stderr) {
      onTextLine(stderr, (line) => {
        if (this.#ended) return;
        // A node may write faster than the disk.
        if (!this.#log.write(`${line}\n`) && !stderr.isPaused()) {
          stderr.pause();
          this.#log.once('drain', () => stderr.resume());
        }
        this.#lastWords.push(line.slice(0, LAST_WORD_LENGTH_MAX));
        if (this.#lastWords.length > LAST_WORDS_MAX) this.#lastWords.shift();
        options.onStderr?.(nodeId, line);
      });
    }
    this.#closed = new Promise((resolve) => {
      const end = (how: string) => {
        if (this.#ended) return;
        this.#ended = true;
        this.#log.end(resolve);
        if (!this.#killed) events.onExit(how);
      };
      this.#child.on('error', (error) => end(`it could not be started (${error.message})`));
      this.#child.on('exit', (status, signal) =>
        setTimeout(() => end(this.#describeEnd(status, signal)), LAST_OUTPUT_MS_MAX).unref(),
      );
      this.#child.on('close', (status, signal) => end(this.#describeEnd(status, signal)));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  deliver(line: string): void {
    if (!this.#ended) this.#input.write(line);
  }

  async kill(): Promise<void> {
    this.#killed = true;
    const { pid } = this.#child;
    if (pid !== undefined) killGroup(pid);
    if (!(await this.#closesWithin(GROUP_KILL_MS_MAX))) {
      killMarked(this.#mark);
      await this.#closesWithin(KILL_MS_MAX);
    }
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  async #closesWithin(durationMs: number): Promise<boolean> {
    const { over, cancel } = timeout(durationMs);
    const closed = await Promise.race([this.#closed.then(() => true), over.then(() => false)]);
    cancel();
    return closed;
  }

  #describeEnd(status: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
    return this.#lastWords.length === 0 ? how : `${how}; its last words were: ${this.#lastWords.join(' ⏎ ')}`;
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of the group is left.
  }
}

function timeout(delayMs: number): { over: Promise<void>; cancel: () => void } {
  let cancel = () => {};
  const over = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    cancel = () => clearTimeout(timer);
  });
  return { over, cancel };
}
