/**
 * Takes chunks of bytes, and passes on only whole, well-formed lines within the limit. It searches whole chunks with
 * native functions, so it adds no cost for each line. The others are refused with a reason.
 *
 * What it passes on can be split at every newline, and by readline (`line-guard.ts`): it has no other line breaks.
 */

import { isUtf8 } from 'node:buffer';

/** The longest line that is accepted, in bytes. */
export const LINE_BYTES_MAX = 4 * 1024 * 1024;

/** A line may arrive byte by byte, and each piece costs 256 bytes of memory. So many pieces are concatenated. */
const PIECES_MAX = 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** Stands for a carriage return within a line on its way through readline. Unicode has no character here. */
const STAND_IN = '\ufdd0';
/** Characters that must not reach readline as they are. */
const ESCAPED = ['\u2028', '\u2029', STAND_IN].map((character) => Buffer.from(character));
const ESCAPED_IN_TEXT = /[\u2028\u2029\ufdd0]/g;
const LONE_CARRIAGE_RETURN = /\r(?!\n)/g;
const BACKSLASH = '\\';
const EXCERPT_BYTES = 120;

/** A line as it came, where characters of it were replaced on its way through readline. */
export function restoreLine(line: string): string {
  return line.includes(STAND_IN) ? line.replaceAll(STAND_IN, '\r') : line;
}

/** Takes a line that does not pass: why, and its beginning. */
export type OnRefused = (reason: string, line: string) => void;

export class LineFilter {
  readonly #lineBytesMax: number;
  readonly #onRefused: OnRefused;
  readonly #pass: (lines: Buffer) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #heldSinceMs = 0;
  #bytesIn = 0;
  /** Invariant: while true, `#held` is empty. */
  #discarding = false;

  /** @param pass called with whole lines; only the last one of all may lack its newline */
  constructor(onRefused: OnRefused, pass: (lines: Buffer) => void, lineBytesMax = LINE_BYTES_MAX) {
    this.#onRefused = onRefused;
    this.#pass = pass;
    this.#lineBytesMax = lineBytesMax;
  }

  /** Bytes received so far, refused lines included. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** The input after the last newline, and for how long its first byte has waited; undefined if there is none. */
  get held(): { readonly bytes: number; readonly beginning: string; readonly waitedMs: number } | undefined {
    if (this.#heldBytes === 0) return undefined;
    const beginning = Buffer.concat(this.#held, Math.min(this.#heldBytes, EXCERPT_BYTES)).toString('utf8');
    const waitedMs = performance.now() - this.#heldSinceMs;
    // The last character may be cut in two.
    return { bytes: this.#heldBytes, beginning: beginning.replace(/\uFFFD$/, ''), waitedMs };
  }

  /** All of the input after the last newline. */
  heldBytes(): Buffer {
    return Buffer.concat(this.#held, this.#heldBytes);
  }

  take(chunk: Buffer): void {
    this.#bytesIn += chunk.length;
    let rest = this.#discarding ? this.#afterDiscarded(chunk) : chunk;
    while (rest.length > 0) {
      const firstNewline = rest.indexOf(NEWLINE);
      if (this.#heldBytes + (firstNewline < 0 ? rest.length : firstNewline) > this.#lineBytesMax) {
        this.#refuseLong(rest);
        rest = this.#afterDiscarded(rest);
      } else if (firstNewline < 0) {
        if (this.#heldBytes === 0) this.#heldSinceMs = performance.now();
        this.#hold(rest);
        break;
      } else {
        // The first line fits. Later lines can only be too long if the chunk is longer than the limit.
        const end = rest.length <= this.#lineBytesMax ? rest.lastIndexOf(NEWLINE) + 1 : firstNewline + 1;
        this.#hold(rest.subarray(0, end));
        this.#release();
        rest = rest.subarray(end);
      }
    }
  }

  /** Passes on the last line, which has no newline. */
  end(): void {
    this.#release();
  }

  #hold(bytes: Buffer): void {
    if (this.#held.length === PIECES_MAX) this.#held = [Buffer.concat(this.#held, this.#heldBytes)];
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #refuseLong(bytes: Buffer): void {
    this.#onRefused(`a line of more than ${this.#lineBytesMax} bytes was refused`, excerpt(this.#held[0] ?? bytes));
    this.#held = [];
    this.#heldBytes = 0;
    this.#discarding = true;
  }

  /** The bytes after the line that is being discarded; none if that line goes on. */
  #afterDiscarded(bytes: Buffer): Buffer {
    const newline = bytes.indexOf(NEWLINE);
    this.#discarding = newline < 0;
    return newline < 0 ? bytes.subarray(bytes.length) : bytes.subarray(newline + 1);
  }

  /** Passes on the held bytes, which end with a whole line. */
  #release(): void {
    if (this.#held.length === 0) return;
    const block = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    for (const wellFormed of isUtf8(block) ? [block] : this.#wellFormedLines(block))
      this.#pass(protectLineBreaks(wellFormed));
  }

  *#wellFormedLines(block: Buffer): Iterable<Buffer> {
    for (let start = 0; start < block.length; ) {
      const newline = block.indexOf(NEWLINE, start);
      const end = newline < 0 ? block.length : newline + 1;
      const line = block.subarray(start, end);
      if (isUtf8(line)) yield line;
      else {
        const hint = looksLikeUtf16(line) ? '; it looks like UTF-16; print UTF-8' : '';
        this.#onRefused(`a line is not UTF-8 and was refused${hint}`, excerpt(line));
      }
      start = end;
    }
  }
}

/** Whether a line has a byte order mark of UTF-16, or a zero byte at every second place. PowerShell prints UTF-16. */
function looksLikeUtf16(line: Buffer): boolean {
  const mark = line.length < 2 ? 0 : line.readUInt16BE(0);
  return mark === 0xfffe || mark === 0xfeff || [0, 1].some((first) => hasZerosFrom(first, line));
}

/** Whether every second byte from `first` on is zero; false if there is none. */
function hasZerosFrom(first: number, line: Buffer): boolean {
  for (let at = first; at < line.length; at += 2) if (line[at] !== 0) return false;
  return first < line.length;
}

/**
 * Replaces the characters that readline would take for line ends. Separators become escapes, which mean the same in
 * JSON. A carriage return is legal between tokens only. So it comes back after readline, and flaws are shown as they
 * are.
 */
function protectLineBreaks(block: Buffer): Buffer {
  if (!hasLoneCarriageReturn(block) && !ESCAPED.some((bytes) => block.includes(bytes))) return block;
  const text = block.toString('utf8').replace(ESCAPED_IN_TEXT, escaped);
  return Buffer.from(text.replace(LONE_CARRIAGE_RETURN, STAND_IN), 'utf8');
}

function hasLoneCarriageReturn(block: Buffer): boolean {
  for (let at = block.indexOf(CARRIAGE_RETURN); at >= 0; at = block.indexOf(CARRIAGE_RETURN, at + 1))
    if (block[at + 1] !== NEWLINE) return true;
  return false;
}

/** After an unescaped backslash the character is illegal. The text made here, `\U`, is illegal as well. */
function escaped(character: string, at: number, text: string): string {
  let start = at;
  while (text[start - 1] === BACKSLASH) start--;
  const isLegal = (at - start) % 2 === 0;
  return `${isLegal ? '\\u' : 'U+'}${character.charCodeAt(0).toString(16)}`;
}

function excerpt(bytes: Buffer): string {
  return bytes.subarray(0, EXCERPT_BYTES).toString('latin1').split('\n', 1)[0]?.trimEnd() ?? '';
}
