/** What is wrong with a record, and the JSON in it. */

import { parseExact } from '../../protocol/exact-json.ts';

/**
 * A folder holds no record; the message names the file, and the line where there are many, and says what is wrong with
 * it.
 */
export class RecordError extends Error {
  override readonly name = 'RecordError';
}

/** Throws a {@link RecordError} that begins with `where`. */
export function parseRecorded(text: string, where: string): unknown {
  try {
    return parseExact(text);
  } catch (error) {
    throw new RecordError(`${where}: not JSON: ${(error as Error).message}`);
  }
}
