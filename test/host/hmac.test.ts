import { createHash, createHmac, hash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyedChainHash, plainChainHash } from '../../src/host/audit-hash.ts';
import { createHmacSha256 } from '../../src/host/hmac.ts';
import { createPersonalHash } from '../../src/host/personal-hash.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const TEXTS = ['', 'a', '+491701234567', 'ünïcödé 😀', '\ud800', 'x'.repeat(4096), 'ä'.repeat(3000)];
const random = new SeededRandom('hmac');
const drawn = Array.from({ length: 200 }, () => randomBytes(random.integer(6000)).toString('latin1'));

const expected = (secret: Buffer, text: string) => createHmac('sha256', secret).update(text).digest();

describe('HMAC-SHA-256', () => {
  // RFC 4231, test cases 1, 2 and 6: a short key, a shorter one, and one that is longer than a block.
  it.each([
    ['0b'.repeat(20), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    ['4a656665', 'what do ya want for nothing?', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    [
      'aa'.repeat(131),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ])('is that of the RFC with the key %s', (key, text, digest) => {
    const secret = Buffer.from(key, 'hex');
    const right = Buffer.from(digest, 'hex').toString('base64url');
    expect(createHmacSha256(secret)(text)).toBe(right);
    expect(createHmacSha256(secret, {})(text)).toBe(right);
  });

  it('is that of node:crypto, for any key and text', () => {
    for (const length of [0, 1, 32, 63, 64, 65, 200]) {
      const secret = randomBytes(length);
      const one = createHmacSha256(secret);
      for (const text of [...TEXTS, ...drawn]) expect(one(text)).toBe(expected(secret, text).toString('base64url'));
    }
  });
});

it('a personal hash is the first 128 bits of one', () => {
  const secret = randomBytes(32);
  const personal = createPersonalHash(secret.toString('base64'));
  for (const text of [...TEXTS, ...drawn])
    expect(personal(text)).toBe(`p-${expected(secret, text).subarray(0, 16).toString('base64url')}`);
});

it('a chain of an audit is hashed over the hash before and the text', () => {
  const secret = randomBytes(40);
  const keyed = keyedChainHash(secret);
  for (const text of TEXTS) {
    expect(plainChainHash('before', text)).toBe(createHash('sha256').update(`before\n${text}`).digest('base64url'));
    expect(keyed('before', text)).toBe(expected(secret, `before\n${text}`).toString('base64url'));
  }
  expect(plainChainHash('', '')).toBe(hash('sha256', '\n', 'base64url'));
});
