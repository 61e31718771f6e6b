/**
 * Where handlers get ids from: an IdGenerator, or a wrapper around a generator that changes.
 *
 * Both kinds of ids share one sequence of (timestamp, sequence). So all ids of a node ascend in it.
 * `undefined` means that a reservation is needed: call the method of the same name with `Reserved`. All throw, or
 * reject with, error 11 if a later retry helps. Then nothing was used up.
 */

import type { TextList } from '../protocol/text-list.ts';

export type IdKind = 'snowflake' | 'uuid';

export interface IdSource {
  next(): string | undefined;
  nextUuid(): string | undefined;
  /** `count` ids, ascending, or none. */
  nextBatch(count: number, kind: IdKind): TextList | undefined;
  nextReserved(): Promise<string>;
  nextUuidReserved(): Promise<string>;
  nextBatchReserved(count: number, kind: IdKind): Promise<TextList>;
  /** Numbers by their names, units last, for the metrics of a node. */
  figures(): Readonly<Record<string, number>>;
}
