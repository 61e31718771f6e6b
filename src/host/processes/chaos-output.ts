/**
 * The output of `chaos` to the harness. A line that the node does not end may leave in parts. Meanwhile other lines
 * wait, so that nothing comes between its parts.
 */

import type { LineOutput } from '../stdio/line-output.ts';

export class ChaosOutput {
  readonly #lines: LineOutput;
  readonly #closeStream: () => void;
  /** Whether the last output was a part of a line. */
  #lineBegun = false;
  /** Invariant: empty unless a line has begun. */
  #waiting: string[] = [];
  /** A line that has left in parts, while it is handled. */
  #alreadyWritten: string | undefined;
  #closed = false;

  /** @param closeStream closes the stream of `lines` */
  constructor(lines: LineOutput, closeStream: () => void) {
    this.#lines = lines;
    this.#closeStream = closeStream;
  }

  get lineBegun(): boolean {
    return this.#lineBegun;
  }

  write(line: string): void {
    if (this.#closed) return;
    if (line === this.#alreadyWritten) this.#alreadyWritten = undefined;
    else if (this.#lineBegun) this.#waiting.push(line);
    else this.#lines.write(line);
  }

  /** Writes a part of a line: its beginning, or what follows the last part. */
  writePart(text: string): void {
    if (this.#closed || text === '') return;
    this.#lineBegun = true;
    this.#lines.writePart(text);
  }

  /**
   * Writes the rest of a line of which parts have left, then the lines that waited.
   *
   * @param passedLength how many characters of it have left
   * @param handle may write the line, which is then not written again
   */
  endLine(line: string, passedLength: number, handle: () => void): void {
    if (!this.#closed) this.#lines.write(line.slice(passedLength));
    this.#alreadyWritten = line;
    handle();
    this.#alreadyWritten = undefined;
    this.#lineBegun = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) this.write(each);
  }

  /** Resolves when all output has left, or cannot. */
  empty(): Promise<void> {
    return this.#lines.empty();
  }

  /** Closes the stream as soon as all output has left. What is written later is dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#lines.empty().then(this.#closeStream);
  }
}
