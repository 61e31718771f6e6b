/** What the seeds of a fuzz draw: faults, limits of the nodes, a pace. */

import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { drawSwarm, type Swarm, swarmOf } from '../../src/search/swarm.ts';

const SEEDS = 400;
const SWARM: Swarm = {
  ...{ faults: true, pace: true, limits: { page: [1, 2, 5], group: [7] } },
  options: { shape: ['line', 'ring'], mistakes: ['9'] },
};
const given = (seed: number) => fuzzOptions({ seed: String(seed) });
const draw = (seed: number, swarm: Partial<Swarm> = {}) => drawSwarm(given(seed), { ...SWARM, ...swarm });

function all(swarm: Partial<Swarm> = {}): readonly RunOptions[] {
  return Array.from({ length: SEEDS }, (_, seed) => draw(seed, swarm));
}

/** Whether a count is within a tenth of all seeds from its mean: many standard deviations. */
function expectAbout(count: number, share: number): void {
  expect(Math.abs(count / SEEDS - share)).toBeLessThan(0.1);
}

describe('a seed of a swarm', () => {
  it('draws the same every time', () => {
    expect(all()).toEqual(all());
  });

  it('keeps the options as they are in about half of the cases', () => {
    const plain = all().filter((options, seed) => JSON.stringify(options) === JSON.stringify(given(seed)));
    expectAbout(plain.length, 0.5);
  });

  it('leaves out about half of the faults, and keeps their order', () => {
    const { faults } = given(0);
    const subsets = all().filter((options) => options.faults.length < faults.length);
    expectAbout(subsets.length, 0.5);
    for (const subset of subsets)
      expect(subset.faults).toEqual(faults.filter((fault) => subset.faults.includes(fault)));
    for (const fault of faults)
      expectAbout((subsets.filter((subset) => subset.faults.includes(fault)).length / subsets.length) * SEEDS, 0.5);
  });

  it('keeps at least one of the faults, and invents none', () => {
    const drawn = (faults: RunOptions['faults']) =>
      Array.from({ length: SEEDS }, (_, seed) => drawSwarm({ ...given(seed), faults }, SWARM).faults);
    expect(new Set(drawn(['kill']).flat())).toEqual(new Set(['kill']));
    const ofTwo = drawn(['kill', 'pause']);
    expect(Math.min(...ofTwo.map(({ length }) => length))).toBe(1);
    // Half of the seeds keep both; of the others one in four, and one in four would have none.
    expectAbout(ofTwo.filter((faults) => faults.join() === 'kill').length, 3 / 16);
    expectAbout(ofTwo.filter((faults) => faults.join() === 'pause').length, 3 / 16);
    expect(drawn([]).flat()).toEqual([]);
  });

  it('draws each limit in a quarter of the cases, from its own values', () => {
    const limits = all().map(({ nodeLimits = {} }) => nodeLimits);
    const pages = limits.flatMap(({ page }) => page ?? []);
    const groups = limits.flatMap(({ group }) => group ?? []);
    expectAbout(pages.length, 0.25);
    expectAbout(groups.length, 0.25);
    expect(new Set(pages)).toEqual(new Set([1, 2, 5]));
    expect(new Set(groups)).toEqual(new Set([7]));
    expectAbout(limits.filter(({ page, group }) => page !== undefined && group !== undefined).length, 1 / 8);
    expect(all().some((options) => 'nodeLimits' in options && Object.keys(options.nodeLimits ?? {}).length === 0)).toBe(
      false,
    );
  });

  it('draws each option of the workload in a quarter of the cases, from its own texts', () => {
    const options = all().map(({ workloadOptions = {} }) => workloadOptions);
    const shapes = options.flatMap(({ shape }) => shape ?? []);
    expectAbout(shapes.length, 0.25);
    expect(new Set(shapes)).toEqual(new Set(['line', 'ring']));
    expect(new Set(options.flatMap(({ mistakes }) => mistakes ?? []))).toEqual(new Set(['9']));
    for (const { workloadOptions } of all({ options: {} })) expect(workloadOptions).toBeUndefined();
  });

  it('keeps the options of the workload that were given', () => {
    const workloadOptions = { size: '3' };
    const drawn = Array.from({ length: SEEDS }, (_, seed) => drawSwarm({ ...given(seed), workloadOptions }, SWARM));
    for (const options of drawn) expect(options.workloadOptions).toMatchObject(workloadOptions);
    expect(drawn.some((options) => options.workloadOptions?.shape !== undefined)).toBe(true);
  });

  it('may draw the limits that a workload declares, and its options that have texts for it', () => {
    const option = { value: 'N', text: '', absent: undefined, parse: Number };
    const test = { options: { mistakes: { ...option, drawn: ['20'] }, size: option } };
    const drawn = { faults: true, pace: true, options: { mistakes: ['20'] } };
    expect(swarmOf({ test, limits: { page: [1] } })).toEqual({ ...drawn, limits: { page: [1] } });
    expect(swarmOf({ test: {} })).toEqual({ ...drawn, limits: {}, options: {} });
  });

  it('has as many operations and faults a second as ever, or more, for a shorter time', () => {
    const { ratePerSecond, timeLimitMs, nemesisIntervalMs, concurrency } = given(0);
    const swarmed = all().filter((options) => options.timeLimitMs !== timeLimitMs);
    expectAbout(swarmed.length, 0.5);
    const paces = swarmed.map((options) => {
      const pace = options.ratePerSecond / ratePerSecond;
      expect([options.timeLimitMs, options.nemesisIntervalMs, options.concurrency]).toEqual([
        timeLimitMs / 3.2 / pace,
        nemesisIntervalMs / pace,
        concurrency * pace,
      ]);
      return pace;
    });
    expectAbout(paces.filter((pace) => pace === 1).length, 1 / 4);
    for (const busy of [2, 4]) expectAbout(paces.filter((pace) => pace === busy).length, 1 / 8);
    expect(new Set(paces)).toEqual(new Set([1, 2, 4]));
  });

  it('draws only what it may', () => {
    const { faults, ratePerSecond, timeLimitMs } = given(0);
    for (const options of all({ faults: false })) expect(options.faults).toEqual(faults);
    for (const options of all({ pace: false })) expect(options).toMatchObject({ ratePerSecond, timeLimitMs });
    for (const options of all({ limits: {} })) expect(options).not.toHaveProperty('nodeLimits');
  });

  it('keeps what is neither fault nor limit nor pace', () => {
    for (const [seed, options] of all().entries()) {
      const { nodes, latencyMeanMs, latencyDistribution } = given(seed);
      expect(options).toMatchObject({ seed: String(seed), nodes, latencyMeanMs, latencyDistribution });
    }
  });
});
