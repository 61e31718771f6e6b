/** The checker against the definition, on thousands of small histories. */

import { describe, expect, it } from 'vitest';
import { collectCalls } from '../../../src/checkers/linearizability/calls.ts';
import { kindsOf } from '../../../src/checkers/linearizability/kinds.ts';
import { strictRegisterModel } from '../../../src/checkers/linearizability/model.ts';
import { search } from '../../../src/checkers/linearizability/search.ts';
import { isUniqueRegister } from '../../../src/checkers/linearizability/unique-register.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { isLinearizableByDefinition } from './exhaustive.ts';
import { type CallOptions, historyOfCalls, randomCalls } from './random-calls.ts';

const HISTORIES = 1000;
const ENOUGH = { configurationsMax: 1_000_000, bytesMax: 1e9 };

function verdicts(seed: string, options: Omit<CallOptions, 'count'>) {
  const random = new SeededRandom(seed);
  const calls = randomCalls(random, { count: 1 + random.integer(9), ...options });
  const history = historyOfCalls(calls);
  const collected = collectCalls(
    history,
    [...history].map(({ index }) => index),
  );
  // Half of them as a model of one's own, which is stepped through.
  const { isRegister: _, ...own } = strictRegisterModel;
  const model = random.integer(2) === 0 ? strictRegisterModel : own;
  return {
    calls,
    defined: isLinearizableByDefinition(calls, strictRegisterModel),
    searched: search(collected, kindsOf(model, collected), ENOUGH).verdict,
    unique: isUniqueRegister(collected),
  };
}

describe('a register of up to 9 calls', () => {
  it('with unique values is judged as its definition says, by search and in nearly linear time', () => {
    let good = 0;
    for (let seed = 0; seed < HISTORIES; seed++) {
      const { calls, defined, searched, unique } = verdicts(`unique ${seed}`, { unique: true, values: 0 });
      if (defined) good++;
      expect({ seed, calls, searched, unique }).toEqual({ seed, calls, searched: defined, unique: defined });
    }
    expect(good / HISTORIES).toBeGreaterThan(0.25);
    expect(good / HISTORIES).toBeLessThan(0.85);
  });

  it('with unique values and refusals is judged as its definition says, or left to the search', () => {
    const left = { good: 0, bad: 0, decided: 0 };
    for (let seed = 0; seed < HISTORIES; seed++) {
      const { calls, defined, searched, unique } = verdicts(`refusals ${seed}`, {
        unique: true,
        values: 0,
        refusals: true,
      });
      expect({ seed, calls, searched, unique: unique ?? defined }).toEqual({
        seed,
        calls,
        searched: defined,
        unique: defined,
      });
      left[unique !== undefined ? 'decided' : defined ? 'good' : 'bad']++;
    }
    expect(left.good).toBeGreaterThan(0);
    expect(left.decided / HISTORIES).toBeGreaterThan(0.6);
  });

  it.each([2, 3, 5])('with %d values is judged as its definition says', (values) => {
    let good = 0;
    for (let seed = 0; seed < HISTORIES; seed++) {
      const { calls, defined, searched } = verdicts(`${values} ${seed}`, {
        unique: false,
        values,
        refusals: seed % 2 === 0,
      });
      if (defined) good++;
      expect({ seed, calls, searched }).toEqual({ seed, calls, searched: defined });
    }
    expect(good / HISTORIES).toBeGreaterThan(0.25);
    expect(good / HISTORIES).toBeLessThan(0.85);
  });
});
