/** The engine in memory, and the wrong engines that prove of every check of engines that it can fail. */

import { describe, expect, it } from 'vitest';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { StoreEngine, Token } from '../../src/kv/store.ts';
import { replacing, worldOf } from '../support/lossy-engine.ts';
import { describeEngine, ENGINE_CHECKS, type EngineWorld } from './store-conformance.ts';

describe('the engine in memory', () => {
  describeEngine(() => worldOf(new MemoryEngine()));
});

type Alter = (engine: StoreEngine) => StoreEngine;

async function removeAny(engine: StoreEngine, key: string): ReturnType<StoreEngine['remove']> {
  const read = await engine.read(key);
  return read.kind === 'found' ? engine.remove(key, read.token) : { kind: 'ok' };
}

/** Wrong in one way each, with a check that must fail. */
const WRONG: readonly (readonly [string, string, Alter])[] = [
  [
    'lists by UTF-16',
    'lists the keys with a prefix, ascending by their UTF-8',
    (engine) =>
      replacing(engine, {
        list: async (...query) => {
          const listed = await engine.list(...query);
          return listed.kind === 'ok' ? { ...listed, keys: listed.keys.toSorted() } : listed;
        },
      }),
  ],
  [
    'reports more after a full portion',
    'lists portions, each after the last key of the one before, and tells whether there are more',
    (engine) =>
      replacing(engine, {
        list: async (prefix, after, limit) => {
          const listed = await engine.list(prefix, after, limit);
          return listed.kind === 'ok' ? { ...listed, more: listed.keys.length === limit } : listed;
        },
      }),
  ],
  [
    'only empties a value',
    'removes the value of a token, for all',
    (engine) =>
      replacing(engine, {
        remove: async (key, from) => {
          const replaced = await engine.replace(key, from, '');
          return replaced.kind === 'ok' ? { kind: 'ok' } : replaced;
        },
      }),
  ],
  [
    'removes whatever there is',
    'refuses to remove with an outdated token, and changes nothing',
    (engine) => replacing(engine, { remove: (key) => removeAny(engine, key) }),
  ],
  [
    'takes the text for the token',
    'gives a value that is created again another token',
    (engine) => {
      const tokens = new Map<string, Token>();
      return replacing(engine, {
        replace: async (key, from, text) => {
          const result = await engine.replace(key, from === null ? null : (tokens.get(from) ?? from), text);
          if (result.kind !== 'ok') return result;
          tokens.set(text, result.token);
          return { kind: 'ok', token: text as Token };
        },
        remove: (key, from) => engine.remove(key, tokens.get(from) ?? from),
      });
    },
  ],
  [
    'compares and removes in two steps',
    'lets one of many removals and replacements from one token succeed',
    (engine) =>
      replacing(engine, {
        remove: async (key, from) => {
          const read = await engine.read(key);
          return read.kind === 'found' && read.token === from ? removeAny(engine, key) : engine.remove(key, from);
        },
      }),
  ],
  [
    'counts no one knows what',
    'counts in finite numbers',
    (engine) => replacing(engine, { figures: () => ({ keys: Number.NaN }) }),
  ],
  [
    'throws after it was closed',
    'ends every call after it was closed, and rejects none',
    (engine) =>
      replacing(engine, {
        list: async (...query) => {
          const listed = await engine.list(...query);
          if (listed.kind === 'failed') throw listed.error;
          return listed;
        },
      }),
  ],
];

describe('the checks of engines find one that', () => {
  it.each(WRONG)('%s', async (_, name, alter) => {
    const check = ENGINE_CHECKS.get(name) as (world: EngineWorld) => Promise<void>;
    const run: EngineWorld['run'] = (work) => work;
    await expect(check(worldOf(new MemoryEngine(), run, alter))).rejects.toThrow();
  });

  it('is wrong in every way that they look for', () => {
    expect(WRONG.map(([, name]) => name)).toEqual([...ENGINE_CHECKS.keys()]);
  });
});
