/**
 * The messages of txn-list-append and txn-rw-register. A transaction is a list of micro-operations `[f, key, value]`;
 * it is answered with the same list, and in it the values that were read. Source: Maelstrom's workloads of these names.
 */

import * as z from 'zod';
import { canonicalKey } from '../protocol/exact-json.ts';
import { defineRpc } from '../protocol/rpc.ts';

/** One access: `r` reads, every other name writes. */
export type Mop = [f: string, key: unknown, value: unknown];

export const READ = 'r';

/**
 * The RPC `txn`. Its reply is declared as in Maelstrom: it may hold other micro-operations than the request.
 *
 * @param write the name of a write on the wire
 * @param readsLists whether a read finds a list or null; otherwise it finds any value
 */
export function defineTxn(write: string, readsLists: boolean) {
  const mop = z.tuple([z.enum([READ, write]), z.unknown(), z.unknown()]);
  const answered = mop.refine(([f, , value]) => f !== READ || !readsLists || value === null || Array.isArray(value), {
    error: 'a read must find a list or null',
  });
  return defineRpc(
    'txn',
    'Executes a transaction, and answers with it as it was executed: with what its reads found.',
    { txn: z.array(mop) },
    { txn: z.array(answered).nullable() },
  );
}

/** The text by which a node knows a key. Two keys share it exactly when they are equal as JSON. */
export function keyText(key: unknown): string {
  return canonicalKey(key ?? null);
}

export function onlyReads(txn: readonly Mop[]): boolean {
  return txn.every(([f]) => f === READ);
}
