/** The key of personal data: one for each store, and never another. */

import { describe, expect, it } from 'vitest';
import { createPersonalHash, newPersonalSecret, readPersonalSecret } from '../../src/host/personal-hash.ts';
import { createRandomUint32, systemClock } from '../../src/host/system.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import { agreeOnPersonalHash, PERSONAL_KEY } from '../../src/kv/personal-key.ts';
import type { LinearizableStore } from '../../src/kv/store.ts';

const context = {
  clock: systemClock,
  randomUint32: createRandomUint32(),
  sleep: (ms: number) => new Promise<true>((resolve) => setTimeout(resolve, ms, true)),
};
const agree = (kv: LinearizableStore, secret?: string) =>
  agreeOnPersonalHash({ kv, context, secret, hashOf: createPersonalHash, newSecret: newPersonalSecret });

describe('the hash of personal data', () => {
  it('is an HMAC-SHA-256 of the text, of which 128 bits are shown', () => {
    // The second test case of RFC 4231: 5bdcc146bf60754e6a042426089575c7….
    const hash = createPersonalHash(Buffer.from('Jefe').toString('base64'));
    const shown = Buffer.from('5bdcc146bf60754e6a042426089575c7', 'hex').toString('base64url');
    expect(hash('what do ya want for nothing?')).toBe(`p-${shown}`);
  });

  it('takes a secret of 32 bytes or more from a file, without the line break at its end', () => {
    expect(readPersonalSecret(Buffer.from(`${'x'.repeat(32)}\n`))).toBe(Buffer.from('x'.repeat(32)).toString('base64'));
    expect(() => readPersonalSecret(Buffer.from(`${'x'.repeat(31)}\n`))).toThrow(
      'a secret has at least 32 bytes, this one has 31',
    );
  });
});

describe('instances of a store', () => {
  it('hash alike with the secret that the first of them makes', async () => {
    const kv = new MemoryEngine();
    const hashes = await Promise.all([agree(kv), agree(kv), agree(kv)]);
    const [first] = hashes.map((hash) => hash('+49301234567'));
    expect(new Set(hashes.map((hash) => hash('+49301234567')))).toEqual(new Set([first]));
    expect((await agree(kv))('+49301234567')).toBe(first);
    expect((await agree(new MemoryEngine()))('+49301234567')).not.toBe(first);
  });

  it('keep the secret of the operator out of the store, and refuse another', async () => {
    const kv = new MemoryEngine();
    const secret = newPersonalSecret();
    const hash = await agree(kv, secret);
    expect((await agree(kv, secret))('ada')).toBe(hash('ada'));
    const read = await kv.read(PERSONAL_KEY);
    expect(read).toMatchObject({ kind: 'found', text: expect.not.stringContaining(secret) });
    await expect(agree(kv, newPersonalSecret())).rejects.toThrow(
      'this is not the key with which names in this store were hashed before',
    );
    await expect(agree(kv)).rejects.toThrow('the key of personal data is not in this store but in a file');
  });

  it('refuse a secret of the operator when the store keeps another', async () => {
    const kv = new MemoryEngine();
    await agree(kv);
    await expect(agree(kv, newPersonalSecret())).rejects.toThrow('this is not the key');
  });

  it('refuse a secret in the store that is not what it was', async () => {
    const kv = new MemoryEngine();
    await agree(kv);
    const read = await kv.read(PERSONAL_KEY);
    if (read.kind !== 'found') throw new Error('there is no key');
    const forged = JSON.stringify({ ...JSON.parse(read.text), secret: newPersonalSecret() });
    await kv.replace(PERSONAL_KEY, read.token, forged);
    await expect(agree(kv)).rejects.toThrow('the key of personal data in this store is damaged');
  });
});
