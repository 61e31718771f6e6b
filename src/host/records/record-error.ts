/** Errors of recorded runs, and reading the JSON in them. */

import { parseExact } from '../../protocol/exact-json.ts';

/**
 * A folder is not the record of a run. The message names the file, in a file of many lines the line, and what is wrong.
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
