/**
 * A streaming reader of EDN, the notation of Clojure in which Jepsen writes histories. It yields one top-level form
 * after the other, so a file may be larger than the memory. The elements of a top-level vector or list are forms, too.
 *
 * Forms become the values that `history.jsonl` has: keywords and symbols are texts without their colon, maps are
 * objects, vectors, lists and sets are arrays, integers and doubles are as in `protocol/exact-json.ts`. A tagged
 * literal or a record (`#inst "…"`, `#jepsen.history.Op{…}`) is the form after its tag.
 *
 * Source: the EDN specification, and what `pr-str` writes beyond it (`##Inf`, `0x1f`, ratios, `#"…"`, `#:space{…}`).
 */

import { ExactNumber, stringifyExact } from '../../protocol/exact-json.ts';
import { excerpt } from '../../protocol/excerpt.ts';
import { HistoryFlaw } from './history-flaw.ts';

/** A top-level form, and where it begins. */
export interface Form {
  readonly value: unknown;
  readonly line: number;
  readonly column: number;
}

const DEPTH_MAX = 500;
const LINE_FEED = 0x0a;
const BLANK = 0x20;
const HASH = 0x23;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;
const COMMENT = 0x3b;
const DELETE = 0x7f;
/** Of an integer that needs no check. */
const DIGITS_MAX = 15;

/** Whether a character ends a token. Other white space of Unicode is not used there. */
const ENDS_TOKEN = new Uint8Array(128);
for (const character of ' \n\r\t\f\v,;"()[]{}') ENDS_TOKEN[character.charCodeAt(0)] = 1;

const SHOWN_MAX = 40;

const SPACE = /(?:[\s,]+|;[^\n]*)*/y;
const UNFINISHED_COMMENT = /;[^\n]*$/;
const PLAIN_STRING = /[^"\\]*/y;
const INTEGER = /^[-+]?\d+N?$/;
const DOUBLE = /^[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?M?$/;
const HEXADECIMAL = /^[-+]?0[xX][0-9a-fA-F]+N?$/;
const RATIO = /^[-+]?\d+\/\d+$/;

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '(': ')', '{': '}', '#{': '}' };
const CHARACTERS: ReadonlyMap<string, string> = new Map([
  ['newline', '\n'],
  ['return', '\r'],
  ['space', ' '],
  ['tab', '\t'],
  ['formfeed', '\f'],
  ['backspace', '\b'],
]);
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  f: '\f',
  b: '\b',
  '"': '"',
  '\\': '\\',
  '/': '/',
};
const SPECIAL_NUMBERS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['Inf', new ExactNumber('1E999')],
  ['-Inf', new ExactNumber('-1E999')],
  ['NaN', 'NaN'],
]);

/** Thrown where the text ends within a form, while there may be more of it. */
const INCOMPLETE = Symbol('incomplete');

/** The forms of a text that comes in pieces. Throws a {@link HistoryFlaw}. */
export function* readForms(pieces: Iterable<string>): IterableIterator<Form> {
  const reader = new Reader();
  let pending = '';
  for (const piece of pieces) {
    pending += piece;
    // A long form is tried again when there is twice as much of it, so that its text is read twice at most.
    if (pending.length < reader.restLength) continue;
    reader.append(pending);
    pending = '';
    yield* reader.forms();
  }
  reader.append(pending);
  reader.end();
  yield* reader.forms();
}

/** The one form at the beginning of a text, and where it ends. Throws a {@link HistoryFlaw} of line 1. */
export function readForm(text: string): { readonly value: unknown; readonly end: number } {
  const reader = new Reader();
  reader.append(text);
  reader.end();
  return reader.single();
}

class Reader {
  #text = '';
  #at = 0;
  /** The form in progress begins here; everything before it is done. */
  #start = 0;
  /** The line and the column of that place. */
  #line = 1;
  #column = 1;
  #hasEnded = false;
  #depth = 0;
  /** The bracket that closes the top-level list, while one is open. */
  #closing: string | undefined;
  #opened = { line: 1, column: 1 };
  readonly #names = new Map<string, string>();

