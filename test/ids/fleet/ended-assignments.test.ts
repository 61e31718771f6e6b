import { expect, it } from 'vitest';
import { ENDED_ASSIGNMENTS } from '../../../src/ids/fleet/ended-assignments.ts';
import type { Found } from '../../../src/kv/retention.ts';
import type { Token } from '../../../src/kv/store.ts';

const ID = '499376191816335360';
const OTHER_ID = '499376191816335362';
const PAGE_KEY = 'guid-page/3901376498565120';
const DOCUMENT_KEY = 'guid/s%2F1/k';

function found(content: object): Found {
  return { kind: 'found', content, token: '7' as Token };
}

function assigned(id: string): Found {
  return found({ id, service: 's/1', key: 'k', node: 'n1', created_at: '2026-11-21T08:00:00.000Z' });
}

const PAGE = found({ intentions: { [ID]: ['s/1', 'k'] }, ver: 1 });

/** The keys that are removed, in order, from a store that holds this. */
async function end(stored: Readonly<Record<string, Found>>, isRemoved = true): Promise<string[]> {
  const keys: string[] = [];
  await ENDED_ASSIGNMENTS.end(PAGE_KEY, {
    read: async (key) => stored[key] ?? { kind: 'absent' },
    remove: async (key) => {
      keys.push(key);
      return isRemoved;
    },
  });
  return keys;
}

it('knows the time of a page by its key, and nothing of other keys', () => {
  const id = ENDED_ASSIGNMENTS.idOf(PAGE_KEY) as string;
  expect(BigInt(ID) - BigInt(id)).toBeLessThan(128n);
  for (const key of ['guid-page/', 'guid-page/x', `guid-page/${'1'.repeat(21)}`])
    expect(ENDED_ASSIGNMENTS.idOf(key)).toBeUndefined();
});

it('removes the document first, then the page', async () => {
  expect(await end({ [PAGE_KEY]: PAGE, [DOCUMENT_KEY]: assigned(ID) })).toEqual([DOCUMENT_KEY, PAGE_KEY]);
});

it('leaves a document that another intention won', async () => {
  expect(await end({ [PAGE_KEY]: PAGE, [DOCUMENT_KEY]: assigned(OTHER_ID) })).toEqual([PAGE_KEY]);
});

it('removes a page whose documents are gone', async () => {
  expect(await end({ [PAGE_KEY]: PAGE })).toEqual([PAGE_KEY]);
});

it('leaves the page if a document cannot be read or removed', async () => {
  expect(await end({ [PAGE_KEY]: PAGE, [DOCUMENT_KEY]: { kind: 'failed' } })).toEqual([]);
  expect(await end({ [PAGE_KEY]: PAGE, [DOCUMENT_KEY]: found({ id: ID }) })).toEqual([]);
  expect(await end({ [PAGE_KEY]: PAGE, [DOCUMENT_KEY]: assigned(ID) }, false)).toEqual([DOCUMENT_KEY]);
});

it('leaves what is no page', async () => {
  expect(await end({ [PAGE_KEY]: found({ ids: [] }) })).toEqual([]);
  expect(await end({})).toEqual([]);
});
