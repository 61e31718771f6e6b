/**
 * Lines of text for people, from a stream with any content. A very long line comes in pieces, so that it cannot fill
 * the memory.
 */

import type { Readable } from 'node:stream';

/** A longer line comes in pieces of at least this length. */
export const PIECE_LENGTH_MAX = 64 * 1024;

/** Calls back with every line of `stream`, without its newline. The last line may lack one. */
export function onTextLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (rest.length < PIECE_LENGTH_MAX) return;
    onLine(rest);
    rest = '';
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
