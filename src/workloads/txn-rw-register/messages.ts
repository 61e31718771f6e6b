/**
 * txn-rw-register: transactions that write registers and read them.
 *
 *     {"type": "txn", "txn": [["r", 5, null], ["w", 5, 3]]} → {"type": "txn_ok", "txn": [["r", 5, 1], ["w", 5, 3]]}
 *
 * A register that was never written is read as null. The other messages are between nodes.
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';
import { defineTxn } from '../transactions.ts';

export const Txn = defineTxn('w', false);

/** By origin, the number up to which its transactions are seen. */
const Seen = z.record(z.string(), z.int().min(1));

/** A transaction that writes, as it is replicated: whole, or not at all. */
export const Committed = z.object({
  origin: z.string().describe('The node that executed it, and the beginning of its journal.'),
  number: z.int().min(1).describe('Its place among the transactions of its origin, without gaps.'),
  stamp: z.int().min(0).describe('Of two writes to a register the greater stamp wins; if equal, the greater origin.'),
  seen: Seen.describe('What it may depend on: what its node has seen since the one before it.'),
  writes: z.array(z.tuple([z.string(), z.unknown()])).describe('The last write to each register, by its key as JSON.'),
});
export type Committed = z.infer<typeof Committed>;

/** What a node says of itself with every message. */
const sender = {
  origin: z.string().describe('The origin of the transactions of the sender.'),
  seen: Seen.describe('What is on the disk of the sender.'),
};

export const Replicate = defineRpc(
  'txn_replicate',
  'Between nodes: transactions in an order in which they can be applied. Without any it asks what the other has seen.',
  { ...sender, committed: z.array(Committed) },
  sender,
);

/** A register, with the stamp and origin of its last write. */
const Register = z.tuple([z.string(), z.unknown(), z.int(), z.string()]);

export const Restore = defineRpc(
  'txn_restore',
  'Between nodes: a part of all registers, for a node that lacks transactions which are no longer kept one by one.',
  {
    ...sender,
    snapshot: z.int().describe('The same in all its parts.'),
    part: z.int().min(0),
    parts: z.int().min(1),
    state: Seen.describe('What the registers show.'),
    stamp: z.int().min(0).describe('The greatest of all stamps.'),
    registers: z.array(Register),
  },
  sender,
);
