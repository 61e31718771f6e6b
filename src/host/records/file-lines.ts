/** The lines of a file that may be larger than the memory. */

import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { parseExact } from '../../protocol/exact-json.ts';

const CHUNK_BYTES = 1 << 20;
const LINE_FEED = 0x0a;

export interface Line {
  /** Without its newline. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** Whether it ends with a newline. Only the last line may lack it. */
  readonly whole: boolean;
}

/** Whether a line of JSON was cut short, by a full disk or by the kill of its writer. */
export function isCutShort({ text, whole }: Line): boolean {
  if (whole) return false;
  try {
    parseExact(text);
    return false;
  } catch {
    return true;
  }
}

/** The text of a file in pieces, cut between any two characters. Throws the error of the file system. */
export function* readPieces(path: string): IterableIterator<string> {
  const decoder = new StringDecoder('utf8');
  for (const chunk of readChunks(path)) yield decoder.write(chunk);
  yield decoder.end();
}

/** Throws the error of the file system. */
export function* readLines(path: string): IterableIterator<Line> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  for (const chunk of readChunks(path)) {
    const bytes = Buffer.concat([rest, chunk]);
    let start = 0;
    // Only whole lines are decoded: a character may be split between two chunks.
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      yield { text: bytes.toString('utf8', start, end), number: ++number, whole: true };
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), number: ++number, whole: false };
}

/** The bytes of a file. A chunk holds until the next one is asked for. */
function* readChunks(path: string): IterableIterator<Buffer> {
  const descriptor = openSync(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const length = readSync(descriptor, chunk, 0, CHUNK_BYTES, null);
      if (length === 0) return;
      yield chunk.subarray(0, length);
    }
  } finally {
    closeSync(descriptor);
  }
}
