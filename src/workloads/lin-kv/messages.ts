/**
 * lin-kv: registers by key. Clients send Maelstrom's messages; the rest passes between nodes.
 *
 *     {"type": "read", "key": 1} → {"type": "read_ok", "value": 3}                or error 20
 *     {"type": "write", "key": 1, "value": 3} → {"type": "write_ok"}
 *     {"type": "cas", "key": 1, "from": 3, "to": 4} → {"type": "cas_ok"}          or error 20, 22
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';

export const Read = defineRpc('read', 'The value of a register.', { key: z.unknown() }, { value: z.unknown() });
export const Write = defineRpc('write', 'Sets a register.', { key: z.unknown(), value: z.unknown() }, {});
export const Cas = defineRpc(
  'cas',
  'Sets a register to `to` if its value is `from`.',
  { key: z.unknown(), from: z.unknown(), to: z.unknown() },
  {},
);

/** Which disk and which life of a node. */
const life = { incarnation: z.int().min(1), epoch: z.int().min(1) };

/** A number, what to do, and with what: `[7, "cas", 1, 3, 4]`. */
const ForwardedRequest = z.tuple([z.int().min(1), z.enum(['read', 'write', 'cas'])]).rest(z.unknown());
/** The number, an error code or 0, and the value that was read: `[7, 0, 3]`. */
const ForwardedResult = z.tuple([z.int().min(1), z.int().min(0)]).rest(z.unknown());

export const Forward = defineRpc(
  'lin_kv_forward',
  'Requests for the leader, from one life of a node. It asks none with a number below `low` again.',
  { ...life, low: z.int().min(1), requests: z.array(ForwardedRequest) },
  {},
);
export const Results = defineRpc(
  'lin_kv_results',
  'What became of forwarded requests: each a number, an error code or 0, and the value that was read.',
  { ...life, results: z.array(ForwardedResult) },
  {},
);
