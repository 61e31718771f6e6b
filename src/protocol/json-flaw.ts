/**
 * Where a text stops being JSON. The messages of `JSON.parse` differ between engines and often name no place. The
 * grammar is RFC 8259.
 */

const SPACE = /[ \t\n\r]*/y;
const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the grammar excludes them
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** What may come next. */
type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end';

/**
 * The index of the first character that is not allowed there, in UTF-16 units. For a text that ends too early: its
 * length. For valid JSON: `undefined`.
 */
export function findJsonFlaw(text: string): number | undefined {
  /** The brackets that close the open ones, innermost last. */
  const closing: string[] = [];
  let expected: Expected = 'value';
  for (let at = skip(SPACE, text, 0); ; at = skip(SPACE, text, at)) {
    if (closing.length === 0 && expected === ', or end') return at === text.length ? undefined : at;
    const character = text[at];
    if (character === closing.at(-1) && (expected === ', or end' || expected.endsWith(character as string))) {
      closing.pop();
      expected = ', or end';
      at++;
    } else if (expected === ', or end') {
      if (character !== ',') return at;
      expected = closing.at(-1) === '}' ? 'key' : 'value';
      at++;
    } else if (expected === ':') {
      if (character !== ':') return at;
      expected = 'value';
      at++;
    } else if (character === '"') {
      const end = endOfString(text, at);
      if (text[end] !== '"') return end;
      expected = expected.startsWith('key') ? ':' : ', or end';
      at = end + 1;
    } else if (expected.startsWith('key')) return at;
    else if (character === '{' || character === '[') {
      closing.push(character === '{' ? '}' : ']');
      expected = character === '{' ? 'key or }' : 'value or ]';
      at++;
    } else {
      const end = skip(LITERAL, text, at);
      if (end === at) return at;
      expected = ', or end';
      at = end;
    }
  }
}

/**
 * The index of the quote that ends the string begun at `start`, or of the first character that is not allowed in it.
 */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; ) {
    const end = skip(PLAIN_CHARACTERS, text, at);
    at = skip(ESCAPE, text, end);
    if (at === end) return end;
  }
}

/** Where a match of `pattern` at `from` ends; `from` itself if there is none. */
function skip(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}
