/** What nodes refuse of requests before anything is done. */

import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import { stringifyExact } from '../protocol/exact-json.ts';

/**
 * The longest value of a client, in characters of JSON. It is escaped once or twice more on its way to other nodes and
 * stores, and must still fit into a line there.
 */
const VALUE_LENGTH_MAX = 250_000;

/** Throws an RpcError, code 12, for what only nodes of the cluster may send. */
export function requireNode({ nodeIds }: Pick<NodeContext, 'nodeIds'>, src: string): void {
  if (!nodeIds.includes(src)) throw RpcError.of('malformed-request', 'src: only nodes of node_ids may send this');
}

/** Throws an RpcError, code 12, for a value that is too long. @param name how the error names it: `body.msg` */
export function requireShort(value: unknown, name: string): void {
  const { length } = stringifyExact(value ?? null);
  if (length <= VALUE_LENGTH_MAX) return;
  throw RpcError.of('malformed-request', `${name}: it has ${length} characters of JSON, at most ${VALUE_LENGTH_MAX}`);
}
