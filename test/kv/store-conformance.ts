/**
 * What every store behind the port must do (`src/kv/store.ts`); the tests of each store run it. A check gets a fresh,
 * empty world, in which clients share one store and the network can be made faulty.
 */

import { expect, it } from 'vitest';
import type { LinearizableStore, StoreEngine, StoreReplace, Token } from '../../src/kv/store.ts';

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

/** The world of an engine, which can list and remove as well. */
export interface EngineWorld extends StoreWorld {
  readonly open: () => StoreEngine;
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

type EngineCheck = (world: EngineWorld) => Promise<void>;

/** U+FFEE is before the others by its UTF-8, and after them by its UTF-16. */
const LISTED = ['a/', 'a/B', 'a/b', 'a/b/c', 'a/é', 'a/\uffee', 'a/😀', 'a/😀b'];

/** By name: what an engine must do beyond that. */
export const ENGINE_CHECKS: ReadonlyMap<string, EngineCheck> = new Map<string, EngineCheck>([
  [
    'lists the keys with a prefix, ascending by their UTF-8',
    async ({ open, run }) => {
      const engine = open();
      expect(await run(engine.list('', undefined, 10))).toEqual({ kind: 'ok', keys: [], more: false });
      for (const key of ['b', '😀', ...LISTED.toReversed(), 'a', 'a0', 'A/']) await run(engine.replace(key, null, key));
      expect(await run(open().list('a/', undefined, 100))).toEqual({ kind: 'ok', keys: LISTED, more: false });
      const all = ['A/', 'a', ...LISTED, 'a0', 'b', '😀'];
      expect(await run(engine.list('', undefined, 100))).toEqual({ kind: 'ok', keys: all, more: false });
      expect(await run(engine.list('c', undefined, 100))).toEqual({ kind: 'ok', keys: [], more: false });
    },
  ],
  [
    'lists portions, each after the last key of the one before, and tells whether there are more',
    async ({ open, run }) => {
      const engine = open();
      for (const key of ['a', 'b', ...LISTED]) await run(engine.replace(key, null, key));
      const portions: string[][] = [];
      for (let after: string | undefined, more = true; more; ) {
        const listed = await run(engine.list('a/', after, 2));
        if (listed.kind !== 'ok') throw new Error(`it tells ${listed.kind}`);
        portions.push([...listed.keys]);
        after = listed.keys.at(-1);
        more = listed.more && portions.length <= LISTED.length;
      }
      expect(portions).toEqual([0, 2, 4, 6].map((index) => LISTED.slice(index, index + 2)));
      expect(await run(engine.list('a/', 'a/b0', 1))).toEqual({ kind: 'ok', keys: ['a/é'], more: true });
      expect(await run(engine.list('a/', 'A', 1))).toEqual({ kind: 'ok', keys: ['a/'], more: true });
      expect(await run(engine.list('a/', 'b', 1))).toEqual({ kind: 'ok', keys: [], more: false });
    },
  ],
  [
    'removes the value of a token, for all',
    async ({ open, run }) => {
      const engine = open();
      const token = tokenOf(await run(engine.replace(KEY, null, 'one')));
      await run(engine.replace('kk', null, 'stays'));
      expect(await run(open().remove(KEY, token))).toEqual({ kind: 'ok' });
      expect(await run(open().read(KEY))).toEqual({ kind: 'absent' });
      expect(await run(open().list('', undefined, 10))).toEqual({ kind: 'ok', keys: ['kk'], more: false });
    },
  ],
  [
    'refuses to remove with an outdated token, and changes nothing',
    async ({ open, run }) => {
      const engine = open();
      const old = tokenOf(await run(engine.replace(KEY, null, 'one')));
      const token = tokenOf(await run(engine.replace(KEY, old, 'two')));
      const refused = { kind: 'refused', error: { message: expect.stringMatching(/./) } };
      expect(await run(engine.remove(KEY, old))).toMatchObject(refused);
      expect(await run(engine.remove('another', token))).toMatchObject(refused);
      expect(await run(engine.read(KEY))).toEqual({ kind: 'found', text: 'two', token });
    },
  ],
  [
    'gives a value that is created again another token',
    async ({ open, run }) => {
      const engine = open();
      const old = tokenOf(await run(engine.replace(KEY, null, 'one')));
      await run(engine.remove(KEY, old));
      const token = tokenOf(await run(engine.replace(KEY, null, 'one')));
      expect(token).not.toBe(old);
      expect(await run(engine.replace(KEY, old, 'two'))).toMatchObject({ kind: 'refused' });
      expect(await run(engine.remove(KEY, old))).toMatchObject({ kind: 'refused' });
      expect(await run(engine.read(KEY))).toEqual({ kind: 'found', text: 'one', token });
    },
  ],
  [
    'lets one of many removals and replacements from one token succeed',
    async ({ open, run }) => {
      const engines = Array.from({ length: WRITERS }, open);
      for (let round = 0; round < ROUNDS; round++) {
        const from = tokenOf(await run((engines[0] as StoreEngine).replace(`${round}`, null, 'one')));
        const results = await run(
          Promise.all(
            engines.map((engine, index) =>
              (index + round) % 2 === 0 ? engine.remove(`${round}`, from) : engine.replace(`${round}`, from, 'two'),
            ),
          ),
        );
        const winners = results.flatMap(({ kind }, index) => (kind === 'ok' ? [index] : []));
        expect(winners).toHaveLength(1);
        const isRemoved = ((winners[0] as number) + round) % 2 === 0;
        expect((await run(open().read(`${round}`))).kind).toBe(isRemoved ? 'absent' : 'found');
      }
    },
  ],
  [
    'counts in finite numbers',
    async ({ open, run }) => {
      const engine = open();
      await run(engine.replace(KEY, null, 'one'));
      const figures = Object.values(engine.figures());
      expect(figures.length).toBeGreaterThan(0);
      for (const figure of figures) expect(figure).toSatisfy(Number.isFinite);
    },
  ],
  [
    'ends every call after it was closed, and rejects none',
    async ({ open, run }) => {
      const engine = open();
      const token = tokenOf(await run(engine.replace(KEY, null, 'one')));
      const [inProgress] = await run(Promise.all([engine.replace(KEY, token, 'two'), engine.close()]));
      expect(['ok', 'silent', 'unavailable']).toContain(inProgress.kind);
      const told = { error: { message: expect.stringMatching(/./) } };
      expect(await run(engine.read(KEY))).toMatchObject({ kind: 'failed', ...told });
      expect(await run(engine.list('', undefined, 1))).toMatchObject({ kind: 'failed', ...told });
      const unknown = { kind: expect.stringMatching(/^(silent|unavailable)$/), ...told };
      expect(await run(engine.replace('another', null, 'one'))).toMatchObject(unknown);
      expect(await run(engine.remove(KEY, token))).toMatchObject(unknown);
      await run(engine.close());
    },
  ],
]);

/** Tests that an engine does all that stores and engines must. */
export function describeEngine(createWorld: () => EngineWorld | Promise<EngineWorld>): void {
  describeStore(createWorld);
  for (const [name, check] of ENGINE_CHECKS) it(name, async () => check(await createWorld()));
}

/** Tests that a store does all of this. */
export function describeStore(createWorld: () => StoreWorld | Promise<StoreWorld>): void {
  for (const [name, check] of STORE_CHECKS) it(name, async () => check(await createWorld()));
}

function tokenOf(result: StoreReplace): Token {
  if (result.kind !== 'ok') throw new Error(`it was ${result.kind}: ${result.error.message}`);
  return result.token;
}
