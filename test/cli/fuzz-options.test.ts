/** What the seeds of a fuzz may draw, by what the user chose himself. */

import { describe, expect, it } from 'vitest';
import { FUZZ_OPTIONS, interpretFuzzOptions, optionsOfSeed } from '../../src/cli/fuzz-options.ts';
import { parseOptions } from '../../src/cli/options.ts';
import { WORKLOAD_OPTIONS } from '../../src/cli/test-options.ts';
import { voucher } from '../../src/workloads/voucher/workload.ts';

function taskOf(...args: string[]) {
  return interpretFuzzOptions(parseOptions(FUZZ_OPTIONS, ['-w', 'voucher', ...args], WORKLOAD_OPTIONS));
}

const ALL = { faults: true, pace: true, limits: voucher.limits, options: { members: ['registered'] } };

describe('the seeds of a fuzz', () => {
  it('draw faults, pace and the limits of the workload', () => {
    expect(taskOf().swarm).toEqual(ALL);
    expect(taskOf('--swarm', 'on', '--node-count', '3', '--latency', '9').swarm).toEqual(ALL);
  });

  it.each([
    [['--nemesis', 'kill'], { faults: false }],
    [['--nemesis', 'all'], { faults: false }],
    [['--rate', '10'], { pace: false }],
    [['--time-limit', '5'], { pace: false }],
    [['--concurrency', '1n'], { pace: false }],
    [['--nemesis-interval', '1'], { pace: false }],
    [['--limits', 'page=3'], { limits: {} }],
  ])('do not draw what was given: %j', (args, left) => {
    expect(taskOf(...args).swarm).toEqual({ ...ALL, ...left });
  });

  it('draw the options of the workload but those that were given', () => {
    const optionsOf = (...args: string[]) => taskOf('-w', 'saga', ...args).swarm?.options;
    expect(optionsOf()).toEqual({ mistakes: ['20'], members: ['registered'] });
    expect(optionsOf('--mistakes', '7')).toEqual({ members: ['registered'] });
    expect(optionsOf('--members', 'fixed')).toEqual({ mistakes: ['20'] });
    expect(optionsOf('--limits', 'group=1')).toEqual({ mistakes: ['20'], members: ['registered'] });
  });

  it('have the limits that were given', () => {
    const task = taskOf('--limits', 'page=3', '--seeds', '40');
    for (let seed = 1; seed <= 40; seed++) expect(optionsOfSeed(task, String(seed)).nodeLimits).toEqual({ page: 3 });
  });

  it('draw nothing without a swarm', () => {
    const task = taskOf('--swarm', 'off');
    expect(task.swarm).toBeUndefined();
    for (let seed = 1; seed <= 40; seed++)
      expect(optionsOfSeed(task, String(seed))).toEqual({ ...task.options, seed: String(seed) });
  });

  it('refuse anything else than on and off', () => {
    expect(() => taskOf('--swarm', 'no')).toThrow('--swarm "no": expected one of on, off');
  });
});
