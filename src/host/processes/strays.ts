/**
 * Processes that left the group they were born in, as daemons do, and would outlive the run. Every process inherits its
 * environment, so each node is given a variable that says whose it is, and whoever has it is found in `/proc`. Where
 * there is none, outside of Linux, groups have to do; and so they do for a process that was started with an environment
 * of its own.
 */

import { readdirSync, readFileSync } from 'node:fs';

/** Holds `<run>/<node id>`. */
export const MARK_VARIABLE = 'SNOWSTORM_RUN';

/**
 * Kills every process whose mark is `mark`, or begins with it where it ends in a slash; false when there was none.
 *
 * @param variable the one that holds the mark, where it is not the run's
 */
export function killMarked(mark: string, variable = MARK_VARIABLE): boolean {
  let found = false;
  for (const pid of processIds()) {
    if (!isMarked(pid, mark, variable)) continue;
    found = true;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
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
    return false; // It has ended, or is somebody else's.
  }
}
