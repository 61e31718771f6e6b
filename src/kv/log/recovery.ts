/**
 * What a data folder holds, read after a life that ended anyhow.
 *
 * The newest whole snapshot comes first, then all segments from its number on. A record of a segment that is older than
 * the value in the snapshot changes nothing, because a snapshot may hold some newer values.
 *
 * The last records of the last segment may be torn: their life ended before they were on the disk, so no client was
 * told of them. They are left out. Every record says up to where all was on the disk when it was written. So a bad
 * record with a later one that was written after it was on the disk is damage, and the folder is refused. What follows
 * in a segment that is not the last, from the first record of the next one on, was left out by an earlier recovery.
 */

import { type Line, readLines } from '../../journal/lines.ts';
import type { Folder } from '../../protocol/folder.ts';
import {
  DataFolderError,
  type FileKind,
  fileName,
  type LogRecord,
  numberOf,
  parseHeader,
  parseRecord,
  UnknownFormatError,
} from './format.ts';
import { Values } from './values.ts';

const HEADER_LENGTH_MAX = 200;

export interface Recovered {
  readonly values: Values;
  /** The sequence number of the last record; 0: there is none. */
  readonly last: number;
  /** The number of the last segment; 0: there is none. */
  readonly segment: number;
  /** The first segment that is needed. Files with lower numbers are not. */
  readonly firstSegment: number;
  /** The length of all segments that are needed. */
  readonly logBytes: number;
  /** How much was left out at the end of the last segment. */
  readonly tornBytes: number;
}

/** Rejects with a DataFolderError if something is damaged or missing. */
export async function recover(folder: Folder): Promise<Recovered> {
  const names = await folder.names();
  const segments = new Set(numbersOf('log', names));
  const snapshots = numbersOf('snapshot', names).sort((one, other) => other - one);
  const lastSegment = Math.max(0, ...segments, ...snapshots);
  const start = await findStart(folder, snapshots);
  const replay = new Replay(folder, start);
  for (let number = start.number; number <= lastSegment; number++) {
    if (segments.has(number)) continue;
    throw start.damage ?? new DataFolderError(`${describe(folder, 'log', number)}: the segment is missing`);
  }
  for (let number = start.number; number <= lastSegment; number++)
    await replay.read(number, number < lastSegment ? await readFrom(folder, number + 1) : undefined);
  const { values, logBytes, tornBytes } = replay;
  const last = replay.next - 1;
  if (start.newest > last) {
    const file = describe(folder, 'log', lastSegment);
    throw new DataFolderError(
      `${file}: it ends with record ${last}, and the snapshot shows that record ${start.newest} was on the disk`,
    );
  }
  return { values, last, segment: lastSegment, firstSegment: start.number, logBytes, tornBytes };
}

interface Start {
  readonly values: Values;
  /** The first segment to read. */
  readonly number: number;
  /** The sequence number with which it begins. */
  readonly from: number;
  /** The highest sequence number in the snapshot. */
  readonly newest: number;
  /** Why a newer snapshot is of no use. */
  readonly damage: DataFolderError | undefined;
}

/** The newest snapshot that is whole, or the beginning of the log. */
async function findStart(folder: Folder, snapshots: readonly number[]): Promise<Start> {
  let damage: DataFolderError | undefined;
  for (const number of snapshots) {
    try {
      return { ...(await loadSnapshot(folder, number)), number, damage };
    } catch (error) {
      if (!(error instanceof DataFolderError) || error instanceof UnknownFormatError) throw error;
      damage ??= error;
    }
  }
  return { values: new Values(), number: 1, from: 1, newest: 0, damage };
}

