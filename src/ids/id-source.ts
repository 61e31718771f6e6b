/**
 * Where handlers get ids from: an IdGenerator, or whatever stands before a changing one.
 *
 * Ids of both kinds come out of one row of (timestamp, sequence), so a node's ids ascend in it whatever their kinds
 * are. What is `undefined` at once can be had after a reservation, from the method of the same name with `Reserved`.
 * All throw, or reject with, error 11 where trying again later helps; then nothing was used up.
 */

import type { TextList } from '../protocol/text-list.ts';

export type IdKind = 'snowflake' | 'uuid';

export interface IdSource {
  next(): string | undefined;
  nextUuid(): string | undefined;
  /** So many ids, ascending, or none of them. */
  nextBatch(count: number, kind: IdKind): TextList | undefined;
  nextReserved(): Promise<string>;
  nextUuidReserved(): Promise<string>;
  nextBatchReserved(count: number, kind: IdKind): Promise<TextList>;
  /** Numbers by their names, units last, for the metrics of a node. */
  figures(): Readonly<Record<string, number>>;
}
