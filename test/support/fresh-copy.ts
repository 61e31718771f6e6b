/**
 * The project as somebody has it who has just cloned it and installed what it needs: so that a test can do to it what a
 * reader is told to do. It is in a temporary folder, which is removed in the end.
 */

import { cpSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './snowstorm-process.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = ['src', 'bin', 'test/fixtures/recipe', 'package.json', 'package-lock.json', 'tsconfig.json', 'Makefile'];
const LONG_AGO = new Date('2000-01-01T00:00:00Z');

/** Copies what is needed to build and run. To be called where tests are declared. */
export function freshCopy(): string {
  const copy = join(temporaryFolder(), 'snowstorm');
  for (const path of COPIED) cpSync(join(PROJECT, path), join(copy, path), { recursive: true });
  for (const path of ['package.json', 'package-lock.json']) utimesSync(join(copy, path), LONG_AGO, LONG_AGO);
  linkPackages(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** A folder of its own with links in it: whoever installs there anew removes the links, and nothing behind them. */
function linkPackages(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) if (name !== '.installed') symlinkSync(join(from, name), join(to, name));
  // What `make` takes for the proof that nothing is to be installed, if it is newer than what was asked for.
  writeFileSync(join(to, '.installed'), '');
}
