/**
 * A process with all its children: signalled together, and all killed. A signal to the process group reaches the
 * children that stayed in it. Those that left it are found by a mark (`strays.ts`).
 */

import type { Reaper } from './reaper.ts';
import { killMarked } from './strays.ts';

/** A killed process takes a moment to die, and may have started a child just before. */
const STRAY_ROUNDS_MAX = 200;
const STRAY_ROUND_MS = 5;

/** A process group, by the number of its leader, as long as that number is certainly its own. */
export class ProcessGroup {
  readonly #reaper: Reaper;
  #leaderPid: number | undefined;

  constructor(leaderPid: number | undefined, reaper: Reaper) {
    this.#leaderPid = leaderPid;
    this.#reaper = reaper;
    if (leaderPid !== undefined) reaper.watch(leaderPid);
  }

  /** Signals all members; signal 0 only checks. False if there are none. */
  signal(signal: NodeJS.Signals | 0): boolean {
    if (this.#leaderPid === undefined) return false;
    try {
      return process.kill(-this.#leaderPid, signal);
    } catch {
      return false;
    }
  }

  /** Kills the members that are left. Nothing is signalled later: the system may reuse the number. */
  end(): void {
    this.signal('SIGKILL');
    if (this.#leaderPid !== undefined) this.#reaper.forget(this.#leaderPid);
    this.#leaderPid = undefined;
  }
}

/** Kills every process with the mark, and those that were started meanwhile. */
export async function killAllMarked(mark: string, variable?: string): Promise<void> {
  for (let round = 0; round < STRAY_ROUNDS_MAX && killMarked(mark, variable); round++)
    await timeout(STRAY_ROUND_MS).over;
}

/** Resolves with the promise, or after `durationMs`, whichever is first. */
export async function settlesWithin(promise: Promise<void>, durationMs: number): Promise<void> {
  const { over, cancel } = timeout(durationMs);
  await Promise.race([promise, over]);
  cancel();
}

function timeout(delayMs: number): { over: Promise<void>; cancel: () => void } {
  let cancel = () => {};
  const over = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    cancel = () => clearTimeout(timer);
  });
  return { over, cancel };
}
