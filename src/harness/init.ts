/**
 * The `init` that the harness sends: `{"type": "init", "node_id": "n0", "node_ids": [...]}` → `{"type": "init_ok"}`.
 */

import * as z from 'zod';
import { defineRpc } from '../protocol/rpc.ts';

export const Init = defineRpc(
  'init',
  'Tells a node who it is and who else there is.',
  { node_id: z.string(), node_ids: z.array(z.string()) },
  {},
  { closed: false },
);
