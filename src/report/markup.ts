/**
 * HTML and SVG as text, by a template tag that escapes everything put into it. Nodes choose much of what a report
 * shows. So there is no other way to make markup, except `raw`, which is for texts of this program only.
 */

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Most texts: times, counts, names. */
const HARMLESS = /^[\w .,:#/·→%+()-]*$/;
/** No text of these characters alone has one that is written as an escape. */
const VISIBLE = /^[\n\t -~µ·→]*$/;

/** Text that is markup already. */
export class Markup {
  readonly text: string;

  /** Not for texts from outside: see `markup`. */
  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** Values that may stand in a template. A list is its items, one after the other. Undefined and false are empty. */
export type Content = Markup | string | number | bigint | undefined | false | readonly Content[];

/** `markup\`<b>${text}</b>\``: the template as it is, with all values in it escaped. */
export function markup(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let text = strings[0] as string;
  for (let index = 0; index < values.length; index++) text += render(values[index]) + (strings[index + 1] as string);
  return new Markup(text);
}

/** Takes a text for markup. Only for texts that this program wrote itself. */
export function raw(text: string): Markup {
  return new Markup(text);
}

/**
 * A text for an element, or for an attribute in quotes. Control characters are written as escapes, and so are
 * characters that change the writing direction. None of them can act, and all are visible.
 */
export function escapeText(text: string): string {
  if (HARMLESS.test(text)) return text;
  const escaped = text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] as string);
  // The pattern below takes milliseconds before its first use.
  if (VISIBLE.test(escaped)) return escaped;
  return escaped.replaceAll(
    /[^\P{Cc}\n\t]|[\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]|\p{Cs}/gu,
    (character) => `\\u${hexadecimal(character)}`,
  );
}

function render(value: Content): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value === undefined || value === false) return '';
  return value.map(render).join('');
}

function hexadecimal(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}
