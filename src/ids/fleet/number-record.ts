/**
 * What the store knows of a node number: who holds it, and up to which timestamp it was given out. One document a
 * number, `node/<n>`.
 */

import * as z from 'zod';
import { Documents } from '../../kv/documents.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';

export const NumberRecord = z.object({
  /**
   * `<identity>/<one claim of it>`, the identity being the node's id or what stands for it; null: it was given back.
   */
  holder: z.string().nullable(),
  /**
   * Unix ms, exclusive: all below belongs to this holder or earlier ones. Null: nothing was given out yet.
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

/** A name for one claim, that no other claim has, of whatever life. */
export function newHolder(identity: string, randomUint32: () => number): string {
  const token = [randomUint32(), randomUint32()].map((word) => word.toString(16).padStart(8, '0')).join('');
  return `${identity}/${token}`;
}

export function identityOf(holder: string): string {
  return holder.slice(0, holder.lastIndexOf('/'));
}
