/** What callers learn about a saga that a node is driving. */

import { expect, it } from 'vitest';
import type { SagaRecord } from '../../src/saga/record.ts';
import { SagasAtWork } from '../../src/saga/sagas-at-work.ts';

const RECORD: SagaRecord = {
  kind: 'k',
  input: null,
  digest: 'd',
  state: 'committed',
  at: 0,
  reason: '',
  history: [],
};

function busyWith(id: string) {
  const finished: string[] = [];
  const work = new SagasAtWork((own) => finished.push(own));
  let resolve: (record: SagaRecord) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const end = new Promise<SagaRecord>((...settle) => {
    [resolve, reject] = settle;
  });
  return { work, finished, saga: work.add(id, 'd', end), resolve, reject };
}

it('is one saga for each id, until its end', async () => {
  const { work, saga } = busyWith('a');
  expect([work.size, work.has('a'), work.has('b')]).toEqual([1, true, false]);
  expect(work.get('a')).toBe(saga);
  expect(work.answerOf('a')).toBeUndefined();
});

it('is over with its end, which is remembered', async () => {
  const { work, finished, saga, resolve } = busyWith('a');
  resolve(RECORD);
  expect(await saga.end).toBe(RECORD);
  expect([work.size, work.get('a'), work.answerOf('a')]).toEqual([0, undefined, RECORD]);
  expect(finished).toEqual(['a']);
});

it('is over, and nothing is remembered, when its end is unknown', async () => {
  const { work, finished, saga, reject } = busyWith('a');
  reject(new Error('silence'));
  await expect(saga.end).rejects.toThrow('silence');
  expect([work.size, work.get('a'), work.answerOf('a'), finished]).toEqual([0, undefined, undefined, []]);
});
