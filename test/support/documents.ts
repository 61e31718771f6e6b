/** The prose of the project: every Markdown file that belongs to it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = ['.github', 'maelstrom', 'src', 'test'];
/** Folders that runs leave behind. */
const RECORDS = 'store';

/** A document of the project. */
export interface Document {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** All of them, those in the project's own folder first. */
export function documents(): readonly Document[] {
  const nested = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  return [...readdirSync(PROJECT), ...nested.sort()]
    .filter((path) => path.endsWith('.md') && !path.split(sep).includes(RECORDS))
    .map((path) => ({ path: path.split(sep).join(posix.sep), text: readFileSync(join(PROJECT, path), 'utf8') }));
}

/** The document at that path. Throws if there is none. */
export function documentAt(path: string): Document {
  const found = documents().find((document) => document.path === path);
  if (found === undefined) throw new Error(`there is no document ${path}`);
  return found;
}
