/** The messages of broadcast, as Maelstrom defines them. */

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
