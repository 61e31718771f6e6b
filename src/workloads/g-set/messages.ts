/** The messages of g-set, as Maelstrom defines them. */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';

export const Add = defineRpc('add', 'Adds an element to the set.', { element: z.unknown() }, {});

export const Read = defineRpc(
  'read',
  'Answers with all elements that the node knows, in any order.',
  {},
  { value: z.array(z.unknown()).nullable() },
);
