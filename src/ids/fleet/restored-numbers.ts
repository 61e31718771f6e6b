/**
 * Node numbers of a store that was restored from a backup. The old service has gone on after the backup was taken, so
 * it has given out timestamps above the bounds in it, of any number. In the restored store every number, also one that
 * was never used, begins above all of them. `host/backup/README.md` has the argument, and what it assumes of clocks.
 */

import * as z from 'zod';
import { canonicalKey } from '../../protocol/exact-json.ts';
import { NODE_MAX } from '../snowflake.ts';
import { NumberRecord, numberKey } from './number-record.ts';

/**
 * How far the bound of a number may be ahead of an instance's clock when it claims the number, ms. A service that
 * crashes again and again loses the rest of a range each time, and so runs ahead of its clock. With this limit it takes
 * another number then. So a restore knows how far ahead of the clock the ids of the old service can have been.
 */
export const AHEAD_MS_MAX = 600_000;

/** A number as it is stored. */
export const StoredNumber = z.object({ ver: z.int().min(1), ...NumberRecord.shape });
export type StoredNumber = z.infer<typeof StoredNumber>;

export const NUMBER_KEYS: readonly string[] = Array.from({ length: NODE_MAX + 1 }, (_, number) => numberKey(number));

/**
 * The text of a number after a restore. It has no holder, and no bound is lowered.
 *
 * @param before as it is in the backup; undefined: it was never used
 * @param boundMs unix ms; everything below may have been given out
 */
export function restoredNumber(before: StoredNumber | undefined, boundMs: number): string {
  const { ver, until } = before ?? { ver: 0, until: null };
  const record: NumberRecord = { holder: null, until: Math.max(boundMs, until ?? boundMs) };
  return canonicalKey({ ...record, ver: ver + 1 });
}
