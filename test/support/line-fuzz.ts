/**
 * Lines of a few senders, most of them alike but for their values, some of them damaged. A `LineShapes` reads them all,
 * and each message that it takes apart is compared with what the parser makes of the line.
 */

import { LineShapes } from '../../src/protocol/line-shapes.ts';
import { parseLine } from '../../src/protocol/message.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

/** Lines that one `LineShapes` reads: few enough for its first lessons, which most of its shapes are from. */
const LINES_EACH = 500;
const SENDERS = 6;

const SURE_KEYS = ['type', 'msg_id'];
const PLAIN_KEYS = ['echo', 'key', 'value', 'from', 'to', 'n', 'request_id'];
const KEYS = ['echo', 'key', 'value', 'n', 'k-v', 'in_reply_to', 'constructor', 'toString', '__proto__', '_proto__']
  .concat([
    '__proto__x',
    '7',
    '0',
    '-1',
    '01',
    'a.b',
    'a b',
    'ü',
    '',
    'type',
    'msg_id',
    'src',
    'body',
    'key\\n',
    'k\\u0065y',
  ])
  .concat(['then', 'length', 'A', 'x'.repeat(30)]);
const TYPES = ['echo', 'read', 'a.b*c', 'type', 'x"y', '(', '$', '^', '|', '\\\\', 'é', '😀', '\ud800', '', 'echo_ok'];
const TEXTS = [
  '',
  'a',
  'hello',
  'Please echo 17',
  'twelve chars',
  'thirteen char',
  'über',
  '日本語',
  '😀',
  '\ud800',
  '\udc00x',
]
  .concat([
    '\u007f',
    '\u0080',
    '\u2028',
    '\u00a0',
    '\ufeff',
    '\uffff',
    '\t',
    '\u0000',
    '\u001f',
    '\n',
    '\\n',
    '\\"',
    '\\\\',
  ])
  .concat([
    '\\u0041',
    '\\ud83d\\ude00',
    '\\ud800',
    '\\x41',
    '\\',
    '"',
    '","x":"',
    '":"',
    '}',
    '}}',
    '{',
    '\\/',
    "'",
    '$&',
    '$1',
  ])
  .concat(['12', 'true', '__proto__', 'x'.repeat(40), 'ö'.repeat(20)]);
const NUMBERS = [
  '0',
  '-0',
  '1',
  '-1',
  '7',
  '10',
  '00',
  '01',
  '-01',
  '+1',
  '1.5',
  '1.0',
  '-0.0',
  '1e3',
  '1E+2',
  '2e-7',
  '1e400',
]
  .concat(['999999999999999', '-999999999999999', '1000000000000000', '9007199254740991', '9007199254740993'])
  .concat(['12345678901234567890', '-', '.5', '5.', '0x10', 'NaN', '1_0', '٣', '']);
const OTHERS = [
  'true',
  'false',
  'null',
  '[]',
  '{}',
  '[1,"a"]',
  '{"a":1}',
  '{"type":"x"}',
  'undefined',
  'True',
  '[[[]]]',
];
const SPACES = [' ', '\t', '\r', '\n', '  ', '\u00a0', '\ufeff', '\v'];
const EDITS = [
  '"',
  '\\',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  ' ',
  '0',
  '9',
  '-',
  '.',
  'e',
  '\u0000',
  '\u001f',
  '\u007f',
  'a',
  '}}',
  '""',
];

type Place = 'text' | 'number' | 'other';

export interface FuzzedLines {
  readonly lines: number;
  /** Lines that a shape took apart. */
  readonly matched: number;
  /** A line that was not read as the parser reads it; undefined if there is none. */
  readonly wrong: string | undefined;
}

