/**
 * HMAC-SHA-256 (RFC 2104) of short texts, as 43 digits of base64url. `createHmac` makes a stream for each, which costs
 * two to five times as much, and an audit has several for each request.
 */

import * as crypto from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
/** A buffer of this size is kept. */
const TEXT_BYTES = 4096;

type OneShot = Pick<Partial<typeof crypto>, 'hash'>;

/** @param hash absent before Node 20.12: then it is `createHmac` */
export function createHmacSha256(secret: Buffer, { hash }: OneShot = crypto): (text: string) => string {
  if (hash === undefined) {
    const key = crypto.createSecretKey(secret);
    return (text) => crypto.createHmac('sha256', key).update(text).digest('base64url');
  }
  const key = secret.length > BLOCK_BYTES ? hash('sha256', secret, 'buffer') : secret;
  const innerPad = padded(key, INNER_PAD);
  const kept = Buffer.concat([innerPad, Buffer.alloc(TEXT_BYTES)]);
  const outer = Buffer.concat([padded(key, OUTER_PAD), Buffer.alloc(DIGEST_BYTES)]);
  return (text) => {
    const length = Buffer.byteLength(text);
    const inner = length <= TEXT_BYTES ? kept : Buffer.concat([innerPad, Buffer.alloc(length)]);
    inner.write(text, BLOCK_BYTES);
    outer.write(hash('sha256', inner.subarray(0, BLOCK_BYTES + length), 'binary'), BLOCK_BYTES, 'binary');
    return hash('sha256', outer, 'base64url');
  };
}

function padded(key: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  key.copy(block);
  return block.map((byte) => byte ^ pad) as Buffer;
}
