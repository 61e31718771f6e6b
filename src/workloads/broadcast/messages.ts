/**
 * The messages of broadcast, as Maelstrom defines them, and those by which our nodes spread what they know:
 *
 *     {"type": "spread", "runs": [["n1", 7, 0, [12, 15]]], "relay": true}
 *     {"type": "compare", "known": [["n1", 7, 2], ["n2", 9, 5]]}
 *
 * The log of `n1` in the epoch 7 has 12 as its entry 0 and 15 as its entry 1. Neither message has a reply.
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';

export const Topology = defineRpc(
  'topology',
  'Names the neighbours of every node. A node may ignore it.',
  { topology: z.record(z.string(), z.array(z.string())) },
  {},
);

export const Broadcast = defineRpc(
  'broadcast',
  'Gives a value, which all nodes must show in the end.',
  { message: z.unknown() },
  {},
);

export const Read = defineRpc(
  'read',
  'Answers with all values that the node knows, in any order.',
  {},
  { messages: z.array(z.unknown()).nullable() },
);

const Origin = z.string();
const Whole = z.int().min(0);

const Known = z
  .array(z.tuple([Origin, Whole, Whole]))
  .describe('All that the sender knows: origin and epoch of a log, and how many of its entries.');

export const Spread = defineRpc(
  'spread',
  'Between nodes, without a reply: entries of logs. A node ignores those that it has.',
  {
    runs: z
      .array(z.tuple([Origin, Whole, Whole, z.array(z.unknown())]))
      .describe('Consecutive entries: origin and epoch of their log, the number of the first one, and all of them.'),
    relay: z.literal(true).exactOptional().describe('The receiver is to pass on to all others what it did not have.'),
    more: z
      .boolean()
      .exactOptional()
      .describe(
        'Whether the sender has more that the receiver lacks, to be pulled next. The answer to a pull always says it.',
      ),
    hub: z.literal(true).exactOptional().describe('The sender is a hub, to which all others send what they are told.'),
    known: Known.exactOptional(),
  },
  {},
);

export const Compare = defineRpc(
  'compare',
  'Between nodes, without a reply: what the sender knows. A node that lacks some of it for a while pulls it.',
  {
    known: Known,
    pull: z.literal(true).exactOptional().describe('The receiver is to send what the sender lacks.'),
    hub: z.literal(true).exactOptional().describe('The sender is a hub, to which all others send what they are told.'),
  },
  {},
);
