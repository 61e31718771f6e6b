/**
 * Lossless JSON for the messages of foreign nodes. JavaScript cannot tell some 64-bit ids apart, nor 1 from 1.0. The
 * JVM, and so Maelstrom, can. A number that would lose information becomes an `ExactNumber`. All other values are those
 * of JSON.parse. Nearly every line is free of such numbers, and one regular expression shows it.
 *
 * The grammar is RFC 8259. Equality is Clojure's `=` on parsed JSON. Doubles are spelled as `java.lang.Double.toString`
 * spells them.
 */

/**
 * For numbers that a JavaScript number cannot hold faithfully: integers beyond 2^53 - 1, and doubles with a whole
 * value.
 */
export class ExactNumber {
  /** Invariant: one spelling for each value, and valid JSON. */
  readonly text: string;

  constructor(token: string) {
    if (!WHOLE_TOKEN.test(token)) throw new TypeError(`not a JSON number: ${token}`);
    this.text = normalised(token);
  }

  toString(): string {
    return this.text;
  }

  /**
   * What plain JSON.stringify writes: the rounded number. `stringifyExact` notices the call and writes the exact text
   * instead.
   */
  toJSON(): number {
    exactNumbersWritten++;
    return Number(this.text);
  }
}

const NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?`;
const WHOLE_TOKEN = new RegExp(`^${NUMBER}$`);
const INTEGER_TOKEN = /^-?\d+$/;
const STRING_OR_NUMBER = new RegExp(String.raw`"[^"\\]*(?:\\[^][^"\\]*)*"|${NUMBER}`, 'g');

/**
 * Finds a number that may be a double, or has 16 digits or more. A match inside a string costs only time, so what must
 * follow a number is asked for: an ISO time does not match. The first three digits are written out, because the loop of
 * `\d*` costs more than a short number.
 */
const MAY_NEED_CARE = /[:,[\s]-?\d(?:[.eE]|\d(?:[.eE]|\d(?:\d*[.eE]|\d{13})))[-+.\deE]*[\s,\]}]/;

/** Parses JSON without loss; throws a SyntaxError as JSON.parse does. */
export function parseExact(line: string): unknown {
  if (!MAY_NEED_CARE.test(line)) {
    const value: unknown = JSON.parse(line);
    // The expression needs a character before and after the number. A line that is only a number has none.
    if (typeof value !== 'number') return value;
  }
  return untagged(JSON.parse(line.replace(STRING_OR_NUMBER, tagged)));
}

/**
 * JSON.parse still does the parsing. In the text that it gets, strings and keys begin with `s`, and a number that needs
 * care is the object `{"n": token}`. So no string can be taken for a number, and a bad token makes the text invalid
 * JSON.
 */
function tagged(token: string): string {
  if (token[0] === '"') return `"s${token.slice(1)}`;
  return isFaithful(token) ? token : `{"n":"${token}"}`;
}

function isFaithful(token: string): boolean {
  const value = Number(token);
  return INTEGER_TOKEN.test(token) ? Number.isSafeInteger(value) : Number.isFinite(value) && !Number.isInteger(value);
}

function untagged(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(1);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  if (Object.hasOwn(value, 'n')) return new ExactNumber((value as { n: string }).n);
  // fromEntries defines members, so that a key `__proto__` stays a key.
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key.slice(1), untagged(member)]));
}

/** Whether a parsed value is an integer, however large; 1.0 is a double. */
export function isExactInteger(value: unknown): boolean {
  return Number.isInteger(value) || (value instanceof ExactNumber && INTEGER_TOKEN.test(value.text));
}

/**
 * Counts the calls of ExactNumber.toJSON. So JSON.stringify shows at no extra cost whether a value holds an exact
 * number.
 */
let exactNumbersWritten = 0;

/** Writes JSON as JSON.stringify does, and exact numbers as their text. */
export function stringifyExact(value: unknown): string {
  const before = exactNumbersWritten;
  const text = JSON.stringify(value);
  const exact = exactNumbersWritten === before ? text : written(value);
  if (exact === undefined) throw new TypeError(`${typeof value} has no JSON`);
  return exact;
}

