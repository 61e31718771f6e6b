/** A name as a part of a key, so that no two rows of names make one key. */

import { RpcError } from '../protocol/errors.ts';

/** @param field where the name stands in the request; error 12 names it when the name is not well-formed text */
export function keyPart(field: string, name: string): string {
  try {
    return encodeURIComponent(name);
  } catch {
    throw RpcError.of('malformed-request', `body.${field}: is not well-formed text`);
  }
}
