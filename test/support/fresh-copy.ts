/**
 * The project as after a fresh clone and an install, so that a test can follow the documents. It is in a temporary
 * folder, which is removed at the end.
 */

import { cpSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './temporary-folder.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = [
  'src',
  'bin',
  'test/fixtures/counter-that-forgets',
  'test/fixtures/nodes',
  'test/fixtures/library',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'Makefile',
];
const LONG_AGO = new Date('2000-01-01T00:00:00Z');

/** Copies what is needed to build and run. Call it where tests are declared. */
export function freshCopy(): string {
  const copy = join(temporaryFolder(), 'snowstorm');
  for (const path of COPIED) cpSync(join(PROJECT, path), join(copy, path), { recursive: true });
  for (const path of ['package.json', 'package-lock.json']) utimesSync(join(copy, path), LONG_AGO, LONG_AGO);
  linkPackages(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** A folder with links in it: a new install removes the links and not their targets. */
function linkPackages(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) if (name !== '.installed') symlinkSync(join(from, name), join(to, name));
  // For `make`, this file means that everything is installed, if it is newer than the package files.
  writeFileSync(join(to, '.installed'), '');
}
