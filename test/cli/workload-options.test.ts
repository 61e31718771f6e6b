/** Options that only one workload has, from the command line to the run and back. */

import { expect, it } from 'vitest';
import { parseOptions } from '../../src/cli/options.ts';
import { testArguments } from '../../src/cli/test-arguments.ts';
import { interpretRun, TEST_OPTIONS } from '../../src/cli/test-options.ts';
import {
  describeWorkloadOptions,
  requireWorkloadOptions,
  tableOfWorkloadOptions,
  workloadOptionsOf,
} from '../../src/cli/workload-options.ts';
import { encodeReplay, parseReplay } from '../../src/harness/replay.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';

const SHAPES = ['grid', 'line'];
const shaped: Workload = {
  ...echo,
  name: 'shaped',
  test: {
    ...echo.test,
    options: {
      shape: {
        value: 'S',
        text: 'How nodes are arranged.',
        absent: 'grid',
        parse: (text) => {
          if (!SHAPES.includes(text)) throw new Error(`expected one of ${SHAPES.join(', ')}`);
          return text;
        },
      },
    },
  },
};
const TABLE = tableOfWorkloadOptions([shaped, uniqueIds], Object.keys(TEST_OPTIONS));

function optionsOf(workload: Workload, ...args: string[]) {
  return workloadOptionsOf(workload, TABLE, parseOptions(TEST_OPTIONS, args, TABLE).texts);
}

it('an option of a workload is taken as the text that was given', () => {
  expect(optionsOf(shaped, '--shape', 'line', '--rate', '7')).toEqual({ shape: 'line' });
  expect(optionsOf(shaped, '--rate', '7')).toBeUndefined();
});

it('a value that the workload does not know is refused, with what is expected', () => {
  expect(() => optionsOf(shaped, '--shape', 'ring')).toThrow('--shape "ring": expected one of grid, line');
});

it('a workload without the option refuses it', () => {
  const reason = '--shape line: the workload unique-ids has no option --shape; leave it out';
  expect(() => optionsOf(uniqueIds, '--shape', 'line')).toThrow(reason);
  expect(() => optionsOf(shaped, '--topology', 'line')).toThrow(
    '--topology line: the workload shaped has no topology; leave it out',
  );
});

it('an option that no workload has is unknown', () => {
  expect(() => parseOptions(TEST_OPTIONS, ['--shapes', 'line'], TABLE)).toThrow('did you mean --shape?');
});

it('a workload must not take the name of an option of the command', () => {
  const greedy = {
    ...shaped,
    test: { ...shaped.test, options: { rate: { value: 'R', text: '', absent: 1, parse: Number } } },
  };
  expect(() => tableOfWorkloadOptions([greedy], Object.keys(TEST_OPTIONS))).toThrow(
    'the option --rate of the workload shaped is taken',
  );
});

it('help has a part for each workload that has options', () => {
  expect(describeWorkloadOptions([shaped, uniqueIds])).toBe(
    '\nOptions of the workload shaped:\n\n      --shape S  How nodes are arranged.\n',
  );
  expect(describeWorkloadOptions([uniqueIds])).toBe('');
});

it('the command that repeats a run has them, and so has a replay file', () => {
  const { values } = parseOptions(TEST_OPTIONS, [], TABLE);
  const run = interpretRun(values, shaped, 'simulated', {});
  expect(run).not.toHaveProperty('workloadOptions');
  const options: RunOptions = { ...run, seed: '1', workloadOptions: { shape: 'line' } };
  expect(testArguments(shaped, options).join(' ')).toContain('--shape line --seed 1');
  const schedule = { operations: [], faults: [], messages: [] };
  expect(parseReplay(encodeReplay({ workload: 'shaped', options, schedule })).options).toEqual(options);
});

it('a replay file with an option that the workload lacks, or with a wrong value, is refused', () => {
  requireWorkloadOptions(shaped);
  requireWorkloadOptions(shaped, { shape: 'line' });
  expect(() => requireWorkloadOptions(shaped, { shapes: 'line' })).toThrow('workload shaped has no option "shapes"');
  expect(() => requireWorkloadOptions(uniqueIds, { toString: 'x' })).toThrow('has no option "toString"');
  expect(() => requireWorkloadOptions(shaped, { shape: 'ring' })).toThrow('--shape "ring": expected one of grid, line');
});
