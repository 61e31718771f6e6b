/**
 * Messages taken apart by patterns learned from earlier ones, in half the time of `JSON.parse`.
 *
 * Most lines of a sender differ only in a few numbers and texts. The *shape* of a line is all the rest: the keys and
 * their order, the punctuation, the type. A shape is a regular expression with a group for each text and number. A
 * line that it matches is JSON, and its value is known. Every other line is left to the parser, and now and then a
 * shape is learned from one. Nothing is guessed: a text with an escape, a number of 16 digits, a nested value, a space
 * or a key that comes twice is not in any shape.
 *
 * Senders may be hostile. Each group is a run of characters of one class, and the character after it is not of that
 * class. So there is only one place where a group can end, and a failed match takes time proportional to the line.
 * A line is tried against {@link SHAPES_PER_BUCKET} + 1 shapes at most. Learning takes as long as parsing dozens of
 * lines, so it happens once in {@link LINES_PER_LESSON} lines that no shape matches, after a few lessons at once.
 */

import { detached } from './detached.ts';
import { HARNESS_ENVELOPE, type Message } from './message.ts';

/** Longer lines are not tried: a parser is as good at long texts. In UTF-16 units. */
const LINE_LENGTH_MAX = 1024;
/** Shapes that begin alike, see {@link bucketOf}. The newest are kept. */
const SHAPES_PER_BUCKET = 4;
const BUCKETS = 32;
/** How many shapes may be learned at once, for instance in the beginning. */
const LESSONS_MAX = 16;
const LINES_PER_LESSON = 256;

interface Shape {
  readonly pattern: RegExp;
  readonly dest: string;
  /** A body of this shape. Copies of it have all keys, in order. */
  readonly sample: Message['body'];
  /** The members of the body that differ from line to line, in the order of the pattern's groups. */
  readonly places: readonly Place[];
}

interface Place {
  readonly key: string;
  readonly isText: boolean;
}

/** The groups of a pattern: the sender, then the places. */
const FIRST_PLACE = 2;

// Control characters of the second kind, from U+007F on, may stand in a body. In an address the parser's own pattern
// leaves them to JSON.parse.
const BODY_TEXT = String.raw`[^"\\\x00-\x1f]*`;
const ADDRESS = String.raw`[^"\\\x00-\x1f\x7f-\x9f]+`;
/** A number of 16 digits may be beyond 2^53. */
const INTEGER = String.raw`-?(?:0|[1-9]\d{0,14})`;
/** A member with a plain key: not `__proto__`, and not a number, which JavaScript moves to the front. */
const MEMBER = new RegExp(
  String.raw`"(?!__proto__")([A-Za-z_][\w-]*)":(?:"(${BODY_TEXT})"|(${INTEGER})|true|false|null)([,}])`,
  'y',
);

export class LineShapes {
  readonly #buckets: readonly Shape[][] = Array.from({ length: BUCKETS }, () => []);
  /** By the length of a line, the shape of the latest such line: nearly always the right one, and found at no cost. */
  readonly #latest: (Shape | undefined)[] = new Array(LINE_LENGTH_MAX + 1).fill(undefined);
  #lessons = LESSONS_MAX;
  #linesToLesson = LINES_PER_LESSON;
  #learned = 0;

  /** How many shapes are known. */
  get size(): number {
    return this.#buckets.reduce((sum, bucket) => sum + bucket.length, 0);
  }

  /** How many shapes were learned so far. */
  get learned(): number {
    return this.#learned;
  }

  /**
   * The message on a line, equal to what `parseLine` gives. Undefined if the line has no known shape. Then a shape may
   * be learned from it.
   */
  match(line: string): Message | undefined {
    if (line.length > LINE_LENGTH_MAX) return undefined;
    const latest = this.#latest[line.length];
    const groups = latest?.pattern.exec(line);
    return groups ? messageOf(latest as Shape, groups) : this.#search(line, latest);
  }

