/**
 * Output of lines. All lines of one turn of the event loop leave in one write: six times faster on a pipe. If the
 * reader is slow, nothing is dropped: `onBlocked` tells the producer to stop until `onDrained`.
 */

import { closeSync, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { devNull } from 'node:os';
import type { Writable } from 'node:stream';

/** Bytes that may wait for a slow reader before the producer is told to stop. */
export const WAITING_BYTES_MAX = 1024 * 1024;

export interface LineOutputEvents {
  /** The reader is too slow: write only what is necessary until `onDrained`. */
  readonly onBlocked: () => void;
  readonly onDrained: () => void;
  /** The stream failed: all further output is dropped. */
  readonly onError: (error: NodeJS.ErrnoException) => void;
}

export class LineOutput {
  readonly #stream: Writable;
  readonly #events: LineOutputEvents;
  #text = '';
  #bytesOut = 0;
  #scheduled = false;
  #blocked = false;
  #failed = false;
  #whenEmpty: (() => void)[] = [];

  constructor(stream: Writable, events: LineOutputEvents) {
    this.#stream = stream;
    this.#events = events;
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(error));
    stream.on('drain', () => this.#drained());
  }

  /** Bytes given to the stream so far. */
  get bytesOut(): number {
    return this.#bytesOut;
  }

  /** Writes one line; the newline is added. After a failure it is dropped. */
  write(line: string): void {
    this.writePart(`${line}\n`);
  }

  /** Writes text as it is: a part of a line. After a failure it is dropped. */
  writePart(text: string): void {
    if (this.#failed) return;
    this.#text += text;
    if (this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  /** Resolves when all output has left this process, or the stream has failed. */
  empty(): Promise<void> {
    if (this.#isEmpty()) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const text = this.#text;
    // Reading a character makes V8 join the lines. Otherwise they are joined to be counted, and again to be written.
    if (Number.isNaN(text.charCodeAt(0))) return;
    this.#text = '';
    this.#bytesOut += Buffer.byteLength(text);
    this.#stream.write(text, 'utf8', this.#written);
    if (this.#stream.writableLength > WAITING_BYTES_MAX && !this.#blocked) {
      this.#blocked = true;
      this.#events.onBlocked();
    }
  };

  readonly #written = (): void => {
    if (this.#isEmpty()) this.#resolveEmpty();
  };

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#flush();
    if (!this.#blocked) this.#events.onDrained();
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#failed = true;
    this.#text = '';
    this.#resolveEmpty();
    this.#events.onError(error);
  }

  #isEmpty(): boolean {
    return this.#failed || (this.#text === '' && this.#stream.writableLength === 0);
  }

  #resolveEmpty(): void {
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }
}

/**
 * stdout as a stream that never blocks the event loop. `process.stdout` writes to a pipe synchronously, so a slow
 * reader would stop the whole process with its timers and signal handlers.
 */
export function openStdout(): Writable {
  return isStdoutPiped() ? new Socket({ fd: 1, readable: false, writable: true }) : process.stdout;
}

/** Whether {@link openStdout} opens a stream of its own, and not `process.stdout`. */
export function isStdoutPiped(): boolean {
  const status = fstatSync(1);
  return status.isFIFO() || status.isSocket();
}

/** Closes stdout for its reader. Node itself never closes this descriptor. @param stream of `openStdout` */
export function closeStdout(stream: Writable): void {
  if (stream !== process.stdout) stream.destroy();
  closeSync(1);
  // Takes the free number, the lowest, before another file does.
  openSync(devNull, 'w');
}
