/** Invisible characters: terminals and editors do not show that they are there, or which of them it is. */

/**
 * Control and format characters, white space other than the blank, lone surrogates, unassigned characters, and blank
 * fillers.
 */
const INVISIBLE = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
/** Those that are invisible anywhere in a text. */
const UNSEEN = /(?! )[\p{Cc}\p{Cf}\p{Z}]/gu;

/** Those that programs really print by mistake. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x00, 'NUL, as in UTF-16'],
  [0x09, 'tab'],
  [0x0b, 'vertical tab'],
  [0x0c, 'form feed'],
  [0x0d, 'carriage return'],
  [0x1b, 'escape, as in the colours of a terminal'],
  [0xa0, 'no-break space'],
  [0xad, 'soft hyphen'],
  [0x200b, 'zero width space'],
  [0x200c, 'zero width non-joiner'],
  [0x200d, 'zero width joiner'],
  [0x200e, 'left-to-right mark'],
  [0x200f, 'right-to-left mark'],
  [0x2028, 'line separator'],
  [0x2029, 'paragraph separator'],
  [0x202f, 'narrow no-break space'],
  [0x2060, 'word joiner'],
  [0x3000, 'ideographic space'],
  [0xfeff, 'byte order mark'],
]);

/**
 * `U+FEFF (byte order mark)` for an invisible character at the beginning of `text`; undefined if there is none. A blank
 * is visible.
 */
export function nameInvisible(text: string): string | undefined {
  const codePoint = text.codePointAt(0);
  if (codePoint === undefined || !INVISIBLE.test(String.fromCodePoint(codePoint))) return undefined;
  const name = NAMES.get(codePoint);
  const code = `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
  return name === undefined ? code : `${code} (${name})`;
}

/** The same text, with JavaScript escapes for all characters that are invisible or would act on a terminal. */
export function escapeInvisible(text: string): string {
  return text.replaceAll(UNSEEN, (character) => {
    const code = (character.codePointAt(0) as number).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** The same text on one line: line breaks as a sign, other invisible characters as escapes. */
export function escapeToOneLine(text: string): string {
  return escapeInvisible(text.replaceAll('\n', ' ⏎ '));
}
