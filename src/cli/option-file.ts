/** Files that options name. */

import { readFileSync } from 'node:fs';
import { UsageError } from './options.ts';

/** The content of a file that an option names. Throws a {@link UsageError} if it cannot be read. */
export function readFile(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`${option} ${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
}
