import { describe, expect, it } from 'vitest';
import { FUZZ_OPTIONS, interpretFuzzOptions } from '../../src/cli/fuzz-options.ts';
import { parseOptions } from '../../src/cli/options.ts';
import { testArguments } from '../../src/cli/test-arguments.ts';
import { interpretTestOptions, TEST_OPTIONS } from '../../src/cli/test-options.ts';

describe('the arguments of a test', () => {
  it.each([
    [],
    ['--node-count', '5'],
    ['--node-count', '1', '--concurrency', '7'],
    ['--concurrency', '3', '--rate', 'Infinity', '--latency', '0', '--latency-dist', 'uniform'],
    ['--time-limit', '0.0035', '--nemesis-interval', '1.0005'],
    ['--nemesis', 'kill'],
    ['--nemesis', 'pause=0.3,loss=0.25,kill,delay', '--availability', '0.995'],
    ['--nemesis', 'all,kill=2,loss=0', '--availability', 'total'],
  ])('make the run of a fuzz again: %j', (...args) => {
    const { workload, options } = interpretFuzzOptions(parseOptions(FUZZ_OPTIONS, ['-w', 'unique-ids', ...args]));
    const run = { ...options, seed: '12' };
    const again = interpretTestOptions(parseOptions(TEST_OPTIONS, testArguments(workload, run)));
    expect(again).toEqual({ workload, program: undefined, options: run });
  });

  it('give back every time that can be asked for, to the last bit', () => {
    for (let step = 1; step < 2000; step++) {
      const seconds = String(step * 0.0137);
      const args = ['-w', 'echo', '--time-limit', seconds, '--nemesis', `kill=${seconds}`];
      const { workload, options } = interpretFuzzOptions(parseOptions(FUZZ_OPTIONS, args));
      const again = interpretTestOptions(
        parseOptions(TEST_OPTIONS, testArguments(workload, { ...options, seed: '1' })),
      );
      expect(again.options.timeLimitMs).toBe(options.timeLimitMs);
      expect(again.options.faultValues).toEqual(options.faultValues);
    }
  });

  it('name all faults by one word', () => {
    const { workload, options } = interpretFuzzOptions(
      parseOptions(FUZZ_OPTIONS, ['-w', 'echo', '--nemesis', 'all,kill=2']),
    );
    expect(testArguments(workload, { ...options, seed: '1' }).join(' ')).toBe(
      '-w echo --time-limit 20 --rate 50 --concurrency 4n --latency 5 --latency-dist exponential ' +
        '--nemesis all,kill=2 --nemesis-interval 4 --seed 1',
    );
  });
});
