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

/**
 * Throws an RpcError, code 12, for a value that is too long, or whose numbers would not come back as they are.
 *
 * @param name how the error names it: `body.msg`
 */
export function requireValue(value: unknown, name: string): void {
  requireKept(value, name);
  const { length } = stringifyExact(value ?? null);
  if (length <= VALUE_LENGTH_MAX) return;
  throw RpcError.of('malformed-request', `${name}: it has ${length} characters of JSON, at most ${VALUE_LENGTH_MAX}`);
}

/** Throws an RpcError, code 12, for a value with a number that a double may have rounded. */
export function requireKept(value: unknown, name: string): void {
  if (isKept(value)) return;
  const text = `${name}: has a number that would be rounded: only those up to ±(2^53 − 1) are kept`;
  throw RpcError.of('malformed-request', text);
}

/** Whether all numbers in a value are as they were written. Those beyond 2^53 may have been others. */
function isKept(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return typeof value !== 'object' || value === null || Object.values(value).every(isKept);
}
