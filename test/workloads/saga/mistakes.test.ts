/** Mistakes of clients in the test of the transfer service: they are drawn if asked for, and refused. */

import { describe, expect, it } from 'vitest';
import { createSettle } from '../../../src/host/settle.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { fuzzOptions } from '../../../src/search/fuzz-defaults.ts';
import { Simulation } from '../../../src/simulator/simulation.ts';
import { subjectOf } from '../../../src/workloads/registry.ts';
import { createSagaTest, saga } from '../../../src/workloads/saga/workload.ts';
import { ANY_TURN } from '../../support/turns.ts';

interface Asked {
  readonly request_id?: string;
  readonly account?: string;
  readonly accounts?: readonly string[];
}

function isMistake(value: unknown): boolean {
  const { request_id, account, accounts = [] } = value as Asked;
  return /-m\d+$/.test(request_id ?? '') || [account, ...accounts].some((name) => name?.startsWith('stranger-'));
}

function draw(mistakes: number | undefined) {
  const next = createSagaTest({ mistakes }).createGenerator(new SeededRandom('mistakes'));
  return Array.from({ length: 4000 }, () => next(ANY_TURN).value);
}

async function run(seed: string, mistakes: string) {
  const options = { ...fuzzOptions({ seed, test: saga.test }), faults: [], workloadOptions: { mistakes } };
  const { history, results } = await new Simulation({
    subject: subjectOf(saga),
    options,
    settle: createSettle(),
  }).finish();
  return { results, ends: [...history].filter(({ type, value }) => type !== 'invoke' && isMistake(value)) };
}

describe('mistakes', () => {
  it('are one operation in as many as asked for', () => {
    for (const mistakes of [4, 20]) {
      const share = draw(mistakes).filter(isMistake).length / 4000;
      expect(Math.abs(share - 1 / mistakes)).toBeLessThan(0.02);
    }
    expect(draw(undefined).filter(isMistake)).toEqual([]);
  });

  it('are all refused, for being malformed or for an account that does not exist', async () => {
    const { results, ends } = await run('1', '3');
    expect(results['valid?']).toBe(true);
    expect(ends.length).toBeGreaterThan(100);
    expect(new Set(ends.map(({ type }) => type))).toEqual(new Set(['fail']));
    const errors = new Set(ends.map(({ f, error }) => `${f} ${(error as readonly string[])[0]}`));
    expect([...errors].sort()).toEqual([
      'audit key-does-not-exist',
      'close key-does-not-exist',
      'transfer key-does-not-exist',
      'transfer malformed-request',
    ]);
    const texts = ends.map(({ error }) => (error as readonly string[])[1]);
    for (const text of ['legs: must stand alone', 'from: is missing', 'is named twice', 'must not be 0', 'not -1'])
      expect(texts).toContainEqual(expect.stringContaining(text));
  });

  it.each(['', '0', '1', '-1', '1.5', 'many'])('need a whole number from 2 to 999999, not %j', (text) => {
    expect(() => saga.test.options?.mistakes?.parse(text)).toThrow('expected a whole number from 2 to 999999');
  });
});
