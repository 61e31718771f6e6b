/**
 * The file of `--junit`. It is tried before a run begins: an error after an hour would be too late.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from './options.ts';

/**
 * Makes the file, empty, and the folders above it. If this run is cut short, an old verdict in the file would be taken
 * for the verdict of this run. Throws a {@link UsageError} if the file cannot be made.
 */
export function checkJunitFile(file: string): void {
  try {
    write(file, '');
  } catch (error) {
    throw new UsageError(describe(file, error));
  }
}

/** Writes the file; throws an Error that names it if it cannot be written. */
export function writeJunit(file: string, document: string): void {
  try {
    write(file, document);
  } catch (error) {
    throw new Error(describe(file, error), { cause: error });
  }
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function describe(file: string, error: unknown): string {
  return `--junit ${file}: ${(error as Error).message}`;
}
