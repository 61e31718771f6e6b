/** What a journal's segments hold, read after a life that ended anyhow. */

import { asciiJson, checkedLine, parseCheckedLine } from '../protocol/checked-line.ts';
import type { Folder } from '../protocol/folder.ts';
import { type Line, readLines } from './lines.ts';

const FORMAT = 1;
const DIGITS = 12;

/** The records cannot be read, or not all of them are there. The text names the file and the place. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

export interface Header {
  readonly name: string;
  readonly number: number;
  /** The sequence number of the first record. */
  readonly from: number;
  /** So many records were written with the header, and are on the disk since. */
  readonly count: number;
  /** Whether all earlier segments are obsolete. */
  readonly replaces: boolean;
}

export interface Recovered {
  readonly records: readonly string[];
  /** The sequence number of the last record; 0: there is none. */
  readonly last: number;
  /** The numbers of the segments that hold them, ascending. */
  readonly segments: readonly number[];
}

export function segmentName(name: string, number: number): string {
  return `${name}-${String(number).padStart(DIGITS, '0')}`;
}

export function temporaryPrefix(name: string): string {
  return `${name}-new-`;
}

export function headerLine({ name, number, from, count, replaces }: Header): string {
  return checkedLine(asciiJson({ snowstorm: 'journal', format: FORMAT, name, number, from, count, replaces }));
}

/**
 * Reads all records, and removes files of no use. What it finds survives a power failure from then on. Rejects with a
 * {@link JournalError} if a record is damaged or missing that an earlier life may have told of.
 */
export async function recoverJournal(folder: Folder, name: string): Promise<Recovered> {
  const found = await findSegments(folder, name);
  const segments: { readonly header: Header; readonly lines: readonly Line[] }[] = [];
  // The newest first: no segment before one that replaces them is read, since it may be half removed.
  for (const number of found.reverse()) {
    const [first, ...lines] = await linesOf(folder, segmentName(name, number));
    const header = parseHeader(first, name, number, folder.describe(segmentName(name, number)));
    segments.unshift({ header, lines });
    if (header.replaces) break;
  }
  const first = segments[0]?.header;
  const reading = new Reading(folder, first?.replaces ? first.from : 1);
  for (const [index, { header, lines }] of segments.entries()) reading.take(header, lines, segments[index + 1]?.header);
  const numbers = segments.map(({ header }) => header.number);
  for (const number of found) if (!numbers.includes(number)) await folder.remove(segmentName(name, number));
  const lastSegment = numbers.at(-1);
  // The last life may have ended before its last records were on the disk.
  if (lastSegment !== undefined) await folder.sync(segmentName(name, lastSegment));
  await folder.syncNames();
  return { records: reading.records, last: reading.next - 1, segments: numbers };
}

/** Ascending. Removes what was under way. */
async function findSegments(folder: Folder, name: string): Promise<number[]> {
  const found: number[] = [];
  for (const file of await folder.names()) {
    if (file.startsWith(temporaryPrefix(name)) && file.endsWith('.tmp')) await folder.remove(file);
    const number = Number(file.slice(name.length + 1));
    if (Number.isSafeInteger(number) && number > 0 && file === segmentName(name, number)) found.push(number);
  }
  return found.sort((one, other) => one - other);
}

async function linesOf(folder: Folder, file: string): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const some of readLines(folder, file)) lines.push(...some);
  return lines;
}

function parseHeader(line: Line | undefined, name: string, number: number, file: string): Header {
  const body = line?.whole ? parseCheckedLine(line.text) : undefined;
  if (body === undefined) throw new JournalError(`${file}: its first line is damaged`);
  const header = JSON.parse(body) as Header & { readonly snowstorm?: unknown; readonly format?: unknown };
  if (header.snowstorm !== 'journal') throw new JournalError(`${file}: its first line is not that of a journal`);
  if (header.format !== FORMAT)
    throw new JournalError(
      `${file}: it has format ${JSON.stringify(header.format)}, and this version of Snowstorm knows only format ${FORMAT}`,
    );
  if (header.name !== name || header.number !== number)
    throw new JournalError(`${file}: its first line is that of another file`);
  return header;
}

/** The segments, taken in their order. */
class Reading {
  readonly records: string[] = [];
  /** The sequence number of the record that must come next. */
  next: number;
  readonly #folder: Folder;

  constructor(folder: Folder, from: number) {
    this.#folder = folder;
    this.next = from;
  }

  /** @param following the header of the next segment; undefined: this is the last one */
  take(header: Header, lines: readonly Line[], following: Header | undefined): void {
    if (header.from !== this.next) throw this.#missing(header, 0);
    const count = this.#readRecords(lines);
    // What follows a torn record was not on the disk either, unless a later record says that all was.
    const torn = lines.slice(count).map((line) => parseRecord(line)?.base ?? 0);
    const isDamaged = count < header.count || torn.some((base) => base >= this.next);
    const isContinued = following === undefined || following.from === this.next;
    if (isDamaged || !isContinued) throw this.#missing(header, lines[count]?.offset);
  }

  /** How many lines are the records that come next. */
  #readRecords(lines: readonly Line[]): number {
    for (const [index, line] of lines.entries()) {
      const record = parseRecord(line);
      if (record?.sequence !== this.next) return index;
      this.records.push(record.text);
      this.next++;
    }
    return lines.length;
  }

  #missing({ name, number }: Header, offset: number | undefined): JournalError {
    const file = this.#folder.describe(segmentName(name, number));
    const place = offset === undefined ? 'at its end' : `at offset ${offset}`;
    return new JournalError(
      `${file}: record ${this.next} should be ${place}, and is damaged or missing. The disk has lost what was acknowledged`,
    );
  }
}

interface JournalRecord {
  readonly sequence: number;
  /** All records up to this one were on the disk when this one was written. */
  readonly base: number;
  readonly text: string;
}

/** Undefined: it is not a whole and undamaged record. */
function parseRecord({ text, whole }: Line): JournalRecord | undefined {
  const body = whole ? parseCheckedLine(text) : undefined;
  const match = body === undefined ? null : /^([0-9]+) ([0-9]+) (.*)$/.exec(body);
  if (match === null) return undefined;
  return { sequence: Number(match[1]), base: Number(match[2]), text: JSON.parse(match[3] as string) as string };
}