  /** How much text is not done. */
  get restLength(): number {
    return this.#text.length - this.#start;
  }

  append(text: string): void {
    this.#text = this.#text.slice(this.#start) + text;
    this.#start = 0;
  }

  end(): void {
    this.#hasEnded = true;
  }

  single(): { value: unknown; end: number } {
    const value = this.#read();
    return { value, end: this.#at };
  }

  /** All forms that are complete. */
  *forms(): IterableIterator<Form> {
    for (let form = this.#attempt(); form !== undefined; form = this.#attempt()) if (form !== 'bracket') yield form;
  }

  #attempt(): Form | 'bracket' | undefined {
    this.#at = this.#start;
    this.#depth = 0;
    try {
      this.#skipSpace();
      this.#settle();
      if (this.#start === this.#text.length) {
        if (this.#hasEnded && this.#closing !== undefined)
          throw new HistoryFlaw('this bracket is never closed', this.#opened.line, this.#opened.column);
        return undefined;
      }
      if (this.#takeBracket()) return 'bracket';
      const [line, column] = [this.#line, this.#column];
      const value = this.#read();
      this.#settle();
      return { value, line, column };
    } catch (error) {
      if (error === INCOMPLETE) return undefined;
      throw error;
    }
  }

  /** The brackets around all forms. */
  #takeBracket(): boolean {
    const character = this.#text[this.#at] as string;
    if (this.#closing === undefined && (character === '[' || character === '(')) {
      this.#closing = CLOSING[character];
      this.#opened = { line: this.#line, column: this.#column };
    } else if (character === this.#closing) this.#closing = undefined;
    else return false;
    this.#at++;
    this.#settle();
    return true;
  }

  /** The text up to here is done. */
  #settle(): void {
    const { line, column } = this.#placeOf(this.#at);
    this.#line = line;
    this.#column = column;
    this.#start = this.#at;
  }

  #placeOf(at: number): { line: number; column: number } {
    let [line, column] = [this.#line, this.#column];
    for (let index = this.#start; index < at; index++) {
      const isEnd = this.#text.charCodeAt(index) === LINE_FEED;
      line += isEnd ? 1 : 0;
      column = isEnd ? 1 : column + 1;
    }
    return { line, column };
  }

  #flaw(text: string, at = this.#at): HistoryFlaw {
    const { line, column } = this.#placeOf(at);
    return new HistoryFlaw(text, line, column);
  }

  /** At the end of the text: more of it is needed. @param start where the form begins that is not complete */
  #endedIn(what: string, start: number): unknown {
    return this.#hasEnded ? this.#flaw(`this ${what} is never closed`, start) : INCOMPLETE;
  }

  #skipSpace(): void {
    let code = this.#text.charCodeAt(this.#at);
    while (code === BLANK || code === COMMA || code === LINE_FEED) code = this.#text.charCodeAt(++this.#at);
    if (code > BLANK && code < DELETE && code !== COMMENT && code !== HASH) return;
    SPACE.lastIndex = this.#at;
    const space = SPACE.exec(this.#text)?.[0] ?? '';
    this.#at += space.length;
    if (this.#at === this.#text.length && !this.#hasEnded && UNFINISHED_COMMENT.test(space)) throw INCOMPLETE;
    if (this.#text.startsWith('#_', this.#at)) {
      this.#at += 2;
      this.#read();
      this.#skipSpace();
    }
  }

  #read(): unknown {
    this.#skipSpace();
    const start = this.#at;
    const character = this.#text[start];
    switch (character) {
      case undefined:
        throw this.#hasEnded ? this.#flaw('a form is missing here: the text ends') : INCOMPLETE;
      case '"':
        this.#at++;
        return this.#readString(start);
      case '[':
      case '(':
        this.#at++;
        return this.#readItems(character, start);
      case '{':
        this.#at++;
        return this.#readMap('', start);
      case '#':
        return this.#readDispatch(start);
      case '\\':
        return this.#readCharacter(start);
      case '^':
        // Metadata: the form after it is meant.
        this.#at++;
        this.#read();
        return this.#read();
      case "'":
        this.#at++;
        return this.#read();
      case ')':
      case ']':
      case '}':
        throw this.#flaw(`${character} closes nothing`);
      default:
        return this.#takeInteger() ?? this.#valueOf(this.#takeToken(), start);
    }
  }

  #takeToken(): string {
    const start = this.#at;
    let at = start;
    while (at < this.#text.length && ENDS_TOKEN[this.#text.charCodeAt(at)] !== 1) at++;
    if (at === this.#text.length && !this.#hasEnded) throw INCOMPLETE;
    this.#at = at;
    return this.#text.slice(start, at);
  }

  /** The integer at this place, if it is a plain one. */
  #takeInteger(): number | undefined {
    let [at, number] = [this.#at, 0];
    let code = this.#text.charCodeAt(at);
    while (code >= ZERO && code <= NINE) {
      number = number * 10 + code - ZERO;
      code = this.#text.charCodeAt(++at);
    }
    if (at === this.#at || at - this.#at > DIGITS_MAX || ENDS_TOKEN[code] !== 1) return undefined;
    this.#at = at;
    return number;
  }

  #valueOf(token: string, start: number): unknown {
    const first = token.charCodeAt(0);
    if (token[0] === ':') return this.#name(token.slice(token.startsWith('::') ? 2 : 1));
    // A digit, or a sign before one.
    if ((first >= 48 && first <= 57) || ((first === 43 || first === 45) && /^.\d/.test(token)))
      return this.#numberOf(token, start);
    if (token === 'nil') return null;
    if (token === 'true') return true;
    if (token === 'false') return false;
    return this.#name(token);
  }

  /** One text for all keywords of a name. */
  #name(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = text;
      this.#names.set(text, name);
    }
    return name;
  }

  #numberOf(token: string, start: number): unknown {
    if (INTEGER.test(token) || HEXADECIMAL.test(token)) {
      const digits = token.replace(/^\+|N$/g, '').replace(/N$/, '');
      const number = digits.startsWith('-0x') || digits.startsWith('-0X') ? -Number(digits.slice(1)) : Number(digits);
      if (Number.isSafeInteger(number)) return number + 0;
      return new ExactNumber(
        digits.includes('x') || digits.includes('X')
          ? BigInt(digits).toString()
          : digits.replace(/^(-?)0+(?=\d)/, '$1'),
      );
    }
    if (DOUBLE.test(token)) {
      const number = Number(token.replace(/M$/, ''));
      if (Number.isFinite(number) && !Number.isInteger(number)) return number;
      const digits = token.replace(/^\+|M$/g, '').replace(/\.(?=$|[eE])/, '.0');
      return new ExactNumber(/[.eE]/.test(digits) ? digits : `${digits}.0`);
    }
    if (RATIO.test(token)) return token;
    throw this.#flaw(`${excerpt(token, SHOWN_MAX)} is no number`, start);
  }