/** What must be escaped, and what may have to be. */
const PERHAPS_ESCAPED = /[^ !#-[\]-~]/;

const QUOTE = 0x22;

/** A string as JSON. Most need no escaping, and this check takes half the time of `JSON.stringify`. */
export function stringifyText(text: string): string {
  // Reading a character makes V8 join a text of several parts. The expression takes twice as long on the parts.
  const isEscaped = text.charCodeAt(0) === QUOTE || PERHAPS_ESCAPED.test(text);
  return isEscaped ? JSON.stringify(text) : `"${text}"`;
}

interface Name {
  readonly json: string;
  /** What is before the value of a member with this name: of the first member of an object, and of another. */
  readonly first: string;
  readonly later: string;
}

/** Names that are written often. Bounded: a sender that invents names must not fill the memory. */
const names = new Map<string, Name>();
const NAMES_MAX = 4096;
const NAME_LENGTH_MAX = 64;

/** As `stringifyText`, for texts that are written often: keys, addresses, types. */
export function stringifyName(name: string): string {
  return nameOf(name).json;
}

function nameOf(text: string): Name {
  let name = names.get(text);
  if (name === undefined) {
    const json = JSON.stringify(text);
    name = { json, first: `{${json}:`, later: `,${json}:` };
    if (names.size < NAMES_MAX && text.length <= NAME_LENGTH_MAX) names.set(text, name);
  }
  return name;
}

/**
 * The text that `stringifyExact` gives for a plain object. If the members are scalars, it takes a third of the time.
 * Used for every message.
 *
 * @param textOf gives that text of a member that is a list or an object
 */
export function stringifyRecord(
  record: Readonly<Record<string, unknown>>,
  textOf: (value: unknown) => string = stringifyExact,
): string {
  let text = '';
  for (const key in record) {
    const value = record[key];
    if (value === undefined) continue;
    const name = nameOf(key);
    text += text === '' ? name.first : name.later;
    text += stringifyMember(value, textOf);
  }
  return text === '' ? '{}' : `${text}}`;
}

function stringifyMember(value: unknown, textOf: (value: unknown) => string): string {
  if (typeof value === 'string') return stringifyText(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value === 0 ? 0 : value);
  if (value === null || typeof value === 'boolean') return String(value);
  return textOf(value);
}

function written(value: unknown): string | undefined {
  if (value instanceof ExactNumber) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if ('toJSON' in value && typeof value.toJSON === 'function') return written(value.toJSON());
  if (Array.isArray(value)) return `[${Array.from(value, (item) => written(item) ?? 'null').join(',')}]`;
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    const text = written(member);
    if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${members.join(',')}}`;
}

/**
 * A text that two values share exactly when they are equal as JSON. The order of keys does not count; 1 and 1.0 differ.
 */
export function canonicalKey(value: unknown): string {
  if (typeof value === 'number') return canonicalNumber(value);
  if (value instanceof ExactNumber) return value.text === '-0.0' ? '0.0' : value.text;
  if (typeof value === 'string') return stringifyText(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalKey).join(',')}]`;
  const members = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of Object.keys(members).sort()) {
    const member = members[key];
    if (member !== undefined) text += `${text === '' ? '{' : ','}${stringifyText(key)}:${canonicalKey(member)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** Whether two values are the same JSON. An absent value is null. */
export function exactEquals(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a === 'string' || typeof b === 'string') return false;
  return canonicalKey(a) === canonicalKey(b);
}

function canonicalNumber(value: number): string {
  const text = JSON.stringify(value);
  // From 1e21 on JavaScript writes an exponent even for whole numbers. A reader then takes them for doubles.
  return Number.isInteger(value) && !text.includes('e') ? text : Number.isFinite(value) ? javaDouble(value) : text;
}

function normalised(token: string): string {
  return INTEGER_TOKEN.test(token) ? BigInt(token).toString() : javaDouble(Number(token));
}

/**
 * The shortest decimal of a double, as Java prints it since JDK 19: `1.0`, `0.001`, `1.0E10`, `4.9E-324`. JSON can hold
 * an infinite double only as a number out of range: it is spelled `1E999`.
 */
export function javaDouble(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  if (!Number.isFinite(value)) return value < 0 ? '-1E999' : '1E999';
  const magnitude = Math.abs(value);
  if (magnitude === 0 || (magnitude >= 1e-3 && magnitude < 1e7)) {
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }
  const shortest = value.toExponential();
  // Java prints at least two digits. The nearest two are not always the shortest one and a zero.
  const [digits, exponent] = (shortest.includes('.') ? shortest : value.toExponential(1)).split('e');
  return `${digits}E${Number(exponent)}`;
}
