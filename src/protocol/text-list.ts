/**
 * Many texts as the JSON of their array, made in one piece. A thousand ids with the same first digits are written
 * several times as fast as one by one. As the value of a field it is sent unchanged.
 */

import * as z from 'zod';

export class TextList {
  readonly length: number;
  /** The array, as JSON. */
  readonly json: string;

  /** @param json the JSON of an array of `length` texts */
  constructor(json: string, length: number) {
    this.json = json;
    this.length = length;
  }

  static of(texts: readonly string[]): TextList {
    return new TextList(JSON.stringify(texts), texts.length);
  }

  toArray(): string[] {
    return JSON.parse(this.json) as string[];
  }

  toJSON(): string[] {
    return this.toArray();
  }
}

/** A field of a reply that holds texts, written as a list or as an array. */
export const Texts = z.union([z.instanceof(TextList), z.array(z.string())]);