async function loadSnapshot(folder: Folder, number: number): Promise<Pick<Start, 'values' | 'from' | 'newest'>> {
  const file = describe(folder, 'snapshot', number);
  const values = new Values();
  let [from, newest, count] = [0, 0, 0];
  let isEnded = false;
  for await (const lines of readLines(folder, fileName('snapshot', number))) {
    for (const { text, offset, whole } of lines) {
      const record = whole && !isEnded && offset > 0 ? parseRecord(text) : undefined;
      if (offset === 0) from = parseHeader(text, 'snapshot', number, file);
      else if (record?.text !== undefined) {
        count++;
        newest = Math.max(newest, record.sequence);
        setIfNewer(values, record);
      } else if (whole && !isEnded && text === JSON.stringify({ end: count })) isEnded = true;
      else throw new DataFolderError(`${file}: the snapshot is damaged at offset ${offset}`);
    }
  }
  if (!isEnded) throw new DataFolderError(`${file}: the snapshot is cut short, after ${count} records`);
  return { values, from, newest };
}

function setIfNewer(values: Values, { key, sequence, text }: LogRecord): void {
  if (sequence <= (values.get(key)?.sequence ?? 0)) return;
  if (text === undefined) values.delete(key);
  else values.set(key, { sequence, text });
}

/** The segments, read in their order. */
class Replay {
  readonly values: Values;
  logBytes = 0;
  tornBytes = 0;
  /** The sequence number of the record that must come next. */
  next: number;
  readonly #folder: Folder;

  constructor(folder: Folder, { values, from }: Start) {
    this.#folder = folder;
    this.values = values;
    this.next = from;
  }

  /** @param until the sequence number with which the next segment begins; undefined: this is the last one */
  async read(number: number, until: number | undefined): Promise<void> {
    const file = describe(this.#folder, 'log', number);
    let tornAt: number | undefined;
    let length = 0;
    for await (const lines of readLines(this.#folder, fileName('log', number))) {
      for (const line of lines) {
        length = line.offset + line.text.length + (line.whole ? 1 : 0);
        if (line.offset === 0) this.#begin(line.text, number, file);
        else if (until === undefined || this.next < until) {
          if (tornAt === undefined && this.#take(line)) continue;
          tornAt ??= line.offset;
          if (until !== undefined || this.#showsDamage(line)) throw this.#damaged(file, tornAt);
        }
      }
    }
    if (length === 0 || (until !== undefined && this.next !== until)) throw this.#damaged(file, length);
    this.logBytes += length;
    this.tornBytes = tornAt === undefined ? 0 : length - tornAt;
  }

  #begin(line: string, number: number, file: string): void {
    const from = parseHeader(line, 'log', number, file);
    if (from === this.next) return;
    throw new DataFolderError(`${file}: it begins with record ${from}, and record ${this.next} comes next`);
  }

  /** False: the line is not the next record. */
  #take({ text, whole }: Line): boolean {
    const record = whole ? parseRecord(text) : undefined;
    if (record?.sequence !== this.next) return false;
    setIfNewer(this.values, record);
    this.next++;
    return true;
  }

  /** Whether this line was written when the record that is missing was on the disk. */
  #showsDamage({ text, whole }: Line): boolean {
    const record = whole ? parseRecord(text) : undefined;
    return record !== undefined && record.base >= this.next;
  }

  #damaged(file: string, offset: number): DataFolderError {
    const text = `record ${this.next} should be at offset ${offset}, and is damaged or missing; later ones are there`;
    return new DataFolderError(
      `${file}: ${text}. The disk has lost what was acknowledged: restore the folder from a backup`,
    );
  }
}

/** The sequence number with which a segment begins. */
async function readFrom(folder: Folder, number: number): Promise<number> {
  const start = await folder.readPart(fileName('log', number), 0, HEADER_LENGTH_MAX);
  return parseHeader(start.split('\n', 1)[0] as string, 'log', number, describe(folder, 'log', number));
}

function numbersOf(kind: FileKind, names: readonly string[]): number[] {
  return names.flatMap((name) => numberOf(kind, name) ?? []);
}

function describe(folder: Folder, kind: FileKind, number: number): string {
  return folder.describe(fileName(kind, number));
}
