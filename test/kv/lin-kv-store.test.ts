/**
 * Maelstrom's lin-kv behind the store port, and the wrong stores that prove of every check of stores that it can fail.
 */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { LinearizableStore, StoreRead, Token } from '../../src/kv/store.ts';
import { LATENCY_MS, LOST, StoreRig } from '../support/store-rig.ts';
import { describeStore, STORE_CHECKS, type StoreWorld } from './store-conformance.ts';

const DEADLINE_MS = 100;

function createWorld(alter: (store: LinearizableStore) => LinearizableStore = (store) => store): StoreWorld {
  const rig = new StoreRig(new Map([['lin-kv', new LinKv()]]));
  let nodeCount = 0;
  return {
    open: () => alter(new LinKvStore(rig.start(`n${nodeCount++}`).context, { deadlineMs: DEADLINE_MS })),
    run: (work) => rig.run(work),
    loseNext: (what) => rig.next(what === 'request' ? 'cas' : 'cas_ok', LOST),
    cut: () => {
      rig.drawFate = ({ dest }) => (dest === 'lin-kv' ? LOST : [LATENCY_MS]);
    },
  };
}

describe('lin-kv as a store', () => {
  describeStore(() => createWorld());

  it.each([1, 10, 11, 12, 14, 20, 21, 22, 30])(
    'is refused with error %i, which proves nothing: it may answer a second copy',
    async (code) => {
      const rig = new StoreRig(new Map([['lin-kv', new LinKv()]]));
      rig.answerNext('cas', { type: 'error', code, text: 'as scripted' });
      const result = await rig.run(new LinKvStore(rig.start('n0').context).replace('k', null, 'one'));
      expect(result).toMatchObject({ kind: 'refused', error: { code } });
    },
  );

  it.each([0, 13, 1000])('is silent with error %i', async (code) => {
    const rig = new StoreRig(new Map([['lin-kv', new LinKv()]]));
    rig.answerNext('cas', { type: 'error', code, text: 'as scripted' });
    const result = await rig.run(new LinKvStore(rig.start('n0').context).replace('k', null, 'one'));
    expect(result).toMatchObject({ kind: 'silent', error: { code } });
  });

  it.each([7, null, [], { ver: 1 }])('reports that %j is not a text', async (value) => {
    const rig = new StoreRig(new Map([['lin-kv', new LinKv()]]));
    rig.look('lin-kv', { type: 'write', key: 'k', value });
    expect(await rig.run(new LinKvStore(rig.start('n0').context).read('k'))).toEqual({ kind: 'foreign' });
  });
});

type Alter = (store: LinearizableStore) => LinearizableStore;

function replacing(store: LinearizableStore, own: Partial<LinearizableStore>): LinearizableStore {
  return {
    name: store.name,
    read: (key) => store.read(key),
    replace: (key, from, text) => store.replace(key, from, text),
    ...own,
  };
}

/** Replaces any value. */
async function overwrite(
  store: LinearizableStore,
  key: string,
  text: string,
): ReturnType<LinearizableStore['replace']> {
  const read = await store.read(key);
  return store.replace(key, read.kind === 'found' ? read.token : null, text);
}

