import { expect, it } from 'vitest';
import type { Token } from '../../src/kv/store.ts';
import { endedSagas } from '../../src/saga/ended-sagas.ts';
import type { SagaState } from '../../src/saga/record.ts';

const { prefix, idOf, end } = endedSagas('transfers');

/** Whether the record is removed. */
async function ends(content: unknown): Promise<boolean> {
  const token = '7' as Token;
  const removed: unknown[] = [];
  await end('s/1', {
    read: async () => ({ kind: 'found', content, token }),
    remove: async (...all) => {
      removed.push(all);
      return true;
    },
  });
  if (removed.length > 0) expect(removed).toEqual([['s/1', token]]);
  return removed.length > 0;
}

it('knows the id of a saga by its key', () => {
  expect([prefix, idOf('s/01a3185c')]).toEqual(['s/', '01a3185c']);
});

it.each<readonly [SagaState, boolean]>([
  ['running', false],
  ['compensating', false],
  ['committing', false],
  ['committed', true],
  ['aborted', true],
])('a saga that is %s ends: %s', async (state, isEnded) => {
  const record = { kind: 'k', input: {}, digest: '', state, at: 0, reason: '', history: [], ver: 3 };
  expect(await ends(record)).toBe(isEnded);
});

it('leaves what is no record', async () => {
  expect(await ends({ state: 'committed' })).toBe(false);
  expect(await ends('committed')).toBe(false);
});

it('does nothing about a record that is gone or cannot be read', async () => {
  for (const kind of ['absent', 'failed'] as const)
    await end('s/1', { read: async () => ({ kind }), remove: () => Promise.reject(new Error('removed')) });
});