  #readString(start: number): string {
    let value = '';
    for (;;) {
      PLAIN_STRING.lastIndex = this.#at;
      const plain = PLAIN_STRING.exec(this.#text)?.[0] ?? '';
      this.#at += plain.length;
      const character = this.#text[this.#at];
      if (character === undefined) throw this.#endedIn('string', start);
      this.#at++;
      if (character === '"') return value === '' ? plain : value + plain;
      value += plain + this.#readEscape(start);
    }
  }

  #readEscape(start: number): string {
    const letter = this.#text[this.#at];
    if (letter === undefined) throw this.#endedIn('string', start);
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 1, this.#at + 5);
      if (digits.length < 4 && !this.#hasEnded) throw INCOMPLETE;
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#flaw('expected four hexadecimal digits after \\u');
      this.#at += 5;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const character = ESCAPES[letter];
    if (character === undefined) throw this.#flaw(`there is no escape \\${letter}`);
    this.#at++;
    return character;
  }

  #readCharacter(start: number): string {
    if (this.#at + 1 >= this.#text.length && !this.#hasEnded) throw INCOMPLETE;
    // The first one may be a bracket.
    const first = String.fromCodePoint(this.#text.codePointAt(start + 1) ?? 32);
    this.#at += 1 + first.length;
    const token = `${first}${/[\p{L}\p{N}]/u.test(first) ? this.#takeToken() : ''}`;
    if ([...token].length === 1) return token;
    const named = CHARACTERS.get(token);
    if (named !== undefined) return named;
    if (/^u[0-9a-fA-F]{4}$/.test(token)) return String.fromCharCode(Number.parseInt(token.slice(1), 16));
    throw this.#flaw(`there is no character \\${excerpt(token, SHOWN_MAX)}`, start);
  }

  #readItems(open: string, start: number): unknown[] {
    this.#descend(start);
    const close = CLOSING[open] as string;
    const items: unknown[] = [];
    while (!this.#takeClosing(close, start)) items.push(this.#read());
    return items;
  }

  /** @param space the namespace of its keys */
  #readMap(space: string, start: number): Record<string, unknown> {
    this.#descend(start);
    const map: Record<string, unknown> = {};
    while (!this.#takeClosing('}', start)) {
      const name = keyOf(this.#read());
      if (this.#takeClosing('}', start)) throw this.#flaw('a map needs a value for each key', start);
      const value = this.#read();
      const key = space === '' || name.includes('/') ? name : `${space}${name}`;
      if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true });
      else map[key] = value;
    }
    return map;
  }

