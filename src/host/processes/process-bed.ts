/**
 * Nodes as processes, started as Maelstrom starts them: all in the system's temporary directory, stderr into a file
 * each, and SIGKILL at the end. Each node is the leader of a process group, so its children are paused and killed with
 * it. Processes that have left the group are found by a mark and killed. A killed node may be started again, in its
 * next life.
 */

import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Bed, HeldOutput, NodeEvents, NodeHandle } from '../../harness/bed.ts';
import { RUN_FOLDER_VARIABLE } from '../node-environment.ts';
import { LineFilter } from '../stdio/line-filter.ts';
import { LineOutput } from '../stdio/line-output.ts';
import { readThrough, splitLines } from '../stdio/line-reader.ts';
import { onOutputClosed } from './closed-output.ts';
import { LoggedProcess, type LogOptions } from './logged-process.ts';
import { type Life, type LifePlace, NodeLives } from './node-lives.ts';

/** The longest line that a node may print. The JVM's harness has no limit but its memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

export interface ProcessBedOptions extends LogOptions {
  /** The program, by its full path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Environment variables of the nodes, beside those of this process (`node-environment.ts`). Default: none. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class ProcessBed implements Bed {
  readonly #options: ProcessBedOptions;
  readonly #lives: NodeLives<ProcessNode>;
  readonly #runFolder = join(tmpdir(), `snowstorm-run-${randomUUID()}`);

  constructor(options: ProcessBedOptions) {
    const environment = { ...options.environment, [RUN_FOLDER_VARIABLE]: this.#runFolder };
    this.#options = { ...options, environment };
    this.#lives = new NodeLives(options.logFolder);
  }

  startNode(nodeId: string, events: NodeEvents): NodeHandle {
    return this.#lives.begin(nodeId, (place) => new ProcessNode(nodeId, place, this.#options, events));
  }

  /** Kills all processes that still run, and removes what they kept in the folder of the run. */
  async close(): Promise<void> {
    await this.#lives.close();
    await rm(this.#runFolder, { recursive: true, force: true });
  }
}

class ProcessNode implements NodeHandle, Life {
  readonly number: number;
  readonly #process: LoggedProcess;
  readonly #input: LineOutput;
  readonly #filter: LineFilter;

  constructor(nodeId: string, place: LifePlace, options: ProcessBedOptions, events: NodeEvents) {
    this.number = place.number;
    const { program, args, environment = {} } = options;
    this.#process = new LoggedProcess({
      ...place,
      nodeId,
      program,
      args,
      cwd: tmpdir(),
      environment,
      stdio: 'pipe',
      log: options,
      onExit: events.onExit,
    });
    const { child } = this.#process;
    const { stdin, stdout } = child as ChildProcess & { stdin: Writable; stdout: Readable };

    // Input that the node does not read waits, as in the real harness. The death of the node is seen in its exit.
    this.#input = new LineOutput(stdin, { onBlocked: () => {}, onDrained: () => {}, onError: () => {} });

    const onRefused = (reason: string, beginning: string) => {
      if (!this.#process.killed) events.onUnreadable(reason, beginning);
    };
    const onLine = (line: string) => {
      if (!this.#process.killed) events.onLine(line);
    };
    this.#filter = new LineFilter(onRefused, (lines) => splitLines(lines, onLine), LINE_BYTES_MAX);
    readThrough(stdout, this.#filter);
    onOutputClosed(child, () => this.#process.killed, events.onOutputClosed);
  }

  get over(): boolean {
    return this.#process.over;
  }

  deliver(line: string): void {
    if (!this.#process.ended && !this.#process.killed) this.#input.write(line);
  }

  heldOutput(): HeldOutput | undefined {
    return this.#filter.held;
  }

  pause(): void {
    this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }
}
