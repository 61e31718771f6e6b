/**
 * What every store behind the port must do (`src/kv/store.ts`); the tests of each store run it. A check gets a fresh,
 * empty world, in which clients share one store and the network can be made faulty.
 */

import { expect, it } from 'vitest';
import type { LinearizableStore, StoreReplace, Token } from '../../src/kv/store.ts';

export interface StoreWorld {
  /** A client of the one store. */
  readonly open: () => LinearizableStore;
  /** Lets time pass until the work is done. */
  readonly run: <Result>(work: Promise<Result>) => Promise<Result>;
  /** The next `replace` does not reach the store, or its reply does not reach the client. */
  readonly loseNext: (what: 'request' | 'answer') => void;
  /** From now on nothing reaches the store. */
  readonly cut: () => void;
}

type Check = (world: StoreWorld) => Promise<void>;

const KEY = 'k';
const WRITERS = 8;
const ROUNDS = 5;

/** By name: what a store must do. */
export const STORE_CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  [
    'reports that a key does not exist',
    async ({ open, run }) => {
      expect(await run(open().read(KEY))).toEqual({ kind: 'absent' });
    },
  ],
  [
    'shows a created value, under the token that the creator got',
    async ({ open, run }) => {
      const token = tokenOf(await run(open().replace(KEY, null, 'one')));
      expect(await run(open().read(KEY))).toEqual({ kind: 'found', text: 'one', token });
    },
  ],
  [
    'creates only if the key does not exist',
    async ({ open, run }) => {
      const token = tokenOf(await run(open().replace(KEY, null, 'one')));
      expect(await run(open().replace(KEY, null, 'two'))).toMatchObject({ kind: 'refused' });
      expect(await run(open().read(KEY))).toEqual({ kind: 'found', text: 'one', token });
    },
  ],
  [
    'replaces from a token of a read, and from one of a replacement',
    async ({ open, run }) => {
      const store = open();
      await run(store.replace(KEY, null, 'one'));
      const read = await run(store.read(KEY));
      if (read.kind !== 'found') throw new Error(`it tells ${read.kind}`);
      const second = tokenOf(await run(store.replace(KEY, read.token, 'two')));
      const third = tokenOf(await run(store.replace(KEY, second, 'three')));
      expect(await run(store.read(KEY))).toEqual({ kind: 'found', text: 'three', token: third });
      expect(new Set([read.token, second, third]).size).toBe(3);
    },
  ],
  [
    'refuses an outdated token, and changes nothing',
    async ({ open, run }) => {
      const store = open();
      const old = tokenOf(await run(store.replace(KEY, null, 'one')));
      const token = tokenOf(await run(store.replace(KEY, old, 'two')));
      const refused = await run(store.replace(KEY, old, 'three'));
      expect(refused).toMatchObject({ kind: 'refused', error: { message: expect.stringMatching(/./) } });
      expect(await run(store.read(KEY))).toEqual({ kind: 'found', text: 'two', token });
    },
  ],
  [
    'creates nothing when asked to replace',
    async ({ open, run }) => {
      const store = open();
      const token = tokenOf(await run(store.replace('another', null, 'one')));
      expect(await run(store.replace(KEY, token, 'two'))).toMatchObject({ kind: 'refused' });
      expect(await run(store.read(KEY))).toEqual({ kind: 'absent' });
    },
  ],
  [
    'accepts a token that another client got',
    async ({ open, run }) => {
      const token = tokenOf(await run(open().replace(KEY, null, 'one')));
      expect(await run(open().replace(KEY, token, 'two'))).toMatchObject({ kind: 'ok' });
    },
  ],
  [
    'keeps keys apart and texts as they are',
    async ({ open, run }) => {
      const store = open();
      const texts = new Map([
        ['a', '{"ver":1}'],
        ['a/b', '{"text":"ä 雪 \\u0000 \\" ❄️"}'],
        ['a/b%2Fc', ' blanks  and\nlines\n'],
        ['A', 'x'.repeat(100_000)],
      ]);
      for (const [key, text] of texts) expect(await run(store.replace(key, null, text))).toMatchObject({ kind: 'ok' });
      for (const [key, text] of texts) expect(await run(open().read(key))).toMatchObject({ kind: 'found', text });
    },
  ],
  [
    'lets one of many replacements from one token succeed, and shows it to all',
    async ({ open, run }) => {
      const stores = Array.from({ length: WRITERS }, open);
      for (let round = 0, from: Token | null = null; round < ROUNDS; round++) {
        const results: StoreReplace[] = await run(
          Promise.all(stores.map((store, index) => store.replace(KEY, from, `${round} of ${index}`))),
        );
        const winners = results.flatMap(({ kind }, index) => (kind === 'ok' ? [index] : []));
        expect(winners).toHaveLength(1);
        const token = tokenOf(results[winners[0] as number] as StoreReplace);
        const reads = await run(Promise.all(stores.map((store) => store.read(KEY))));
        for (const read of reads) expect(read).toEqual({ kind: 'found', text: `${round} of ${winners[0]}`, token });
        from = token;
      }
    },
  ],
  [
    'loses no update of many concurrent counters, and never shows an older count',
    async ({ open, run }) => {
      const count = async (store: LinearizableStore) => {
        let done = 0;
        let newest = 0;
        while (done < ROUNDS) {
          const read = await store.read(KEY);
          const value = read.kind === 'found' ? Number(read.text) : 0;
          expect(value).toBeGreaterThanOrEqual(newest);
          newest = value;
          const from = read.kind === 'found' ? read.token : null;
          const result = await store.replace(KEY, from, String(value + 1));
          if (result.kind === 'ok') [done, newest] = [done + 1, value + 1];
        }
      };
      await run(Promise.all(Array.from({ length: WRITERS }, () => count(open()))));
      expect(await run(open().read(KEY))).toMatchObject({ kind: 'found', text: String(WRITERS * ROUNDS) });
    },
  ],
  [
    'is silent if the reply is lost, and has done it',
    async ({ open, run, loseNext }) => {
      const store = open();
      loseNext('answer');
      const result = await run(store.replace(KEY, null, 'one'));
      expect(result).toMatchObject({ kind: 'silent', error: { message: expect.stringMatching(/./) } });
      expect(await run(store.read(KEY))).toMatchObject({ kind: 'found', text: 'one' });
    },
  ],
  [
    'claims nothing about a lost request',
    async ({ open, run, loseNext }) => {
      const store = open();
      loseNext('request');
      expect(['silent', 'unavailable']).toContain((await run(store.replace(KEY, null, 'one'))).kind);
      expect(await run(store.read(KEY))).toEqual({ kind: 'absent' });
      expect(await run(store.replace(KEY, null, 'two'))).toMatchObject({ kind: 'ok' });
    },
  ],
  [
    'ends every call while it is cut off, and rejects none',
    async ({ open, run, cut }) => {
      const store = open();
      cut();
      const [read, replaced] = await run(Promise.all([store.read(KEY), store.replace(KEY, null, 'one')]));
      expect(read).toMatchObject({ kind: 'failed', error: { message: expect.stringMatching(/./) } });
      expect(['silent', 'unavailable']).toContain(replaced.kind);
    },
  ],
]);

/** Tests that a store does all of this. */
export function describeStore(createWorld: () => StoreWorld | Promise<StoreWorld>): void {
  for (const [name, check] of STORE_CHECKS) it(name, async () => check(await createWorld()));
}

function tokenOf(result: StoreReplace): Token {
  if (result.kind !== 'ok') throw new Error(`it was ${result.kind}: ${result.error.message}`);
  return result.token;
}
