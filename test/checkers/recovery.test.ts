import { expect, it } from 'vitest';
import { recoveryChecker } from '../../src/checkers/recovery.ts';
import { History } from '../../src/history/history.ts';

function check(entries: readonly [string, number | undefined][]) {
  return recoveryChecker(() => new Map(entries)).check({ nodes: ['n0', 'n1'], concurrency: 2 }, new History());
}

it('accepts a run in which everything recovered, and says how long that took', () => {
  expect(
    check([
      ['n0', 12],
      ['n1', 1500],
    ]),
  ).toEqual({ 'valid?': true, 'recovered-count': 2, 'seconds-max': 1.5 });
});

it('rejects a run in which something did not recover, and names it', () => {
  expect(
    check([
      ['n0', 0],
      ['n1', undefined],
    ]),
  ).toEqual({
    'valid?': false,
    'recovered-count': 1,
    'seconds-max': 0,
    missing: ['n1'],
    error: 'after everything was healed, n1 did not work again',
    summary: 'After everything was healed, n1 did not work again.',
  });
});

it('names all that did not recover as they are called', () => {
  const summaryOf = (...names: string[]) => check(names.map((name) => [name, undefined])).summary;
  expect(summaryOf('n0', 'n1')).toBe('After everything was healed, n0 and n1 did not work again.');
  expect(summaryOf('n0', 'n1', 'final read 3')).toBe(
    'After everything was healed, n0, n1 and final read 3 did not work again.',
  );
});