  #search(line: string, tried: Shape | undefined): Message | undefined {
    const bucket = this.#buckets[bucketOf(line)] as Shape[];
    for (const shape of bucket) {
      if (shape === tried) continue;
      const groups = shape.pattern.exec(line);
      if (groups === null) continue;
      this.#latest[line.length] = shape;
      return messageOf(shape, groups);
    }
    if (--this.#linesToLesson === 0) {
      this.#linesToLesson = LINES_PER_LESSON;
      if (this.#lessons < LESSONS_MAX) this.#lessons++;
    }
    if (this.#lessons > 0) this.#learn(line, bucket);
    return undefined;
  }

  #learn(line: string, bucket: Shape[]): void {
    const shape = shapeOf(line);
    if (shape === undefined) return;
    this.#lessons--;
    this.#learned++;
    if (bucket.length === SHAPES_PER_BUCKET) this.#forget(bucket.shift() as Shape);
    bucket.push(shape);
  }

  #forget(shape: Shape): void {
    for (const [length, latest] of this.#latest.entries()) if (latest === shape) this.#latest[length] = undefined;
  }
}

function messageOf({ dest, sample, places }: Shape, groups: RegExpExecArray): Message {
  const body: Record<string, unknown> = { ...sample };
  for (let index = 0; index < places.length; index++) {
    const { key, isText } = places[index] as Place;
    const text = groups[index + FIRST_PLACE] as string;
    // A handler may keep a text. It must not keep the chunk of input that the text is from.
    body[key] = isText ? (text.length < SLICE_LENGTH_MIN ? text : detached(text)) : Number(text);
  }
  return { src: groups[1] as string, dest, body: body as Message['body'] };
}

/** V8 copies shorter parts of a text anyway. */
const SLICE_LENGTH_MIN = 13;

const BODY_START = '"body":{"';
const BODY_START_MIN = '{"id":0,"src":"","dest":"",'.length;

/**
 * Where shapes like that of a line are kept. It depends on the first three characters of the body, or a few more if
 * these begin `type`, and never on a value of the line.
 */
function bucketOf(line: string): number {
  const start = line.indexOf(BODY_START, BODY_START_MIN) + BODY_START.length;
  const key = line.charCodeAt(start) + 3 * line.charCodeAt(start + 1) + 5 * line.charCodeAt(start + 2);
  const isType = line.startsWith('type":"', start);
  const sum = isType ? key + line.charCodeAt(start + 7) + 3 * line.charCodeAt(start + 8) : key;
  // Beyond the end of the line a character is NaN.
  return (sum >>> 0) % BUCKETS;
}

/** The shape of a line; undefined if it is not a message, or more than flat. */
function shapeOf(line: string): Shape | undefined {
  const envelope = HARNESS_ENVELOPE.exec(line);
  if (envelope === null || line[envelope[0].length] !== '{') return undefined;
  const dest = envelope[2] as string;
  const sample: Record<string, unknown> = {};
  const places: Place[] = [];
  let pattern = String.raw`^\{"id":(?:0|[1-9]\d*),"src":"(${ADDRESS})","dest":"${literal(dest)}","body":\{`;
  let end: string | undefined = ',';
  let at = envelope[0].length + 1;
  while (end === ',') {
    MEMBER.lastIndex = at;
    const member = MEMBER.exec(line);
    if (member === null) return undefined;
    const [all, key, text, integer] = member as unknown as [string, string, string | undefined, string | undefined];
    if (Object.hasOwn(sample, key)) return undefined;
    at += all.length;
    end = member[4];
    const isPlace = key !== 'type' && (text !== undefined || integer !== undefined);
    if (isPlace) {
      places.push({ key, isText: text !== undefined });
      sample[key] = text === undefined ? 0 : '';
      pattern += `${literal(`"${key}":`)}${text === undefined ? `(${INTEGER})` : `"(${BODY_TEXT})"`}${end}`;
    } else {
      sample[key] = JSON.parse(all.slice(key.length + 3, -1));
      pattern += literal(all);
    }
  }
  if (typeof sample.type !== 'string' || at !== line.length - 1 || !line.endsWith('}')) return undefined;
  return { pattern: new RegExp(`${pattern}\\}$`), dest: detached(dest), sample: sample as Message['body'], places };
}

/** A pattern that matches exactly `text`. */
function literal(text: string): string {
  return text.replace(/\W/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
