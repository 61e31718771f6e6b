/**
 * Reads the lines of a stream without readline. A harness reads what many nodes print, mostly one line at a time, and
 * the streams and events between the bytes and the line cost more than the line itself.
 */

import type { Readable } from 'node:stream';
import { type LineFilter, restoreLine } from './line-filter.ts';

/** A chunk of at least this size means that the pipe holds more. */
const FULL_CHUNK_BYTES = 32 * 1024;

/**
 * Whether the next chunk must wait for the next turn of the event loop. While a pipe is full, up to 2 MiB are read at a
 * time otherwise, and files, timers and signals starve. A reservation of ids takes a dozen file operations. It took
 * longer than the time that it reserved.
 */
export function isFull(chunk: Buffer): boolean {
  return chunk.length >= FULL_CHUNK_BYTES;
}

/** Gives all bytes of a stream to a filter, which passes them on. */
export function readThrough(input: Readable, filter: LineFilter): void {
  input.on('data', (chunk: Buffer) => {
    filter.take(chunk);
    if (!isFull(chunk)) return;
    input.pause();
    setImmediate(() => input.resume());
  });
  input.on('end', () => filter.end());
}

/** Calls back with each of the lines that a filter passed on, as readline does. */
export function splitLines(lines: Buffer, onLine: (line: string) => void): void {
  const text = lines.toString();
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
    const isCarriageReturn = end > start && text[end - 1] === '\r';
    onLine(restoreLine(text.slice(start, isCarriageReturn ? end - 1 : end)));
    start = end + 1;
  }
  if (start < text.length) onLine(restoreLine(text.slice(start)));
}
