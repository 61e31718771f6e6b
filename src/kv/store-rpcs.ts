/** The RPCs of Maelstrom's key-value stores that documents need. */

import * as z from 'zod';
import { RpcError } from '../protocol/errors.ts';
import { defineRpc, type RequestInputOf } from '../protocol/rpc.ts';

export const Read = defineRpc('read', 'The value under a key.', { key: z.unknown() }, { value: z.unknown() });

export const CompareAndSet = defineRpc(
  'cas',
  'Replaces the value `from` by `to`.',
  { key: z.unknown(), from: z.unknown(), to: z.unknown(), create_if_not_exists: z.boolean().exactOptional() },
  {},
);

const KEY_DOES_NOT_EXIST = RpcError.of('key-does-not-exist').code;

export interface KvOptions {
  /** How long to wait for each reply, ms. */
  readonly deadlineMs?: number;
}

/** Whether an error says that the key does not exist. */
export function isMissing({ code }: RpcError): boolean {
  return code === KEY_DOES_NOT_EXIST;
}

/** The request that replaces `from` by `to`. If `from` is null, the key must not exist. */
export function casRequest(key: string, from: string | null, to: string): RequestInputOf<typeof CompareAndSet> {
  return { key, from, to, ...(from === null && { create_if_not_exists: true }) };
}
