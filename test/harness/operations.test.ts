import { describe, expect, it } from 'vitest';
import { DrawnOperations, type OperationEvent, RecordedOperations } from '../../src/harness/operations.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

function event(atMs: number, worker: number, value: unknown = null): OperationEvent {
  return { atMs, worker, f: 'do', value };
}

describe('drawn operations', () => {
  const source = (rate: number, seed = 'a') => {
    let next = 0;
    return new DrawnOperations(
      rate,
      () => ({ f: 'do', value: next++ }),
      new SeededRandom(seed),
      (worker) => worker,
    );
  };

  it('go to an idle worker, which they remove from the list', () => {
    const operations = source(10);
    const free = [0, 1, 2];
    const taken = [0, 1, 2].map((nowMs) => operations.take(nowMs, free));
    expect(free).toEqual([]);
    expect(new Set(taken.map(({ worker }) => worker))).toEqual(new Set([0, 1, 2]));
    expect(taken.map(({ invocation }) => invocation.value)).toEqual([0, 1, 2]);
    expect(operations.dueMs(free)).toBeUndefined();
    expect(operations.dueMs([7])).toBeGreaterThan(0);
  });

  it('never come at a rate of 0', () => {
    expect(source(0).dueMs([0])).toBeUndefined();
  });
});

describe('recorded operations', () => {
  it('come at their times, by their workers, in any order in which they are given', () => {
    const operations = new RecordedOperations([event(30, 0, 'c'), event(10, 1, 'a'), event(20, 0, 'b')]);
    const free = [0, 1];
    expect(operations.dueMs(free)).toBe(10);
    expect(operations.take(10, free)).toEqual({ worker: 1, invocation: { f: 'do', value: 'a' } });
    expect(free).toEqual([0]);
    expect(operations.dueMs(free)).toBe(20);
    expect(operations.take(20, free)).toMatchObject({ worker: 0, invocation: { value: 'b' } });
    expect(operations.dueMs(free)).toBeUndefined();
    expect(operations.dueMs([0])).toBe(30);
  });

  it('wait for their worker, and hold up no other worker', () => {
    const operations = new RecordedOperations([event(10, 0), event(20, 1)]);
    expect(operations.dueMs([1])).toBe(20);
    expect(operations.take(20, [1])).toMatchObject({ worker: 1 });
    expect(operations.dueMs([0, 1])).toBe(10);
  });

  it('are over when all of them are done', () => {
    const operations = new RecordedOperations([event(10, 0)]);
    operations.take(10, [0]);
    expect(operations.dueMs([0])).toBeUndefined();
  });
});
