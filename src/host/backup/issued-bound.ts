/** Above which timestamp the ids of a restored service begin: above all that the old service can have issued. */

import { AHEAD_MS_MAX } from '../../ids/fleet/restored-numbers.ts';
import { TIMESTAMP_MS_MAX } from '../../ids/snowflake.ts';
import { formatTimestamp } from '../../protocol/timestamp.ts';
import { BackupError } from './format.ts';

/**
 * How much later the old service's ids can be than its limit allows by the clock of the restore, ms. A minute is for
 * instances that are still alive, with the range that they had reserved, the rest for `--max-lead` and wrong clocks.
 */
export const SLACK_MS_DEFAULT = 120_000;

/** `issuedUntilMs`: the operator knows that no id was issued with a later timestamp. `slackMs`: it rests on clocks. */
export type IssuedRule = { readonly issuedUntilMs: number } | { readonly slackMs: number };

/** What the backup tells of time, unix ms. */
export interface BackupTimes {
  readonly at: number;
  /** The newest bound of a node number in it; undefined: there is none. */
  readonly newestBoundMs: number | undefined;
}

/**
 * The first timestamp that is free, unix ms. Throws a {@link BackupError} if the clocks show that it cannot be known.
 *
 * @param nowMs by the clock of the machine that restores
 */
export function issuedBound(rule: IssuedRule, { at, newestBoundMs = at }: BackupTimes, nowMs: number): number {
  if ('issuedUntilMs' in rule) return requireTimestamp(rule.issuedUntilMs + 1);
  const advice =
    'Set the clock right, or give --issued-until with a time that no id of the old service is later than: ' +
    '"snowstorm id decode" shows the time of an id';
  if (nowMs < at)
    throw new BackupError(
      `the clock here shows ${formatTimestamp(nowMs)}, and the backup is of ${formatTimestamp(at)}, so one of these ` +
        `clocks is wrong, and it cannot be told where ids must go on. ${advice}`,
    );
  const aheadMs = AHEAD_MS_MAX + Math.max(rule.slackMs, SLACK_MS_DEFAULT);
  if (newestBoundMs > at + aheadMs)
    throw new BackupError(
      `the old service had reserved ids up to ${formatTimestamp(newestBoundMs)}, and the backup is of ` +
        `${formatTimestamp(at)}, so a clock was wrong, and it cannot be told where ids must go on. ${advice}`,
    );
  return requireTimestamp(Math.floor(nowMs) + AHEAD_MS_MAX + rule.slackMs);
}

function requireTimestamp(boundMs: number): number {
  if (boundMs <= TIMESTAMP_MS_MAX) return boundMs;
  throw new BackupError(`ids cannot go on behind ${formatTimestamp(boundMs)}: their timestamps end in 2094`);
}
