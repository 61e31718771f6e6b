/**
 * The records of one node in its folder, in the order in which they were appended. A record is durable before a word of
 * it is told: write-ahead logging (Mohan et al., "ARIES", TODS 1992) with group commit, as in `kv/log/`, for nodes that
 * need the order of records and no keys.
 *
 *     raft-000000000001     the first segment; each start, and each compaction, begins the next
 *
 * A segment is lines that prove that they are whole (`protocol/checked-line.ts`). The first is its header, which says
 * with which record it begins, and whether it replaces all earlier segments. Each other line is a record: its sequence
 * number, the number up to which all was on the disk when it was written, and its text.
 *
 * After a failed append or sync it is unknown what is on the disk (Rebello et al., "Can Applications Recover from fsync
 * Failures?", USENIX ATC 2020), so a journal then fails for good.
 */

import { asciiJson, checkedLine } from '../protocol/checked-line.ts';
import type { Folder } from '../protocol/folder.ts';
import { writeNewFile } from './new-file.ts';
import { headerLine, recoverJournal, segmentName, temporaryPrefix } from './recovery.ts';

/** A record, or all of them anew, that is not on the disk yet. */
interface Pending {
  readonly lines: readonly string[];
  readonly replaces: boolean;
  readonly from: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * A node's records in a folder: in order, and durable before `append` resolves.
 *
 * @example
 * ```ts
 * import { Journal, type OwnPorts } from 'snowstorm';
 *
 * export async function openElements({ openFolder }: OwnPorts): Promise<(element: number) => Promise<void>> {
 *   const folder = await openFolder();
 *   const opened = folder && (await Journal.open(folder, 'elements'));
 *   const elements = new Set(opened?.records.map(Number));
 *   return async (element) => {
 *     await opened?.journal.append(String(element));
 *     elements.add(element);
 *   };
 * }
 * ```
 */
export class Journal {
  readonly #folder: Folder | undefined;
  readonly #name: string;
  #length = 0;
  /** The sequence number of the last record. */
  #last: number;
  #durable: number;
  /** Whether this life has a segment of its own that may be appended to. */
  #hasSegment = false;
  #segment: number;
  /** Segments that are on the disk. */
  #segments: number[];
  #waiting: Pending[] = [];
  #isWriting = false;
  #failure: Error | undefined;

  /**
   * Recovers the records of earlier lives. A torn tail, of which no life can have told, is left out. Rejects with a
   * JournalError if anything else is damaged or missing.
   *
   * @param folder undefined: the records are kept nowhere, and each is durable at once
   * @param name lower-case letters and hyphens: how the journal's files begin. No other journal of the folder has it.
   */
  static async open(
    folder: Folder | undefined,
    name: string,
  ): Promise<{ readonly journal: Journal; readonly records: readonly string[] }> {
    const recovered = folder && (await recoverJournal(folder, name));
    const records = recovered?.records ?? [];
    return { journal: new Journal(folder, name, recovered?.last ?? 0, recovered?.segments ?? [], records), records };
  }

  private constructor(
    folder: Folder | undefined,
    name: string,
    last: number,
    segments: readonly number[],
    records: readonly string[],
  ) {
    this.#folder = folder;
    this.#name = name;
    this.#last = last;
    this.#durable = last;
    this.#segments = [...segments];
    this.#segment = segments.at(-1) ?? 0;
    for (const record of records) this.#length += record.length;
  }

  /** Characters of all records since the last replacement, and of that. */
  get length(): number {
    return this.#length;
  }

  /**
   * Resolves when the record and all before it would survive a power failure. Those that are appended while a sync is
   * under way share the next. Rejects if the disk fails, now or earlier.
   */
  append(record: string): Promise<void> {
    this.#length += record.length;
    return this.#enter([record], false);
  }

  /**
   * Puts these records in the place of all that were appended before, also of those that are not durable yet. A life
   * that ends meanwhile leaves either. Resolves when only these are left.
   */
  replace(records: Iterable<string>): Promise<void> {
    const all = [...records];
    this.#length = all.reduce((sum, { length }) => sum + length, 0);
    return this.#enter(all, true);
  }

  #enter(records: readonly string[], replaces: boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#folder === undefined) return Promise.resolve();
    const from = this.#last + 1;
    const base = this.#durable;
    const lines = records.map((record) => checkedLine(asciiJson(record), `${++this.#last} ${base} `));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lines, replaces, from, resolve, reject });
      if (!this.#isWriting) void this.#writeAll(this.#folder as Folder);
    });
  }

  async #writeAll(folder: Folder): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        if (group[0]?.replaces) await this.#writeReplacement(folder, group[0]);
        else await this.#writeRecords(folder, group);
      } catch (error) {
        this.#fail(error as Error, group);
        return;
      }
      for (const { resolve } of group) resolve();
    }
    this.#isWriting = false;
  }

  /** A replacement alone, or all records up to the next replacement. */
  #takeGroup(): readonly Pending[] {
    const next = this.#waiting.findIndex(({ replaces }) => replaces);
    const count = next < 0 ? this.#waiting.length : Math.max(next, 1);
    return this.#waiting.splice(0, count);
  }

  async #writeRecords(folder: Folder, group: readonly Pending[]): Promise<void> {
    const last = (group[0] as Pending).from + group.reduce((sum, { lines }) => sum + lines.length, 0) - 1;
    if (!this.#hasSegment) await this.#beginSegment(folder, (group[0] as Pending).from, false, []);
    const name = segmentName(this.#name, this.#segment);
    await folder.append(name, group.flatMap(({ lines }) => lines).join(''));
    await folder.sync(name);
    this.#durable = last;
  }

  async #writeReplacement(folder: Folder, { lines, from }: Pending): Promise<void> {
    if (this.#hasSegment) await folder.close(segmentName(this.#name, this.#segment));
    const obsolete = this.#segments;
    this.#segments = [];
    await this.#beginSegment(folder, from, true, lines);
    this.#durable = from + lines.length - 1;
    // What is left of them after a crash is removed by the next start.
    for (const number of obsolete) await folder.remove(segmentName(this.#name, number));
  }

  /** A segment appears under its name only with all of these lines on the disk. */
  async #beginSegment(folder: Folder, from: number, replaces: boolean, lines: readonly string[]): Promise<void> {
    this.#segment++;
    const header = headerLine({ name: this.#name, number: this.#segment, from, count: lines.length, replaces });
    await writeNewFile(folder, segmentName(this.#name, this.#segment), [header, ...lines], temporaryPrefix(this.#name));
    this.#segments.push(this.#segment);
    this.#hasSegment = true;
  }

  #fail(error: Error, group: readonly Pending[]): void {
    this.#failure = error;
    for (const { reject } of [...group, ...this.#waiting.splice(0)]) reject(error);
  }
}
