/**
 * echo: a node answers with the value it was sent.
 *
 * `{"type": "echo", "echo": V}` → `{"type": "echo_ok", "echo": V}`, where V is any JSON value. This workload of
 * Maelstrom proves that a node speaks the protocol.
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';

export const Echo = defineRpc(
  'echo',
  'Answers with the value it was sent.',
  { echo: z.unknown() },
  { echo: z.unknown() },
);
