/** Programs of this machine that some tests need. Without them these tests are skipped, loudly. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface WantedProgram {
  /** The first that is found is taken. */
  readonly names: readonly string[];
  /** The package of Debian. */
  readonly debian: string;
  /** The environment variable that may name another one. */
  readonly variable?: string;
}

/** Where the program is; undefined if there is none, and then says so on stderr. @param what is skipped without it */
export function findProgram(what: string, { names, debian, variable }: WantedProgram): string | undefined {
  const named = variable === undefined ? undefined : process.env[variable];
  if (named) return named;
  // Programs of an administrator are not in everybody's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
  if (found === undefined) {
    const reason = `there is no ${names[0]} on this machine (apt-get install ${debian})`;
    process.stderr.write(`\n*** SKIPPED: ${what}, because ${reason} ***\n\n`);
  }
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
