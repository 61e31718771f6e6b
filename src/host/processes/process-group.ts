/**
 * A process that was started with everybody it has started: signalled as one, and killed to the last. Who is the leader
 * of a group takes those along that stayed in it; who left it is found by a mark (`strays.ts`).
 */

import type { Reaper } from './reaper.ts';
import { killMarked } from './strays.ts';

/** Who is killed takes a moment to die, and may have had a child at the last one. */
const STRAY_ROUNDS_MAX = 200;
const STRAY_ROUND_MS = 5;

/** A process group under the number of its leader, for as long as that number is certainly its own. */
export class ProcessGroup {
  readonly #reaper: Reaper;
  #leaderPid: number | undefined;

  constructor(leaderPid: number | undefined, reaper: Reaper) {
    this.#leaderPid = leaderPid;
    this.#reaper = reaper;
    if (leaderPid !== undefined) reaper.watch(leaderPid);
  }

  /** Signals every member at once, or with 0 none; false when nobody is left. */
  signal(signal: NodeJS.Signals | 0): boolean {
    if (this.#leaderPid === undefined) return false;
    try {
      return process.kill(-this.#leaderPid, signal);
    } catch {
      return false;
    }
  }

  /** Kills whoever is left. Nobody is signalled from then on, for the number may soon be that of a stranger. */
  end(): void {
    this.signal('SIGKILL');
    if (this.#leaderPid !== undefined) this.#reaper.forget(this.#leaderPid);
    this.#leaderPid = undefined;
  }
}

/** Kills every process that bears the mark, and those that were born meanwhile. */
export async function killAllMarked(mark: string, variable?: string): Promise<void> {
  for (let round = 0; round < STRAY_ROUNDS_MAX && killMarked(mark, variable); round++)
    await timeout(STRAY_ROUND_MS).over;
}

/** Resolves when the promise does, or when the time is over. */
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
