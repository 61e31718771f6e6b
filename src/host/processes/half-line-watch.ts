/**
 * Finds a line that a process begins and does not end, e.g. since it forgets newlines.
 *
 * It counts checks, and only those at which the process runs and all of its output has been read. So no pause of the
 * process, of this process or of the reader looks like a missing newline.
 */

import { StringDecoder } from 'node:string_decoder';
import type { HeldOutput } from '../../harness/bed.ts';
import type { LineGuard } from '../stdio/line-guard.ts';

const CHECK_MS = 250;
/** So many checks see a line that has waited for at least a second. */
const CHECKS_MIN = 5;

/** What the guard may change in a line. So the text from there on waits for the newline. */
const CHANGEABLE = /[\r\u2028\u2029\uFFFD]/;

export interface HalfLineEvents {
  /** Whether the process runs and its output is being read. */
  readonly isRunning: () => boolean;
  /** Takes the text of the line so far, or what came since the last call; returns whether it was passed on. */
  readonly onPart: (text: string, held: HeldOutput) => boolean;
}

export class HalfLineWatch {
  readonly #guard: LineGuard;
  readonly #events: HalfLineEvents;
  readonly #timer: NodeJS.Timeout;
  /** The place of the watched line in the stream, in bytes. */
  #lineStart: number | undefined;
  #checks = 0;
  #bytesSeen = 0;
  #passedLength = 0;

  constructor(guard: LineGuard, events: HalfLineEvents) {
    this.#guard = guard;
    this.#events = events;
    this.#timer = setInterval(() => this.#check(), CHECK_MS).unref();
  }

  /** Called for every line that has ended; returns how many characters of it have been passed on. */
  takePassedLength(): number {
    const length = this.#passedLength;
    this.#passedLength = 0;
    return length;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const held = this.#guard.held;
    // Earlier lines must leave first.
    if (held === undefined || this.#guard.readableLength > 0 || !this.#events.isRunning()) {
      this.#lineStart = undefined;
      return;
    }
    const lineStart = this.#guard.bytesIn - held.bytes;
    if (lineStart !== this.#lineStart) {
      this.#lineStart = lineStart;
      this.#checks = 0;
      this.#bytesSeen = 0;
    }
    this.#checks++;
    if (this.#checks < CHECKS_MIN || held.bytes === this.#bytesSeen) return;
    this.#bytesSeen = held.bytes;
    // The decoder keeps a last character that is cut in two.
    const text = new StringDecoder('utf8').write(this.#guard.heldBytes());
    const end = text.search(CHANGEABLE);
    const part = text.slice(this.#passedLength, end < 0 ? undefined : end);
    if (this.#events.onPart(part, held)) this.#passedLength += part.length;
  }
}
