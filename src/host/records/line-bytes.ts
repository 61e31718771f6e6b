/**
 * Text as bytes under construction. A run at full speed writes a hundred thousand lines a second, each of many short
 * parts. Strings would join the parts, and copy them once more when they are encoded: that takes twice as long, and a
 * kilobyte of garbage a line.
 */

/** Longer texts are copied faster by Node. */
const SHORT_LENGTH_MAX = 64;
const UTF8_BYTES_PER_UNIT_MAX = 3;

const FIRST_BEYOND_ASCII = 0x80;
const SPACE = 0x20;
const TILDE = 0x7e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;

/** Integers below it are divided as 32-bit integers. */
const SMALL_INTEGERS = 1e9;
const SMALL_INTEGER_DIGITS = 9;
/** Enough for any number. */
const NUMBER_LENGTH_MAX = 32;

export class LineBytes {
  readonly #capacity: number;
  #bytes: Buffer;
  #length = 0;

  /** @param capacity how many bytes it holds without growing */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes so far, valid until the next call of a method. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Removes everything. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > this.#capacity) this.#bytes = Buffer.allocUnsafe(this.#capacity);
  }

  /** Adds a text as UTF-8. */
  text(text: string): this {
    const { length } = text;
    this.#reserve(length * UTF8_BYTES_PER_UNIT_MAX);
    if (length > SHORT_LENGTH_MAX) return this.#encoded(text);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code >= FIRST_BEYOND_ASCII) return this.#encoded(text);
      bytes[start + index] = code;
    }
    this.#length = start + length;
    return this;
  }

  /** Adds a part of what is there again. */
  again(start: number, end: number): this {
    this.#reserve(end - start);
    this.#bytes.copyWithin(this.#length, start, end);
    this.#length += end - start;
    return this;
  }

  /** Adds a string as JSON. */
  jsonText(text: string): this {
    const { length } = text;
    if (length > SHORT_LENGTH_MAX) return this.text(JSON.stringify(text));
    this.#reserve(length + 2);
    const bytes = this.#bytes;
    const start = this.#length;
    bytes[start] = QUOTE;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code < SPACE || code > TILDE || code === QUOTE || code === BACKSLASH) return this.text(JSON.stringify(text));
      bytes[start + 1 + index] = code;
    }
    bytes[start + 1 + length] = QUOTE;
    this.#length = start + length + 2;
    return this;
  }

  /** Adds a number as JavaScript writes it. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) return this.text(String(value));
    this.#reserve(NUMBER_LENGTH_MAX);
    if (value < SMALL_INTEGERS) this.#digits(value, digitCount(value));
    else {
      const high = Math.floor(value / SMALL_INTEGERS);
      this.#digits(high, digitCount(high));
      this.#digits(value - high * SMALL_INTEGERS, SMALL_INTEGER_DIGITS);
    }
    return this;
  }

  /** Writes so many digits of an integer below 2^31. */
  #digits(value: number, count: number): void {
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = ZERO + rest - 10 * tenth;
      rest = tenth;
    }
    this.#length += count;
  }

  #encoded(text: string): this {
    this.#length += this.#bytes.write(text, this.#length);
    return this;
  }

  #reserve(byteCount: number): void {
    const needed = this.#length + byteCount;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * needed);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** How many digits an integer below 2^31 has. */
function digitCount(value: number): number {
  let count = 1;
  for (let power = 10; power <= value; power *= 10) count++;
  return count;
}
