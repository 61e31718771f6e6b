/** Programs that options name. */

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { UsageError } from './options.ts';

/**
 * The full path of the program that the option `name` gives. A name without a slash that is not a program here is
 * looked up in PATH, as in Maelstrom. Throws a {@link UsageError} that says what is wrong with it.
 */
export function requireProgram(name: string, file: string): string {
  const program = resolve(file);
  const wrong = (text: string) => new UsageError(`--${name} ${file}: ${text}`);
  if (file !== '' && !file.includes('/')) {
    const found = isProgram(program) ? program : findInPath(file);
    if (found !== undefined) return found;
    if (!existsSync(program)) throw wrong('there is no such file here and no such program in PATH');
  }
  if (!isFile(program, wrong)) throw wrong('this is not a file');
  try {
    accessSync(program, constants.X_OK);
  } catch {
    throw wrong('this file is not executable; chmod +x it');
  }
  return program;
}

/** The full path of a program in PATH; undefined if it is in none of its folders. */
export function findInPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => resolve(folder, program)).find(isProgram);
}

/** Whether it is an executable file. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isFile(path: string, wrong: (text: string) => UsageError): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw wrong(code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : message);
  }
}
