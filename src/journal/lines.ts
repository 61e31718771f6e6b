/** A file read line by line, some at a time, so that its length does not matter. */

import type { Folder } from '../protocol/folder.ts';

const PART_LENGTH = 1024 * 1024;

export interface Line {
  /** Without its end. */
  readonly text: string;
  /** Where it begins in the file, bytes. */
  readonly offset: number;
  /** Whether it has an end. Only the last line may have none. */
  readonly whole: boolean;
}

/** The lines of a file, a few at once. */
export async function* readLines(
  folder: Folder,
  name: string,
  partLength = PART_LENGTH,
): AsyncGenerator<readonly Line[]> {
  /** The parts of a line whose end is not read yet. */
  let begun: string[] = [];
  let begunAt = 0;
  for (let offset = 0; ; ) {
    const part = await folder.readPart(name, offset, partLength);
    if (part === '') break;
    const lines: Line[] = [];
    let start = 0;
    for (let end = part.indexOf('\n'); end >= 0; end = part.indexOf('\n', start)) {
      const text = begun.join('') + part.slice(start, end);
      lines.push({ text, offset: begunAt, whole: true });
      begun = [];
      start = end + 1;
      begunAt = offset + start;
    }
    if (start < part.length) begun.push(part.slice(start));
    offset += part.length;
    if (lines.length > 0) yield lines;
  }
  if (begun.length > 0) yield [{ text: begun.join(''), offset: begunAt, whole: false }];
}
