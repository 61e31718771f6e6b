/** Which keys are taken, which are refused, and that no text repeats a key. */

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyRing, nameOf } from '../../../src/host/encryption/key-ring.ts';
import { KEY_A, KEY_B, ringOf } from '../../support/encryption.ts';

const PROBLEM = 'is none: a key is 32 bytes, as 64 hexadecimal digits or in base64; openssl rand -hex 32 makes one';

function errorOf(text: string): string {
  try {
    KeyRing.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

describe('keys', () => {
  it('are the same in hexadecimal digits of either case, and in base64', () => {
    const bytes = randomBytes(32);
    const hex = bytes.toString('hex');
    const names = [hex, hex.toUpperCase(), bytes.toString('base64')].map((text) => ringOf(text).names);
    expect(names[0]).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
    expect(names).toEqual([names[0], names[0], names[0]]);
    expect(hex).not.toContain(names[0]?.[0]);
  });

  it('stand on lines of their own, or with commas between them; the first is for writing', () => {
    const [a, b] = [ringOf(KEY_A).names[0], ringOf(KEY_B).names[0]];
    for (const text of [`${KEY_A}\n${KEY_B}\n`, `${KEY_A}\r\n\r\n${KEY_B}`, `${KEY_A},${KEY_B}`])
      expect(KeyRing.parse(text).names).toEqual([a, b]);
    const ring = ringOf(KEY_A, KEY_B, 'plain');
    expect(nameOf(ring.first)).toBe(a);
    expect(ring.names).toEqual([a, b, 'plain']);
    expect(ring.find(b as string)?.bytes.toString('hex')).toBe(KEY_B);
    expect(ring.find('plain')).toBeUndefined();
    expect(nameOf(ringOf('plain', KEY_A).first)).toBe('plain');
  });

  it.each([
    ['', 'there is no key in it'],
    [' \n', 'there is no key in it'],
    ['plain', 'there is no key in it, only the word plain'],
    ['s3cret', `key 1 in it ${PROBLEM}`],
    [`${KEY_A}0`, `key 1 in it ${PROBLEM}`],
    [KEY_A.slice(1), `key 1 in it ${PROBLEM}`],
    [`${KEY_A} plain ${'g'.repeat(64)}`, `key 3 in it ${PROBLEM}`],
    [Buffer.alloc(31).toString('base64'), `key 1 in it ${PROBLEM}`],
    [Buffer.alloc(33).toString('base64'), `key 1 in it ${PROBLEM}`],
    // The last digit has bits that no byte has.
    [`${'A'.repeat(42)}B=`, `key 1 in it ${PROBLEM}`],
    [Buffer.alloc(32, 255).toString('base64url'), `key 1 in it ${PROBLEM}`],
  ])('are refused, and not repeated: %j', (text, problem) => {
    expect(errorOf(text)).toBe(problem);
  });

  it('are not changed if those who use them need others', async () => {
    const ring = ringOf(KEY_A);
    const changes: string[] = [];
    ring.serve({
      require: async (others) => others.requireName(ringOf(KEY_A).names[0] as string, 'log-1'),
      changed: () => changes.push(nameOf(ring.first)),
    });
    await expect(ring.replace(ringOf(KEY_B))).rejects.toThrow('log-1: it is encrypted with the key');
    expect(nameOf(ring.first)).toBe(ringOf(KEY_A).names[0]);
    await ring.replace(ringOf(KEY_B, KEY_A));
    expect(changes).toEqual([ringOf(KEY_B).names[0]]);
  });

  it('change one after another, and are asked for what is there by then', async () => {
    const ring = ringOf(KEY_A);
    const asked: string[] = [];
    ring.serve({
      require: async (others) => {
        asked.push(`${nameOf(ring.first)} to ${nameOf(others.first)}`);
        await new Promise((resolve) => setTimeout(resolve, 1));
        // What is there was written with the first key.
        others.requireName(nameOf(ring.first), 'log-1');
      },
      changed: () => asked.push('changed'),
    });
    const [a, b] = [ringOf(KEY_A).names[0], ringOf(KEY_B).names[0]];
    const changes = [ring.replace(ringOf(KEY_B, KEY_A)), ring.replace(ringOf(KEY_A))];
    const outcomes = await Promise.allSettled(changes);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(ring.names).toEqual([b, a]);
    expect(asked).toEqual([`${a} to ${b}`, `${b} to ${b}`, 'changed', `${b} to ${a}`]);
  });

  it('are as they were if something was written meanwhile that needs them', async () => {
    const ring = ringOf(KEY_A);
    const [a, b] = [ringOf(KEY_A).names[0] as string, ringOf(KEY_B).names[0] as string];
    const written = [b];
    const changes: string[] = [];
    ring.serve({
      require: async (others) => {
        for (const name of written) others.requireName(name, 'log-1');
        written.push(a);
      },
      changed: () => changes.push(nameOf(ring.first)),
    });
    await expect(ring.replace(ringOf(KEY_B))).rejects.toThrow(`log-1: it is encrypted with the key ${a}`);
    expect(ring.names).toEqual([a]);
    // What was written with the new first key in between is not to stay.
    expect(changes).toEqual([a]);
  });
});
