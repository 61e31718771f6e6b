/**
 * Counters: hand-written histories with their whole results, the sums against all subsets, and histories from seeds
 * against the definition.
 */

import { describe, expect, it } from 'vitest';
import { History } from '../../../../src/history/history.ts';
import type { OperationEntry } from '../../../../src/history/operation.ts';
import { ExactNumber } from '../../../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../../../src/protocol/random.ts';
import { FarSums } from '../../../../src/workloads/pn-counter/checker/far-sums.ts';
import { pnCounterChecker } from '../../../../src/workloads/pn-counter/checker/pn-counter-checker.ts';
import { SumRuns } from '../../../../src/workloads/pn-counter/checker/sum-runs.ts';
import {
  fail,
  type HandwrittenOperation,
  handwritten,
  info,
  invoke,
  ok,
  THREE_NODES,
} from '../../../support/histories.ts';

const judge = (history: History, strict = false) => pnCounterChecker({ strict }).check(THREE_NODES, history);

const add = (process: number, delta: number, end = ok) => [invoke(process, 'add', delta), end(process, 'add', delta)];

const read = (process: number, value: unknown): HandwrittenOperation[] => [
  invoke(process, 'read'),
  ok(process, 'read', value),
];

const finalRead = (process: number, value: unknown) =>
  read(process, value).map((operation) => ({ ...operation, 'final?': true as const }));

describe('a counter', () => {
  it('that shows the sum in the end is valid', () => {
    expect(judge(handwritten(...add(0, 3), ...add(1, -1), ...finalRead(0, 2), ...finalRead(1, 2)))).toEqual({
      'valid?': true,
      errors: null,
      'final-reads': [2, 2],
      acceptable: [[2, 2]],
      beyond: { 'valid?': true },
    });
  });

  it('may have made any of the undecided adds', () => {
    // Maelstrom's own example.
    const history = handwritten(...add(0, 10), ...add(1, 5, info), ...add(2, -1, info), ...add(3, -1, info));
    expect(judge(history).acceptable).toEqual([
      [8, 10],
      [13, 15],
    ]);
  });

  it('that shows another sum is invalid', () => {
    const history = handwritten(...add(0, 10), ...add(1, 5, info), ...finalRead(0, 12));
    const error = { index: 5, time: 5e6, type: 'ok', process: 0, f: 'read', value: 12, 'final?': true };
    expect(judge(history)).toEqual({
      'valid?': false,
      errors: [error],
      'final-reads': [12],
      acceptable: [
        [10, 10],
        [15, 15],
      ],
      beyond: { 'valid?': true },
      proofs: [
        {
          problem: 'a final read shows 12, which is no possible sum',
          facts: {
            acceptable: [
              [10, 10],
              [15, 15],
            ],
          },
          operations: [5],
          operationCount: 1,
        },
      ],
      summary: '1 final read is wrong: 12 was read, and the sum is from 10 to 15.',
    });
  });

  it('has not made what it refused', () => {
    expect(judge(handwritten(...add(0, 3, fail), ...finalRead(0, 3)))['valid?']).toBe(false);
  });

  it('may have made what the run cut off', () => {
    expect(judge(handwritten(invoke(0, 'add', 3), ...finalRead(1, 3)))['valid?']).toBe(true);
  });

  it('without final reads is valid, as for Jepsen', () => {
    expect(judge(handwritten(...add(0, 3), ...read(0, 0)))).toMatchObject({ 'valid?': true, 'final-reads': [] });
  });

  it.each([new ExactNumber('3.0'), new ExactNumber('9007199254740993'), '3', null])(
    'that shows %s in the end is invalid',
    (value) => {
      expect(judge(handwritten(...add(0, 3), ...finalRead(0, value)))['valid?']).toBe(false);
    },
  );

  it('whose sums are too large to be exact cannot be judged', () => {
    expect(() => judge(handwritten(...add(0, 2 ** 53 - 1, info), ...add(1, 5)))).toThrow('must stay below 2^53');
  });
});