  /** Whether the brackets begun at `start` end here. */
  #takeClosing(close: string, start: number): boolean {
    this.#skipSpace();
    const character = this.#text[this.#at];
    if (character === undefined) throw this.#endedIn('bracket', start);
    if (character !== close) return false;
    this.#at++;
    this.#depth--;
    return true;
  }

  #descend(start: number): void {
    if (++this.#depth > DEPTH_MAX) throw this.#flaw(`brackets are nested more than ${DEPTH_MAX} deep`, start);
  }

  /** What begins with `#`: a set, a tag, a record, and what `pr-str` writes besides. */
  #readDispatch(start: number): unknown {
    const next = this.#text[start + 1];
    if (next === undefined) throw this.#endedIn('tag', start);
    this.#at += 2;
    if (next === '{') return sorted(this.#readItems('#{', start));
    if (next === '"') return this.#readString(start);
    if (next === "'") return this.#takeToken();
    if (next === '#') {
      const token = this.#takeToken();
      if (!SPECIAL_NUMBERS.has(token)) throw this.#flaw(`there is no ##${excerpt(token, SHOWN_MAX)}`, start);
      return SPECIAL_NUMBERS.get(token);
    }
    this.#at--;
    const tag = this.#takeToken();
    if (tag === '') throw this.#flaw('expected a tag after #', start);
    if (tag[0] !== ':') return this.#read();
    this.#skipSpace();
    const bracket = this.#text[this.#at];
    if (bracket === undefined) throw this.#endedIn('map', start);
    if (bracket !== '{') throw this.#flaw('expected a map after its namespace');
    this.#at++;
    return this.#readMap(`${tag.replace(/^:+/, '')}/`, start);
  }
}

/** The key of an object for the key of a map. */
function keyOf(key: unknown): string {
  return typeof key === 'string' ? key : stringifyExact(key);
}

/** A set has no order. Numbers in theirs, so that two readers see the same. */
function sorted(items: readonly unknown[]): unknown[] {
  const place = (item: unknown) => (typeof item === 'number' ? 0 : 1);
  return items.toSorted((one, other) =>
    typeof one === 'number' && typeof other === 'number'
      ? one - other
      : place(one) - place(other) || (keyOf(one) < keyOf(other) ? -1 : 1),
  );
}
