/**
 * Processes that left their process group, as daemons do, and would outlive the run. Each node gets an environment
 * variable that names its run. All its children inherit it, and are found in `/proc`. Other systems than Linux have no
 * `/proc`: there such processes are not found. Nor is a process that was started with another environment.
 */

import { readdirSync, readFileSync } from 'node:fs';

/** Its value is `<run>/<node id>`. */
export const MARK_VARIABLE = 'SNOWSTORM_RUN';

/**
 * Kills every process whose mark is `mark`, or begins with it if it ends with a slash. False if there was none.
 *
 * @param variable the environment variable that holds the mark
 */
export function killMarked(mark: string, variable = MARK_VARIABLE): boolean {
  let found = false;
  for (const pid of processIds()) {
    if (!isMarked(pid, mark, variable)) continue;
    found = true;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The process has ended meanwhile.
    }
  }
  return found;
}

function processIds(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function isMarked(pid: number, mark: string, variable: string): boolean {
  try {
    const entry = `\0${variable}=${mark}${mark.endsWith('/') ? '' : '\0'}`;
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(entry);
  } catch {
    return false; // The process has ended, or belongs to another user.
  }
}