describe('beyond Jepsen', () => {
  it.each([
    ['more than all increments', [...add(0, 3), ...read(1, 4)], 'a read shows 4, and only 0 to 3 is possible'],
    ['less than all decrements', [...add(0, -3), ...read(1, -4)], 'a read shows -4, and only -3 to 0 is possible'],
    ['an add that comes later', [...read(1, 3), ...add(0, 3)], 'a read shows 3, and only 0 to 0 is possible'],
    ['an add that was refused', [...add(0, 3, fail), ...read(1, 3)], 'a read shows 3, and only 0 to 0 is possible'],
    ['a text', [...add(0, 3), ...read(1, 'x')], 'a read shows "x", and only 0 to 3 is possible'],
  ])('a read during the run is found that shows %s', (_, operations, problem) => {
    const history = handwritten(...operations);
    const { beyond, ...result } = judge(history);
    expect(result['valid?']).toBe(true);
    expect(beyond).toMatchObject({ 'valid?': false, 'within-bounds': { count: 1, examples: [{ problem }] } });
    expect(judge(history, true)).toMatchObject({ 'valid?': false, proofs: [{ rule: 'within-bounds', problem }] });
  });

  it('a read may lack what others added, and show what is in flight or undecided', () => {
    const history = handwritten(
      ...[...add(0, 3), ...read(1, 0), invoke(2, 'read'), invoke(0, 'add', 4), ok(2, 'read', 7), info(0, 'add', 4)],
      ...[...add(1, 1, info), ...read(2, 8)],
    );
    expect(judge(history, true)).toMatchObject({ 'valid?': true, beyond: { 'valid?': true } });
  });
});

describe('sums', () => {
  it('are those of all subsets', () => {
    const random = new SeededRandom('sums');
    for (let round = 0; round < 300; round++) {
      const deltas = Array.from({ length: random.integer(9) }, () => random.integer(60) - 30);
      const sums = new Set([17]);
      for (const delta of deltas) for (const sum of [...sums]) sums.add(sum + delta);
      const runs = SumRuns.of(17, deltas);
      for (let sum = -300; sum <= 300; sum++) expect(runs.has(sum)).toBe(sums.has(sum));
      const bounds = runs.runs();
      // Between two runs something is missing.
      for (const [index, [low]] of bounds.entries())
        if (index > 0) expect(low).toBeGreaterThan((bounds[index - 1] as readonly [number, number])[1] + 1);
    }
  });

  it('of thousands of undecided adds are quick, and of too many far apart refused', () => {
    expect(SumRuns.of(0, new Array(5000).fill(1)).runs()).toEqual([[0, 5000]]);
    const doubling = Array.from({ length: 40 }, (_, index) => 3 ** index);
    expect(() => SumRuns.of(0, doubling.slice(0, 30))).toThrow('too many to judge');
  });
});

describe('histories from seeds', () => {
  it('get what the definition says', () => {
    const verdicts = new Set<unknown>();
    for (let seed = 0; seed < 500; seed++) {
      const random = new SeededRandom(String(seed));
      const entries: OperationEntry[] = [];
      let [definite, least, most, wrong] = [0, 0, 0, 0];
      const undecided: number[] = [];
      for (let time = 0; time < 20; time += 2) {
        const process = time;
        if (random.integer(3) > 0) {
          const value = random.integer(10) - 5;
          const type = random.pick(['ok', 'ok', 'info', 'fail'] as const);
          entries.push({ time, type: 'invoke', process, f: 'add', value }, { time, type, process, f: 'add', value });
          if (type === 'ok') definite += value;
          if (type === 'info') undecided.push(value);
          if (type !== 'fail') [least, most] = [least + Math.min(0, value), most + Math.max(0, value)];
        } else {
          const value = random.integer(30) - 15;
          entries.push(
            { time, type: 'invoke', process, f: 'read', value: null },
            { time, type: 'ok', process, f: 'read', value },
          );
          if (value < least || value > most) wrong++;
        }
      }
      const value = definite + random.integer(5) - 2;
      const final = { time: 99, process: 99, f: 'read', 'final?': true } as const;
      entries.push({ ...final, type: 'invoke', value: null }, { ...final, type: 'ok', value });
      if (value < least || value > most) wrong++;
      const sums = [definite];
      for (const delta of undecided) sums.push(...sums.map((sum) => sum + delta));
      const result = judge(History.of(entries));
      expect(result['valid?'], `seed ${seed}`).toBe(sums.includes(value));
      const { 'within-bounds': bounds } = result.beyond as Record<string, { count: number } | undefined>;
      expect(bounds?.count ?? 0, `seed ${seed}`).toBe(wrong);
      verdicts.add(result['valid?']);
    }
    expect(verdicts.size).toBe(2);
  });
});

