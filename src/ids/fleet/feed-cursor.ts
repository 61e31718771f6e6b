/**
 * A cursor: a place in the feed of a service, as a text. It has no state anywhere, so it outlives every restart, and
 * every instance reads it. Consumers compare and build none: the check at its end tells a cursor of another service, or
 * a cut one, from a right one.
 */

import { keyPart } from '../../kv/key-part.ts';
import { crc32c } from '../../protocol/crc32c.ts';
import { RpcError } from '../../protocol/errors.ts';

/** Before an entry: so many pages, and entries of this page, have been passed. The first page is 0. */
export interface Place {
  readonly page: number;
  readonly position: number;
}

/** Of the texts: the longest cursor has fewer characters. */
export const CURSOR_LENGTH_MAX = 64;

const CURSOR = /^(\d{1,15})\.(\d{1,15})\.[0-9a-z]{1,7}$/;
const CHECK_RADIX = 36;

export function encodeCursor(service: string, { page, position }: Place): string {
  const text = `${page}.${position}`;
  return `${text}.${crc32c(`${keyPart('service', service)}/${text}`).toString(CHECK_RADIX)}`;
}

/** Throws error 12 if it is no cursor of this service. @param field where it stands in the request */
export function decodeCursor(service: string, cursor: string, field: string): Place {
  const [, page = '', position = ''] = CURSOR.exec(cursor) ?? [];
  const place = { page: Number(page), position: Number(position) };
  if (page === '' || encodeCursor(service, place) !== cursor)
    throw RpcError.of('malformed-request', `body.${field}: is no cursor that this service's feed has given`);
  return place;
}

export function isBefore(one: Place, other: Place): boolean {
  return one.page < other.page || (one.page === other.page && one.position < other.position);
}
