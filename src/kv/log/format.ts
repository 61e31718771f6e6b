/**
 * The files of a data folder. All of them are lines of ASCII, so that an offset is one of characters and of bytes.
 *
 *     log-000000000001        the first segment of the log; each following one has the next number
 *     snapshot-000000000004   all values as they were when segment 4 began, and perhaps some newer ones
 *
 * A file begins with a header. Then follows a line a record:
 *
 *     7a3f00c1 31 18 17 ["account/a","{\"ver\":1}"]
 *     checksum │  │  │  key and text; the key alone: the value was removed
 *         length  │  up to this sequence number all was on the disk when this record was written
 *                 sequence number
 *
 * The length counts what follows it, without the end of the line, and the checksum (CRC-32C) covers the same. A
 * snapshot ends with the number of its records.
 */

import { asciiJson, checkedLine, parseCheckedLine } from '../../protocol/checked-line.ts';

const FORMAT = 1;
const DIGITS = 12;

/** The longest key and text together, in characters. */
export const VALUE_LENGTH_MAX = 16 * 1024 * 1024;

/** The names of files under way. */
export const TEMPORARY_PREFIX = 'new-';

/** Whether it is the name of a file that was under way. The user may have files of his own in the folder. */
export function isTemporary(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX) && name.endsWith('.tmp');
}

export type FileKind = 'log' | 'snapshot';

/** The data cannot be read, or not all of it is there. The text names the file and the place. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

export interface LogRecord {
  /** Grows by 1 with each write. It is the token of the value written. */
  readonly sequence: number;
  /** All records up to this one were on the disk when this one was written. */
  readonly base: number;
  readonly key: string;
  /** undefined: the value was removed. */
  readonly text: string | undefined;
}

export interface Header {
  readonly kind: FileKind;
  readonly number: number;
  /** The sequence number of the first record of this segment, or of the segment with the number of this snapshot. */
  readonly from: number;
}

export function fileName(kind: FileKind, number: number): string {
  return `${kind}-${String(number).padStart(DIGITS, '0')}`;
}

/** The number of a segment or a snapshot; undefined: it is another file. */
export function numberOf(kind: FileKind, name: string): number | undefined {
  const match = /^([a-z]+)-([0-9]+)$/.exec(name);
  const number = Number(match?.[2]);
  return match?.[1] === kind && name === fileName(kind, number) ? number : undefined;
}

/** Whether it is the name of a segment or a snapshot. */
export function isDataFile(name: string): boolean {
  return (numberOf('log', name) ?? numberOf('snapshot', name)) !== undefined;
}

export function headerLine({ kind, number, from }: Header): string {
  return `${JSON.stringify({ snowstorm: kind, format: FORMAT, number, from })}\n`;
}

/**
 * The sequence number with which a file begins. Throws a DataFolderError if the line is not the header of this file.
 *
 * @param file how errors name it
 */
export function parseHeader(line: string, kind: FileKind, number: number, file: string): number {
  let header: Partial<Record<string, unknown>>;
  try {
    header = Object(JSON.parse(line));
  } catch {
    throw new DataFolderError(`${file}: its first line is damaged`);
  }
  const { snowstorm, format, from } = header;
  if (snowstorm !== kind) throw new DataFolderError(`${file}: its first line is not that of a ${kind}`);
  if (format !== FORMAT)
    throw new UnknownFormatError(
      `${file}: it has format ${JSON.stringify(format)}, and this version of Snowstorm knows only format ${FORMAT}`,
    );
  if (header.number !== number || !Number.isSafeInteger(from) || (from as number) < 1)
    throw new DataFolderError(`${file}: its first line is damaged, or that of another file`);
  return from as number;
}

/** A file of a newer version of this program. No other file can stand in for it. */
export class UnknownFormatError extends DataFolderError {}

export function recordLine({ sequence, base, key, text }: LogRecord): string {
  return checkedLine(asciiJson(text === undefined ? [key] : [key, text]), `${sequence} ${base} `);
}

/** Undefined: it is not a whole and undamaged record. */
export function parseRecord(line: string): LogRecord | undefined {
  const body = parseCheckedLine(line);
  if (body === undefined) return undefined;
  const sequenceEnd = body.indexOf(' ');
  const baseEnd = body.indexOf(' ', sequenceEnd + 1);
  try {
    const [key, text] = JSON.parse(body.slice(baseEnd + 1)) as [string, string?];
    return {
      sequence: Number(body.slice(0, sequenceEnd)),
      base: Number(body.slice(sequenceEnd + 1, baseEnd)),
      key,
      text,
    };
  } catch {
    return undefined;
  }
}

export function endLine(count: number): string {
  return `${JSON.stringify({ end: count })}\n`;
}
