/**
 * Stands between stdin and readline. Only whole, well-formed lines within the limit pass.
 *
 * readline by itself keeps a line of any length in memory, and replaces bytes that are not UTF-8. It also splits lines
 * at a lone carriage return and, from Node 24 on, at U+2028 and U+2029. All three are legal in a JSON text.
 */

import { createInterface, type Interface } from 'node:readline';
import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { LineFilter, type OnRefused, restoreLine } from './line-filter.ts';
import { isFull } from './line-reader.ts';

/** Calls back with the lines of a stream, through a guard and readline. */
export function readGuardedLines(input: Readable, guard: LineGuard, onLine: (line: string) => void): Interface {
  const lines = createInterface({ input: guard, crlfDelay: Number.POSITIVE_INFINITY, terminal: false });
  lines.on('line', (line) => onLine(restoreLine(line)));
  input.pipe(guard);
  return lines;
}

export class LineGuard extends Transform {
  readonly #filter: LineFilter;

  /** @param onRefused called for every line that does not pass, with its beginning */
  constructor(onRefused: OnRefused, lineBytesMax?: number) {
    super();
    this.#filter = new LineFilter(onRefused, (lines) => this.push(lines), lineBytesMax);
  }

  /** Bytes received so far, refused lines included. */
  get bytesIn(): number {
    return this.#filter.bytesIn;
  }

  /** The input after the last newline, and for how long its first byte has waited; undefined if there is none. */
  get held(): LineFilter['held'] {
    return this.#filter.held;
  }

  /** All of the input after the last newline. */
  heldBytes(): Buffer {
    return this.#filter.heldBytes();
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#filter.take(chunk);
    if (isFull(chunk)) setImmediate(done);
    else done();
  }

  override _flush(done: TransformCallback): void {
    this.#filter.end();
    done();
  }
}
