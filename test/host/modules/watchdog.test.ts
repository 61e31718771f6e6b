/** When a node counts as one that does not return. */

import { describe, expect, it } from 'vitest';
import { StepLimit } from '../../../src/host/modules/watchdog.ts';
import { IS_ACTING, STEPS } from '../../../src/simulator/acting.ts';

/** How many looks it takes until the limit is exceeded, at most 30. */
function looksUntilExceeded(change: (beat: Int32Array, look: number) => void): number {
  const beat = new Int32Array(2);
  const limit = new StepLimit(beat);
  for (let look = 1; look <= 30; look++) {
    change(beat, look);
    if (limit.isExceeded()) return look;
  }
  return Number.POSITIVE_INFINITY;
}

describe('a node', () => {
  it('is endless after ten looks at the same step', () => {
    expect(looksUntilExceeded((beat) => beat.fill(1))).toBe(11);
  });

  it('that makes a step now and then is not', () => {
    const slow = (beat: Int32Array, look: number) => {
      beat[IS_ACTING] = 1;
      if (look % 9 === 0) (beat[STEPS] as number)++;
    };
    expect(looksUntilExceeded(slow)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is not meant while a checker takes its time', () => {
    expect(looksUntilExceeded(() => {})).toBe(Number.POSITIVE_INFINITY);
  });
});
