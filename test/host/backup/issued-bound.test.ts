/** Where ids go on after a restore, and when that cannot be known. */

import { describe, expect, it } from 'vitest';
import { issuedBound, SLACK_MS_DEFAULT } from '../../../src/host/backup/issued-bound.ts';
import { AHEAD_MS_MAX } from '../../../src/ids/fleet/restored-numbers.ts';
import { TIMESTAMP_MS_MAX } from '../../../src/ids/snowflake.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';

const AHEAD_MS = AHEAD_MS_MAX + SLACK_MS_DEFAULT;
const BY_CLOCK = { slackMs: SLACK_MS_DEFAULT };
const times = (newestBoundMs: number | undefined) => ({ at: T, newestBoundMs });

describe('the first timestamp of a restored service', () => {
  it('is above all that an instance can have been ahead of the clock', () => {
    expect(issuedBound(BY_CLOCK, times(undefined), T + 5.5)).toBe(T + 5 + AHEAD_MS);
    expect(issuedBound({ slackMs: 3000 }, times(T + AHEAD_MS), T)).toBe(T + AHEAD_MS_MAX + 3000);
  });

  it('is directly behind the newest id, if that is known', () => {
    expect(issuedBound({ issuedUntilMs: T + 7 }, times(T + 100 * AHEAD_MS), T - 1)).toBe(T + 8);
  });

  it('is not known if the clock is behind the backup', () => {
    expect(() => issuedBound(BY_CLOCK, times(undefined), T - 1)).toThrow(
      /the clock here shows .*, and the backup is of .*, so one of these clocks is wrong.*--issued-until/,
    );
  });

  it('is not known if the old service was further ahead of the clock than it may be', () => {
    expect(() => issuedBound(BY_CLOCK, times(T + AHEAD_MS + 1), T + AHEAD_MS)).toThrow(
      /had reserved ids up to .*, so a clock was wrong.*--issued-until/,
    );
    expect(issuedBound({ slackMs: 2 * SLACK_MS_DEFAULT }, times(T + AHEAD_MS + 1), T)).toBeGreaterThan(T + AHEAD_MS);
  });

  it('must be a timestamp', () => {
    expect(() => issuedBound(BY_CLOCK, times(undefined), TIMESTAMP_MS_MAX)).toThrow(/their timestamps end in 2094/);
  });
});
