import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { FUZZ_OPTIONS, interpretFuzzOptions, optionsOfSeed } from '../../src/cli/fuzz-options.ts';
import { parseOptions } from '../../src/cli/options.ts';
import { replayCommand, shellWord, testArguments } from '../../src/cli/test-arguments.ts';
import { interpretTestOptions, TEST_OPTIONS, WORKLOAD_OPTIONS } from '../../src/cli/test-options.ts';

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
    ['--init-timeout', '30.5'],
    ['--nodes', 'n1,n2,n3'],
    ['--nodes', 'n2'],
    ["--nodes=-a , it's,Müller b,__proto__,1,0", '--nemesis', 'partition'],
  ])('make the run of a fuzz again: %j', (...args) => {
    const { workload, options } = interpretFuzzOptions(parseOptions(FUZZ_OPTIONS, ['-w', 'unique-ids', ...args]));
    const run = { ...options, seed: '12' };
    const again = interpretTestOptions(parseOptions(TEST_OPTIONS, testArguments(workload, run)));
    expect(again).toEqual({ workload, program: undefined, options: run });
  });

  it.each(['echo', 'saga'])('make the run of every seed of a swarm again: %s', (name) => {
    const task = interpretFuzzOptions(parseOptions(FUZZ_OPTIONS, ['-w', name]));
    const runs = Array.from({ length: 40 }, (_, seed) => optionsOfSeed(task, String(seed)));
    expect(new Set(runs.map(({ faults }) => faults.join())).size).toBeGreaterThan(10);
    expect(runs.some(({ nodeLimits }) => nodeLimits !== undefined)).toBe(name === 'saga');
    for (const run of runs) {
      const words = testArguments(task.workload, run);
      const again = interpretTestOptions(parseOptions(TEST_OPTIONS, words, WORKLOAD_OPTIONS));
      expect(again.options).toEqual(run);
    }
  });

  it('give back every possible time, to the last bit', () => {
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

  it('name the nodes only if they are neither the default ones nor numbered from n0', () => {
    const nodesOf = (...args: string[]) => {
      const { workload, options } = interpretTestOptions(parseOptions(TEST_OPTIONS, ['-w', 'echo', ...args]));
      const words = testArguments(workload, options);
      return words.slice(2, words.indexOf('--time-limit'));
    };
    expect(nodesOf()).toEqual([]);
    expect(nodesOf('--nodes', 'n1,n2,n3,n4,n5')).toEqual([]);
    expect(nodesOf('--nodes', 'n0,n1')).toEqual(['--node-count', '2']);
    expect(nodesOf('--nodes', 'n1,n0')).toEqual(['--nodes', 'n1,n0']);
    expect(nodesOf('--nodes=-a,b')).toEqual(['--nodes=-a,b']);
  });

  it.each(['-5', '--', "--it's", '=', '12'])('keep a seed that looks like an option: %s', (seed) => {
    const { workload, options } = interpretTestOptions(parseOptions(TEST_OPTIONS, ['-w', 'echo', `--seed=${seed}`]));
    expect(options.seed).toBe(seed);
    const again = interpretTestOptions(parseOptions(TEST_OPTIONS, testArguments(workload, options)));
    expect(again.options).toEqual(options);
  });

  it('are a file if a schedule is replayed', () => {
    expect(replayCommand('store/echo/fuzz-seed-1.json')).toBe('snowstorm test --replay store/echo/fuzz-seed-1.json');
    expect(replayCommand("my store/it's.json")).toBe("snowstorm test --replay 'my store/it'\\''s.json'");
    expect(replayCommand('-store/replay.json')).toBe('snowstorm test --replay=-store/replay.json');
  });
});

describe('a word for a shell', () => {
  it.each([
    '',
    ' ',
    "it's",
    "''",
    '"',
    '$HOME',
    '`id`',
    'a\nb',
    '\\',
    '~',
    '*',
    '#',
    '!',
    'a;b',
    '&',
    'é',
    '❄',
    '-n',
    'a=b',
  ])('is read as it is: %j', (word) => {
    expect(execFileSync('sh', ['-c', `printf %sx ${shellWord(word)}`], { encoding: 'utf8' })).toBe(`${word}x`);
  });

  it('stays as it is if it needs no quotes', () => {
    expect(shellWord('store/latest/a_b-c@1,2:3=4%+.json')).toBe('store/latest/a_b-c@1,2:3=4%+.json');
  });
});
