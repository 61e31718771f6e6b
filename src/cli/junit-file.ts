/**
 * The file of `--junit`. It is tried before a run begins, for nobody wants to hear after an hour that it cannot be
 * written.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from './options.ts';

/**
 * Makes the file and the folders above it. It is empty then: what an earlier run left in it would pass for the verdict
 * of this one if this one is cut short, and what is empty passes for nothing. Throws a {@link UsageError} if that
 * cannot be done.
 */
export function checkJunitFile(file: string): void {
  try {
    write(file, '');
  } catch (error) {
    throw new UsageError(describe(file, error));
  }
}

/** Writes the file; throws an Error that names it if that cannot be done. */
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
