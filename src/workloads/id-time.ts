/** When a request id was made: a UUIDv7 and a Snowflake of ours tell it. */

import { decodeSnowflake } from '../ids/snowflake.ts';
import { decodeUuid } from '../ids/uuid.ts';
import { RpcError } from '../protocol/errors.ts';

/** Unix ms; undefined: the id does not tell. */
export function timeOfId(id: string): number | undefined {
  try {
    return (id.includes('-') ? decodeUuid(id) : decodeSnowflake(id)).timestampMs;
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}
