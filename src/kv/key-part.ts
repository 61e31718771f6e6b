/** Encodes a name as a part of a key, so that different lists of names never make the same key. */

import { RpcError } from '../protocol/errors.ts';

/** @param field where the name is in the request; error 12 names it if the name is not well-formed text */
export function keyPart(field: string, name: string): string {
  try {
    return encodeURIComponent(name);
  } catch {
    throw RpcError.of('malformed-request', `body.${field}: is not well-formed text`);
  }
}
