/** Which marks make a node look up their sagas, and when. */

import { expect, it } from 'vitest';
import { FinishedSagas } from '../../src/saga/finished-sagas.ts';
import type { Mark } from '../../src/saga/marks.ts';
import { OldMarks } from '../../src/saga/old-marks.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

class Bench {
  readonly finished = new FinishedSagas();
  /** The sagas looked up so far. */
  readonly asked: string[] = [];
  readonly clock = new ManualClock();
  /** A look-up lasts until it is called. */
  answer: (() => void) | undefined;
  readonly #marks: OldMarks;

  constructor(isSlow = false) {
    this.#marks = new OldMarks({
      clock: this.clock,
      finished: this.finished,
      lookUp: (saga) => {
        this.asked.push(saga);
        return isSlow ? new Promise((resolve) => (this.answer = resolve)) : Promise.resolve();
      },
    });
  }

  /** The marks are seen after so many ms. */
  async see(afterMs: number, marks: readonly Mark[]): Promise<void> {
    this.clock.pass(afterMs);
    this.#marks.see(marks);
    await settle();
  }
}

function marksOf(...sagas: string[]): Mark[] {
  return sagas.map((saga) => [saga, 0, 'applied', 0]);
}

const EIGHT = marksOf('s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7');

it('looks up sagas whose marks have been there for 2 s', async () => {
  const bench = new Bench();
  await bench.see(0, [...EIGHT, ...marksOf('s8')]);
  await bench.see(1999, [...EIGHT, ...marksOf('late', 's8')]);
  expect(bench.asked).toEqual([]);
  await bench.see(1, [...EIGHT, ...marksOf('late')]);
  expect(bench.asked).toEqual(EIGHT.map(([saga]) => saga));
  await bench.see(1999, [...EIGHT, ...marksOf('late')]);
  expect(bench.asked.slice(8)).toEqual([...EIGHT.map(([saga]) => saga), 'late']);
});

it('looks up none of eight marks', async () => {
  const bench = new Bench();
  await bench.see(0, EIGHT);
  await bench.see(5000, EIGHT);
  await bench.see(0, [...EIGHT, ...marksOf('s8')]);
  expect(bench.asked).toEqual([]);
});

it('looks up each saga once, and none that is known to be finished or whose mark is ended', async () => {
  const bench = new Bench();
  bench.finished.add('s3');
  const marks: Mark[] = [...EIGHT, ['s0', 1, 'applied', 0], ['ended', 0, 'applied', 5]];
  await bench.see(0, marks);
  await bench.see(2000, marks);
  expect(bench.asked).toEqual(['s0', 's1', 's2', 's4', 's5', 's6', 's7']);
});

it('looks up one saga after the other, and sees no marks meanwhile', async () => {
  const bench = new Bench(true);
  const marks = [...EIGHT, ...marksOf('s8')];
  await bench.see(0, marks);
  await bench.see(2000, marks);
  expect(bench.asked).toEqual(['s0']);
  await bench.see(2000, marks);
  expect(bench.asked).toEqual(['s0']);
  for (let count = 0; count < marks.length; count++) {
    bench.answer?.();
    await settle();
  }
  expect(bench.asked).toEqual(marks.map(([saga]) => saga));
  await bench.see(0, marks);
  expect(bench.asked.slice(marks.length)).toEqual(['s0']);
});

it('forgets when it saw the mark of a saga that has gone', async () => {
  const bench = new Bench();
  const others = marksOf('s8', 's9');
  await bench.see(0, [...EIGHT, ...others]);
  await bench.see(1500, [...EIGHT.slice(1), ...others]);
  await bench.see(500, [...EIGHT, ...others]);
  expect(bench.asked).not.toContain('s0');
  expect(bench.asked).toContain('s1');
});