describe('sums of numbers far apart', () => {
  const drawFar = (random: SeededRandom) => random.integer(2 ** 37) - 2 ** 36;

  it('are those of all subsets, and no others', () => {
    const random = new SeededRandom('far');
    for (let round = 0; round < 200; round++) {
      const small = random.integer(2) === 0;
      const others = Array.from({ length: random.integer(9) }, () => (small ? random.integer(9) - 4 : drawFar(random)));
      const definite = random.integer(20);
      const all = new Set([definite]);
      for (const other of others) for (const sum of [...all]) all.add(sum + other);
      const sums = FarSums.of(definite, others);
      for (const sum of all) expect(sums.has(sum)).toBe(true);
      for (const sum of all) expect(sums.has(sum + 1)).toBe(all.has(sum + 1));
      expect(sums.runs()).toEqual([[Math.min(...all), Math.max(...all)]]);
    }
  });

  it('of dozens of undecided adds are found quickly, and one that is off by an add is not among them', () => {
    const random = new SeededRandom('dozens');
    const others = Array.from({ length: 36 }, () => drawFar(random));
    const sum = others.filter(() => random.integer(2) === 0).reduce((one, other) => one + other, 7);
    expect(FarSums.of(7, others).has(sum)).toBe(true);
    expect(FarSums.of(7, others).has(sum + 1)).toBe(false);
    expect(FarSums.of(7, others).has('7')).toBe(false);
    // One more, and only the bounds are left.
    const [[least, most]] = FarSums.of(7, [...others, 1]).runs() as [[number, number]];
    expect(FarSums.of(7, [...others, 1]).has(sum + 2)).toBe(true);
    expect([least - 1, most + 1].map((value) => FarSums.of(7, [...others, 1]).has(value))).toEqual([false, false]);
    expect(() => FarSums.of(2 ** 53, [])).toThrow('must stay below 2^53');
  });

  it('tell a lost add that undecided small ones would hide', () => {
    const lost = handwritten(
      ...add(0, 3),
      ...add(1, 1, info),
      ...add(2, 1, info),
      ...add(3, 1, info),
      ...finalRead(4, 3),
    );
    expect(judge(lost)['valid?']).toBe(true);
    const far = [30_000_000, 10_000_001, 10_000_003, 10_000_007];
    const judgeFar = (value: number) => {
      const [first = 0, ...others] = far;
      const undecided = others.flatMap((delta, index) => add(index + 1, delta, info));
      const checker = pnCounterChecker({ strict: false, far: true });
      return checker.check(THREE_NODES, handwritten(...add(0, first), ...undecided, ...finalRead(4, value)));
    };
    expect(judgeFar(30_000_000)['valid?']).toBe(true);
    // The first one is lost, and the others happened.
    expect(judgeFar(30_000_011)['valid?']).toBe(false);
    expect(judgeFar(60_000_011)).toMatchObject({ 'valid?': true, acceptable: [[30_000_000, 60_000_011]] });
  });
});
