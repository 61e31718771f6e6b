/**
 * Reads the JSON of a request more strictly than `JSON.parse`. A key that occurs twice is refused: two readers of such
 * a text may see two different requests. Nesting is bounded. A number that a JavaScript number may not hold as it was
 * written keeps its source text. What is kept of the result does not keep the whole text. The grammar is RFC 8259; what
 * is wrong is told with its place.
 */

import { detached } from '../protocol/detached.ts';
import { NESTING_DEPTH_MAX } from '../protocol/message.ts';

/** A number that is not a safe integer written without a point: its text as it came. */
export class DecimalNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** Why a text was not accepted: a sentence with the place, counted in UTF-16 units from 1. */
export class JsonFlaw extends Error {
  override readonly name = 'JsonFlaw';
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const INTEGER = /^-?\d{1,16}$/;
const LITERALS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;

/** The value; a {@link JsonFlaw} is thrown for a text that is not accepted. */
export function readJson(text: string): unknown {
  return new Reader(text).read();
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    this.#skipSpace();
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#flaw('nothing more');
    return value;
  }

  #value(): unknown {
    const character = this.#text[this.#at];
    if (character === '{') return this.#within(() => this.#object());
    if (character === '[') return this.#within(() => this.#array());
    if (character === '"') return this.#string();
    for (const [word, value] of LITERALS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #within<T>(read: () => T): T {
    if (++this.#depth > NESTING_DEPTH_MAX) throw new JsonFlaw(`it nests deeper than ${NESTING_DEPTH_MAX} levels`);
    this.#at++;
    this.#skipSpace();
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): Record<string, unknown> {
    const members: Record<string, unknown> = {};
    if (this.#take('}')) return members;
    for (;;) {
      if (this.#text[this.#at] !== '"') throw this.#flaw('a key in quotes');
      const key = this.#string();
      if (Object.hasOwn(members, key)) throw new JsonFlaw(`the key ${JSON.stringify(key.slice(0, 64))} occurs twice`);
      this.#skipSpace();
      if (!this.#take(':')) throw this.#flaw('a colon');
      this.#skipSpace();
      const value = this.#value();
      // An assignment to this one would change the prototype.
      if (key === '__proto__') Object.defineProperty(members, key, { value, enumerable: true, configurable: true });
      else members[key] = value;
      this.#skipSpace();
      if (this.#take('}')) return members;
      if (!this.#take(',')) throw this.#flaw('a comma or }');
      this.#skipSpace();
    }
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    if (this.#take(']')) return items;
    for (;;) {
      items.push(this.#value());
      this.#skipSpace();
      if (this.#take(']')) return items;
      if (!this.#take(',')) throw this.#flaw('a comma or ]');
      this.#skipSpace();
    }
  }

  #string(): string {
    const start = this.#at;
    let escaped = false;
    for (let at = start + 1; ; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return escaped ? this.#unescape(start, at + 1) : detached(this.#text.slice(start + 1, at));
      }
      if (code === BACKSLASH) {
        escaped = true;
        at++;
      } else if (!(code >= FIRST_PRINTABLE)) {
        this.#at = Math.min(at, this.#text.length);
        throw this.#flaw('the end of a text in quotes');
      }
    }
  }

  #unescape(start: number, end: number): string {
    try {
      return JSON.parse(this.#text.slice(start, end)) as string;
    } catch {
      this.#at = start;
      throw this.#flaw('a text with escapes that JSON has');
    }
  }

  #number(): number | DecimalNumber {
    NUMBER.lastIndex = this.#at;
    const token = NUMBER.exec(this.#text)?.[0];
    if (token === undefined) throw this.#flaw('a value');
    this.#at += token.length;
    const value = INTEGER.test(token) ? Number(token) : Number.NaN;
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : new DecimalNumber(detached(token));
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #flaw(expected: string): JsonFlaw {
    const found = this.#at < this.#text.length ? `character ${this.#at + 1}` : 'the end';
    return new JsonFlaw(`expected ${expected} at ${found}`);
  }
}