/** Stops at the first wrong line. */
export function fuzzLines(seed: number | string, count: number): FuzzedLines {
  const random = new SeededRandom(seed);
  let matched = 0;
  for (let lines = 0; lines < count; ) {
    const shapes = new LineShapes();
    const senders = Array.from({ length: SENDERS }, () => createSender(random));
    for (let each = 0; each < LINES_EACH && lines < count; each++) {
      lines++;
      const line = perhapsDamaged(random, random.pick(senders)());
      const message = shapes.match(line);
      if (message === undefined) continue;
      matched++;
      if (!isRight(line, message)) return { lines, matched, wrong: line };
    }
  }
  return { lines: count, matched, wrong: undefined };
}

/** Whether both the parser of lines and JSON.parse read the same. The parser leaves out the harness's own id. */
function isRight(line: string, message: object): boolean {
  try {
    const { id: _id, ...whole } = JSON.parse(line) as Record<string, unknown>;
    return isSame(parseLine(line), message) && isSame(whole, message);
  } catch {
    return false;
  }
}

/** Equal JSON values, with the same order of keys, prototypes and sign of zero. */
function isSame(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || left === null || typeof right !== 'object' || right === null)
    return Object.is(left, right);
  const keys = Reflect.ownKeys(left);
  const others = Reflect.ownKeys(right);
  return (
    Object.getPrototypeOf(left) === Object.getPrototypeOf(right) &&
    keys.length === others.length &&
    keys.every((key, index) => key === others[index] && isSame(Reflect.get(left, key), Reflect.get(right, key)))
  );
}

/** Makes lines with the same keys. The kind of a value, or a key, changes now and then. */
function createSender(random: SeededRandom): () => string {
  const among = (odds: number) => random.integer(odds) === 0;
  const plain = random.shuffle(PLAIN_KEYS).slice(0, random.integer(5));
  const keys = plain.map((key) => (among(8) ? random.pick(KEYS) : key));
  const places = keys.map((): Place => random.pick(['text', 'text', 'text', 'number', 'number', 'number', 'other']));
  const type = among(4) ? random.pick(TYPES) : 'write';
  const dest = among(8) ? random.pick(TEXTS) : 'n0';
  const order = random.shuffle([...keys, ...(among(10) ? [] : SURE_KEYS)]);
  const space = among(12) ? random.pick(SPACES) : '';
  const value = (key: string): string => {
    if (key === 'type' && !among(50)) return `"${type}"`;
    const place = key === 'msg_id' ? 'number' : (places[keys.indexOf(key)] ?? 'text');
    if (among(40)) return random.pick([...NUMBERS, ...OTHERS]);
    if (place === 'number')
      return among(8) ? random.pick(NUMBERS) : String(random.integer(2 ** 53 - 1) % 10 ** random.integer(17));
    if (place === 'other') return random.pick(OTHERS);
    return `"${among(8) ? random.pick(TEXTS) : `text ${random.integer(1000)}`}"`;
  };
  return () => {
    const members = order.map((key) => `${space}"${among(100) ? random.pick(KEYS) : key}":${space}${value(key)}`);
    const src = among(10) ? random.pick(TEXTS) : `c${random.integer(20)}`;
    const id = among(20) ? random.pick(NUMBERS) : random.integer(1_000_000);
    const receiver = among(100) ? 'n1' : dest;
    return `{"id":${id},"src":"${src}","dest":"${receiver}","body":{${members.join(',')}}}`;
  };
}

/** One line in four has a character or two changed, left out, doubled or added, or is nested deeply. */
function perhapsDamaged(random: SeededRandom, line: string): string {
  if (random.integer(4) > 0) return line;
  const at = random.integer(line.length + 1);
  const end = Math.min(at + random.integer(3), line.length);
  switch (random.integer(6)) {
    case 0:
      return line.slice(0, at) + random.pick(EDITS) + line.slice(end);
    case 1:
      return line.slice(0, at) + line.slice(end);
    case 2:
      return line.slice(0, end) + line.slice(at);
    case 3:
      return line.slice(0, at) + random.pick(SPACES) + line.slice(at);
    case 4:
      return line.replace(/\d+/, '['.repeat(random.integer(1200)));
    default:
      return line + random.pick(['}', ' ', '\n', line, ',', '\r']);
  }
}
