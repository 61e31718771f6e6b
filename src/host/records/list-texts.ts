/**
 * The texts of the last long lists that were recorded. The read of a set is a list of thousands: it is in the log of
 * messages, and soon after in the history, and its text takes as long to make as the message took to parse.
 */

import { stringifyExact } from '../../protocol/exact-json.ts';

/** The text of a shorter list is made as fast as it is found. */
const LIST_LENGTH_MIN = 128;
/** The messages of one turn of the event loop are recorded before the operations that they complete. */
const LISTS_MAX = 16;
/** Characters in all of them, but for the last. */
const LENGTH_MAX = 1024 * 1024;

interface KeptText {
  readonly list: readonly unknown[];
  readonly text: string;
}

export class ListTexts {
  /** The oldest first. */
  readonly #kept: KeptText[] = [];
  #length = 0;

  /** As `stringifyExact`. A long list must not change any more. */
  readonly textOf = (value: unknown): string => {
    if (!Array.isArray(value) || value.length < LIST_LENGTH_MIN) return stringifyExact(value);
    const known = this.#kept.find(({ list }) => list === value);
    if (known !== undefined) return known.text;
    const text = stringifyExact(value);
    this.#kept.push({ list: value, text });
    this.#length += text.length;
    while (this.#kept.length > LISTS_MAX || (this.#length > LENGTH_MAX && this.#kept.length > 1))
      this.#length -= (this.#kept.shift() as KeptText).text.length;
    return text;
  };
}
