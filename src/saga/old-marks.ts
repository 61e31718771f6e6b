/**
 * Marks that have been on a participant for a long time. Another node may have finished their sagas. If so, this node
 * finds out and the marks are ended.
 */

import type { Clock } from '../protocol/clock.ts';
import type { FinishedSagas } from './finished-sagas.ts';
import { isEnded, type Mark } from './marks.ts';

/** With so few marks, no look-up is worth it. */
const MARKS_FEW = 8;
/** A mark that has been there so long, by this node's clock, may belong to a saga that another node finished, ms. */
const MARK_OLD_MS = 2000;

export interface OldMarksOptions {
  readonly clock: Clock;
  readonly finished: FinishedSagas;
  /** Finds out whether a saga that this node does not know is finished. If so, notes it. */
  readonly lookUp: (saga: string) => Promise<void>;
}

export class OldMarks {
  readonly #options: OldMarksOptions;
  /** When marks of each saga were first seen, by the monotonic clock. */
  #firstMs: ReadonlyMap<string, number> = new Map();
  #lookingUp = false;

  constructor(options: OldMarksOptions) {
    this.#options = options;
  }

  /** Takes the current marks; looks up the old ones, one after the other. */
  see(marks: readonly Mark[]): void {
    if (marks.length > MARKS_FEW && !this.#lookingUp) void this.#lookUpOld(marks);
  }

  async #lookUpOld(marks: readonly Mark[]): Promise<void> {
    const { clock, finished, lookUp } = this.#options;
    const nowMs = clock.monotonicMs();
    const firstMs = new Map<string, number>();
    for (const mark of marks) {
      const [saga] = mark;
      if (!isEnded(mark) && !finished.has(saga)) firstMs.set(saga, this.#firstMs.get(saga) ?? nowMs);
    }
    this.#firstMs = firstMs;
    this.#lookingUp = true;
    for (const [saga, sinceMs] of firstMs) if (nowMs - sinceMs >= MARK_OLD_MS) await lookUp(saga);
    this.#lookingUp = false;
  }
}
