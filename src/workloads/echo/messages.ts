/**
 * echo: whatever a client sends comes back.
 *
 * `{"type": "echo", "echo": V}` → `{"type": "echo_ok", "echo": V}`, V being any JSON value. The stock workload of
 * Maelstrom that proves that a node speaks the protocol at all.
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';

export const Echo = defineRpc(
  'echo',
  'Answers with the value it was sent.',
  { echo: z.unknown() },
  { echo: z.unknown() },
);
