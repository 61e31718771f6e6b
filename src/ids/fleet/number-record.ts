/**
 * What the store knows of a node number: its holder, and up to which timestamp it was given out. One document for each
 * number, `node/<n>`.
 */

import * as z from 'zod';
import { Documents } from '../../kv/documents.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';

export const NumberRecord = z.object({
  /** `<identity>/<claim>`. The identity is the node's id or its substitute. Null: the number was returned. */
  holder: z.string().nullable(),
  /**
   * Unix ms, exclusive: everything below belongs to this holder or to earlier ones. Null: nothing was given out yet.
   * Invariant: never lowered.
   */
  until: z.int().nullable(),
});
export type NumberRecord = z.infer<typeof NumberRecord>;

export function numberKey(number: number): string {
  return `node/${number}`;
}

export function numberRecords(context: NodeContext, kv: LinearizableStore): Documents<NumberRecord> {
  return new Documents({ kv, context, name: 'node number', schema: NumberRecord });
}

/** A name for one claim, unique among all claims of all lives. */
export function newHolder(identity: string, randomUint32: () => number): string {
  const token = [randomUint32(), randomUint32()].map((word) => word.toString(16).padStart(8, '0')).join('');
  return `${identity}/${token}`;
}

export function identityOf(holder: string): string {
  return holder.slice(0, holder.lastIndexOf('/'));
}
