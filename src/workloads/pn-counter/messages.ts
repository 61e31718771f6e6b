/** The messages of g-counter and pn-counter: those of clients as Maelstrom defines them, and that between our nodes. */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';
import { Slot } from './slots.ts';

export const Add = defineRpc(
  'add',
  'Adds a number to the counter. Of g-counter it must not be negative.',
  { delta: z.int() },
  {},
);

export const Read = defineRpc('read', 'Answers with the sum that the node knows.', {}, { value: z.int() });

/** The epoch of one life of a node, a space, and the number of a change in it. */
const Cursor = z.string().max(64);
const Slots = z.array(Slot).describe('Node, epoch of its life, what that life added, what it took away.');
const More = z.literal(true).exactOptional().describe('More slots follow after these.');

export const CounterGossip = defineRpc(
  'counter_gossip',
  'Between nodes: each gets the slots that it lacks. They are durable before the reply.',
  {
    cursor: Cursor.describe('What the receiver knows of the sender, once it has these slots.'),
    since: Cursor.exactOptional().describe('The newest cursor of the receiver that the sender has.'),
    digest: z.string().max(64).describe('Of all slots that the sender has.'),
    slots: Slots,
    more: More,
  },
  {
    cursor: Cursor.describe('The same of the replying node.'),
    slots: Slots,
    more: More,
    differs: z
      .literal(true)
      .exactOptional()
      .describe('Neither has news, and yet the digests differ: both begin anew, from nothing.'),
  },
);
