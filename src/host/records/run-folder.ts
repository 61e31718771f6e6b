/**
 * The folder of a run: `store/<workload>/<time>/` with the history, the messages, the nodes' logs and the results.
 * Links lead to the latest run.
 *
 * History and messages are written during the run, so a run that is cut short leaves what it saw. A file that cannot be
 * written, for example on a full disk, does not end a run. It is reported when the record is finished. A link that
 * cannot be set is only a warning.
 */

import { closeSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { NetworkEvent, NetworkMessage } from '../../harness/network.ts';
import type { Operation } from '../../history/operation.ts';
import { ExactNumber, parseExact, stringifyExact } from '../../protocol/exact-json.ts';
import { LineBytes } from './line-bytes.ts';
import { ListTexts } from './list-texts.ts';
import { addOperation, eventText, isLongerThan, messageMembers, shortMessageMembers } from './run-lines.ts';

export const RESULTS_FILE = 'results.json';
export const HISTORY_FILE = 'history.jsonl';
export const MESSAGES_FILE = 'messages.jsonl';
export const LOGS_FOLDER = 'node-logs';

/** Messages are whole until the log has so many characters. From then on longer ones are shortened. */
const WHOLE_LENGTH_MAX = 64 * 1024 * 1024;
const LATER_LINE_LENGTH_MAX = 4096;

const GATHERED_BYTES = 256 * 1024;
/** Room for the line that fills it. */
const LAST_LINE_BYTES = 64 * 1024;

export class RunFolder {
  /** Its full path. */
  readonly folder: string;
  readonly #links: readonly string[];
  readonly #history: GatheredFile;
  readonly #messages: GatheredFile;
  /** Undefined: this log cannot be made. */
  readonly #logs = new Map<string, GatheredFile | undefined>();
  readonly #texts = new ListTexts();
  /** The last message, which mostly arrives at once, and its members as text: whole, and shortened. */
  #lastMessage: NetworkMessage | undefined;
  #whole: string | undefined;
  #short: string | undefined;
  #messageEvents = 0;
  #messageLength = 0;
  #shortenedCount = 0;

  readonly #messageEventsMax: number;
  /** Why a file could not be written, by its path: the first reason only, since others may follow from it. */
  readonly #losses = new Map<string, string>();
  readonly #warnings: string[] = [];

  private constructor(folder: string, links: readonly string[], messageEventsMax: number) {
    this.folder = folder;
    this.#links = links;
    this.#messageEventsMax = messageEventsMax;
    this.#history = new GatheredFile(join(folder, HISTORY_FILE));
    this.#messages = new GatheredFile(join(folder, MESSAGES_FILE));
  }

  /**
   * Makes the folder of a run. Throws the error of the file system if it cannot be made.
   *
   * @param messageEventsMax how many message events are kept; later ones are only counted
   */
  static create(root: string, workload: string, time: Date, messageEventsMax: number): RunFolder {
    const workloadFolder = resolve(root, workload);
    mkdirSync(workloadFolder, { recursive: true });
    const links = [join(resolve(root), 'latest'), join(workloadFolder, 'latest')];
    return new RunFolder(makeFolder(workloadFolder, time), links, messageEventsMax);
  }

  /** The same for what is judged long after its run: no link leads to it, and it has no messages of its own. */
  static createUnlinked(root: string, workload: string, time: Date): RunFolder {
    const workloadFolder = resolve(root, workload);
    mkdirSync(workloadFolder, { recursive: true });
    return new RunFolder(makeFolder(workloadFolder, time), [], 0);
  }

  /** Makes a folder in this one, for another run that belongs to this run. */
  nested(name: string): RunFolder {
    const folder = join(this.folder, name);
    mkdirSync(folder);
    return new RunFolder(folder, [], this.#messageEventsMax);
  }

  get logFolder(): string {
    return join(this.folder, LOGS_FOLDER);
  }

  writeOperation(operation: Operation): void {
    addOperation(this.#history.lines, operation, this.#texts.textOf);
    this.#history.endLine();
  }

  writeMessage(event: NetworkEvent, message: NetworkMessage, timeMs: number): void {
    if (++this.#messageEvents > this.#messageEventsMax) return;
    const start = eventText(event, timeMs);
    const members = this.#membersOf(message, start.length);
    this.#messageLength += start.length + members.length;
    this.#messages.writeParts(start, members);
  }

  /** Adds a line to the log of a node without a stderr of its own. */
  writeLog(nodeId: string, line: string): void {
    if (!this.#logs.has(nodeId)) this.#logs.set(nodeId, this.#openLog(nodeId));
    this.#logs.get(nodeId)?.writeLine(line);
  }

  /**
   * Writes another file of the record, before `finish`, which reports it if it could not be written.
   */
  writeFile(name: string, text: string): void {
    const path = join(this.folder, name);
    this.#attempt(path, () => writeFileSync(path, text));
  }

  /** Notes that another file in the folder could not be written. */
  addLoss(path: string, error: Error): void {
    if (!this.#losses.has(path)) this.#losses.set(path, error.message);
  }

  /** What is missing in the record, in a sentence; undefined if it is complete. */
  get leftOut(): string | undefined {
    const [count, shortened] = [this.#leftOutCount, this.#shortenedCount];
    const parts = [
      count > 0 && `messages.jsonl keeps the first ${this.#messageEventsMax} events; ${count} more are left out`,
      shortened > 0 && `messages.jsonl shortens ${shortened} long message${shortened === 1 ? '' : 's'}`,
    ].filter((part) => part !== false);
    return parts.length === 0 ? undefined : parts.join('; ');
  }

  /** Problems at the end that left the record complete, a sentence each. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /**
   * Writes the results and the links, and closes the files. Then throws an Error that names all files that could not
   * be written, now or before.
   */
  finish(results: unknown): void {
    const count = this.#leftOutCount;
    if (count > 0)
      this.#messages.writeLine(JSON.stringify({ truncated: true, kept: this.#messageEventsMax, left_out: count }));
    const text = `${indented(parseExact(stringifyExact(results)), '')}\n`;
    this.writeFile(RESULTS_FILE, text);
    for (const file of [this.#history, this.#messages, ...this.#logs.values()])
      if (file !== undefined) this.#attempt(file.path, () => file.close());
    for (const link of this.#links) this.#setLink(link);
    const losses = [...this.#losses].map(([path, reason]) => `${path}: ${reason}`);
    if (losses.length > 0) throw new Error(`the record is incomplete: ${losses.join('; ')}`);
  }

  #membersOf(message: NetworkMessage, startLength: number): string {
    if (message !== this.#lastMessage) {
      this.#lastMessage = message;
      this.#whole = undefined;
      this.#short = undefined;
    }
    // Nodes that send all they know again and again would fill a disk.
    const mayShorten = this.#messageLength > WHOLE_LENGTH_MAX;
    const isSurelyLong = (value: unknown) => isLongerThan(value, LATER_LINE_LENGTH_MAX);
    const isLong = mayShorten && this.#whole === undefined && Object.values(message.body).some(isSurelyLong);
    if (!isLong) {
      this.#whole ??= messageMembers(message, this.#texts.textOf);
      if (!mayShorten || startLength + this.#whole.length <= LATER_LINE_LENGTH_MAX) return this.#whole;
    }
    this.#shortenedCount++;
    this.#short ??= shortMessageMembers(message);
    return this.#short;
  }

  #setLink(link: string): void {
    try {
      replaceLink(link, this.folder);
    } catch (error) {
      this.#warnings.push(`${link} was not set: ${(error as Error).message}`);
    }
  }

  #openLog(nodeId: string): GatheredFile | undefined {
    const path = join(this.logFolder, `${encodeURIComponent(nodeId)}.log`);
    return this.#attempt(path, () => {
      mkdirSync(this.logFolder, { recursive: true });
      return new GatheredFile(path);
    });
  }

  #attempt<Result>(path: string, act: () => Result): Result | undefined {
    try {
      return act();
    } catch (error) {
      this.addLoss(path, error as Error);
      return undefined;
    }
  }

  get #leftOutCount(): number {
    return Math.max(0, this.#messageEvents - this.#messageEventsMax);
  }
}

/**
 * Gathers lines, so that a run at full speed needs one write for thousands of lines. Writes are synchronous. With the
 * system's cache each is only a copy.
 */
class GatheredFile {
  readonly path: string;
  readonly #descriptor: number;
  /** What is not written yet. */
  readonly lines = new LineBytes(GATHERED_BYTES + LAST_LINE_BYTES);
  /** The second part of the last line, and where it is in `lines`; undefined: there no more. */
  #lastRest: string | undefined;
  #restStart = 0;
  #restEnd = 0;
  /** The first error. After it nothing more is written. */
  #lost: unknown;

  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, 'w');
  }

  writeLine(line: string): void {
    this.lines.text(line);
    this.endLine();
  }

  /** Writes a line of two parts. The second is copied if it is that of the line before it. */
  writeParts(start: string, rest: string): void {
    this.lines.text(start);
    const { length } = this.lines;
    if (rest === this.#lastRest) this.lines.again(this.#restStart, this.#restEnd);
    else this.lines.text(rest);
    this.#lastRest = rest;
    this.#restStart = length;
    this.#restEnd = this.lines.length;
    this.endLine();
  }

  /** Ends the line that was added to `lines`. */
  endLine(): void {
    this.lines.text('\n');
    if (this.lines.length >= GATHERED_BYTES) this.#flush();
  }

  /** Throws the first error of writing. */
  close(): void {
    this.#flush();
    this.#attempt(() => closeSync(this.#descriptor));
    if (this.#lost !== undefined) throw this.#lost;
  }

  #flush(): void {
    this.#attempt(() => {
      // If the disk has room again, the next line must not follow a line that was cut short.
      if (this.#lost !== undefined) return;
      const { bytes } = this.lines;
      for (let start = 0; start < bytes.length; ) start += writeSync(this.#descriptor, bytes, start);
    });
    this.lines.clear();
    this.#lastRest = undefined;
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#lost ??= error;
    }
  }
}

/** Makes the folder of a run. Two runs that begin in the same millisecond get a folder each. */
function makeFolder(parent: string, time: Date): string {
  const name = time.toISOString().replaceAll(/[-:]/g, '');
  for (let number = 1; ; number++) {
    const folder = join(parent, number === 1 ? name : `${name}-${number}`);
    try {
      mkdirSync(folder);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** JSON for people, indented as JSON.stringify does, with every digit of an exact number. */
function indented(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return stringifyExact(value);
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const items = Array.isArray(value)
    ? value.map((item) => indented(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${indented(item, inner)}`);
  if (items.length === 0) return `${open}${close}`;
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** Replaces a link in one step: a reader sees the old link or the new one. */
function replaceLink(link: string, folder: string): void {
  const temporary = `${link}.${process.pid}`;
  rmSync(temporary, { force: true });
  symlinkSync(relative(join(link, '..'), folder), temporary);
  try {
    renameSync(temporary, link);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