/** Wrong in one way each, with a check that must fail. */
const WRONG: readonly (readonly [string, string, Alter])[] = [
  [
    'reports every key as present',
    'reports that a key does not exist',
    (store) => replacing(store, { read: async () => ({ kind: 'found', text: '', token: '' as Token }) }),
  ],
  [
    'gives a new token with each reply',
    'shows a created value, under the token that the creator got',
    (store) => {
      let count = 0;
      return replacing(store, {
        replace: async (key, from, text) => {
          const result = await store.replace(key, from, text);
          return result.kind === 'ok' ? { kind: 'ok', token: `${count++}` as Token } : result;
        },
      });
    },
  ],
  [
    'creates over what is there',
    'creates only if the key does not exist',
    (store) =>
      replacing(store, {
        replace: (key, from, text) => (from === null ? overwrite(store, key, text) : store.replace(key, from, text)),
      }),
  ],
  [
    'gives the token of the previous value',
    'replaces from a token of a read, and from one of a replacement',
    (store) =>
      replacing(store, {
        replace: async (key, from, text) => {
          const result = await store.replace(key, from, text);
          return result.kind === 'ok' && from !== null ? { kind: 'ok', token: from } : result;
        },
      }),
  ],
  [
    'writes blindly',
    'refuses an outdated token, and changes nothing',
    (store) => replacing(store, { replace: (key, _from, text) => overwrite(store, key, text) }),
  ],
  [
    'creates instead of replacing',
    'creates nothing when asked to replace',
    (store) =>
      replacing(store, {
        replace: async (key, from, text) =>
          (await store.read(key)).kind === 'absent' ? store.replace(key, null, text) : store.replace(key, from, text),
      }),
  ],
  [
    'accepts only tokens that it gave itself',
    'accepts a token that another client got',
    (store) => {
      const own = new Set<Token | null>([null]);
      return replacing(store, {
        replace: async (key, from, text) => {
          const result = await store.replace(key, own.has(from) ? from : ('unknown' as Token), text);
          if (result.kind === 'ok') own.add(result.token);
          return result;
        },
      });
    },
  ],
  [
    'ignores the case of letters',
    'keeps keys apart and texts as they are',
    (store) =>
      replacing(store, {
        read: (key) => store.read(key.toLowerCase()),
        replace: (key, from, text) => store.replace(key.toLowerCase(), from, text),
      }),
  ],
  [
    'reads, compares and writes in three steps',
    'lets one of many replacements from one token succeed, and shows it to all',
    (store) =>
      replacing(store, {
        replace: async (key, from, text) => {
          const read = await store.read(key);
          if (from !== (read.kind === 'found' ? read.token : null)) return store.replace(key, from, text);
          let result = await overwrite(store, key, text);
          while (result.kind === 'refused') result = await overwrite(store, key, text);
          return result;
        },
      }),
  ],
  [
    'always shows its first read',
    'loses no update of many concurrent counters, and never shows an older count',
    (store) => {
      let reads = 0;
      let first: StoreRead | undefined;
      return replacing(store, {
        read: async (key) => {
          if (reads++ % 2 === 1 && first?.kind === 'found') return first;
          const read = await store.read(key);
          first ??= read.kind === 'found' ? read : undefined;
          return read;
        },
      });
    },
  ],
  [
    'reports a timeout as a refusal',
    'is silent if the reply is lost, and has done it',
    (store) =>
      replacing(store, {
        replace: async (key, from, text) => {
          const result = await store.replace(key, from, text);
          return result.kind === 'silent' ? { ...result, kind: 'unavailable' } : result;
        },
      }),
  ],
  [
    'reports a timeout as success',
    'claims nothing about a lost request',
    (store) =>
      replacing(store, {
        replace: async (key, from, text) => {
          const result = await store.replace(key, from, text);
          return result.kind === 'silent' ? { kind: 'ok', token: text as Token } : result;
        },
      }),
  ],
  [
    'throws when the store is away',
    'ends every call while it is cut off, and rejects none',
    (store) =>
      replacing(store, {
        read: async (key) => {
          const read = await store.read(key);
          if (read.kind === 'failed') throw read.error;
          return read;
        },
      }),
  ],
];

describe('the checks of stores find one that', () => {
  it.each(WRONG)('%s', async (_, name, alter) => {
    const check = STORE_CHECKS.get(name) as (world: StoreWorld) => Promise<void>;
    await expect(check(createWorld(alter))).rejects.toThrow();
  });

  it('is wrong in every way that they look for', () => {
    expect(WRONG.map(([, name]) => name)).toEqual([...STORE_CHECKS.keys()]);
  });
});
