/** Options that an author declares for a workload: from the command line, from code, in records and in replays. */

import { describe, expect, it } from 'vitest';
import { EXPLORE_OPTIONS } from '../../src/cli/explore-options.ts';
import { FUZZ_OPTIONS, interpretFuzzOptions } from '../../src/cli/fuzz-options.ts';
import { parseWithModules } from '../../src/cli/module-arguments.ts';
import { testArguments } from '../../src/cli/test-arguments.ts';
import { interpretTestOptions, TEST_OPTIONS } from '../../src/cli/test-options.ts';
import { encodeReplay, parseReplay } from '../../src/harness/replay.ts';
import {
  completeWith,
  defineWorkload,
  fuzz,
  linearizable,
  type OptionDeclarations,
  registerModel,
  replay,
  run,
} from '../../src/library/testing.ts';
import { Get, Put, registerNode } from './nodes.ts';

const MODULES = ['-w', 'test/fixtures/library/register-workload.ts', '--node', 'test/fixtures/library/register.ts'];

const register = defineWorkload({
  name: 'register',
  options: {
    values: { type: 'integer', default: 5, least: 1, most: 9, text: 'How many values are written.', drawn: [1, 9] },
    reads: { type: 'number', default: 0.5, least: 0, most: 1, text: 'The share of reads.' },
    odd: { type: 'boolean', default: false, text: 'Writes odd values.' },
    first: { type: 'text', default: 'a', oneOf: ['a', 'b'], text: 'A word.' },
  },
  test: ({ values, reads, odd, first }) => ({
    reusableClients: true,
    survivesDiskLoss: false,
    createGenerator: (random) => () => {
      // Each has its declared type.
      const words: [number, number, boolean, string] = [values, reads, odd, first];
      if (words.includes('b')) throw new Error('the word is b');
      if (random.integer(1000) < reads * 1000) return { f: 'read', value: null };
      return { f: 'write', value: odd ? 2 * random.integer(values) + 1 : random.integer(values) };
    },
    createInvoke:
      () =>
      async (client, { f, value }) =>
        f === 'read'
          ? completeWith(await client.rpc(Get, {}), null, (reply) => reply.value)
          : completeWith(await client.rpc(Put, { value: value as number }), value, () => value),
    checker: () => linearizable({ model: registerModel }),
  }),
});
const setup = { node: registerNode, workload: register, nodeCount: 1, faults: [], timeLimitMs: 3000 };

async function written(options?: Record<string, number | boolean | string>): Promise<Set<unknown>> {
  const { history } = await run({ ...setup, ...(options && { options }) });
  return new Set([...history].filter(({ f, type }) => f === 'write' && type === 'invoke').map(({ value }) => value));
}

describe('from code', () => {
  it('they have their types and defaults', async () => {
    expect([...(await written())].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(await written({ values: 1, reads: 0.1 })).toEqual(new Set([0]));
    expect(await written({ values: 2, odd: true })).toEqual(new Set([1, 3]));
    expect(await written({ values: '2', reads: 1 })).toEqual(new Set());
    await expect(run({ ...setup, options: { first: 'b' } })).rejects.toThrow('the word is b');
  });

  it.each([
    [{ values: 10 }, 'options.values 10: expected a whole number of at least 1 and of at most 9'],
    [{ values: 1.5 }, 'options.values 1.5: expected a whole number'],
    [{ reads: 'many' }, 'options.reads "many": expected a number of at least 0'],
    [{ odd: 1 }, 'options.odd 1: expected one of true, false'],
    [{ first: 'c' }, 'options.first "c": expected one of a, b'],
    [{ value: 1 }, 'options.value: the workload register has no such option; did you mean values?'],
  ])('%j is refused', async (options, text) => {
    await expect(run({ ...setup, options } as never)).rejects.toThrow(text);
  });

  it('are drawn by fuzz if they say so, and kept by the schedule', async () => {
    const wrong = { ...setup, nodeCount: 2, timeLimitMs: undefined } as never as typeof setup;
    const { schedule = '' } = await fuzz({ ...wrong, seeds: 20, options: { values: 4 }, shrinkMs: 20_000 });
    expect(parseReplay(schedule).options.workloadOptions).toEqual({ values: '4' });
    expect(await replay({ ...setup, schedule })).toMatchObject({ valid: false });
    const { options, ...recorded } = parseReplay(schedule);
    const other = encodeReplay({ ...recorded, options: { ...options, workloadOptions: { values: '10' } } });
    await expect(replay({ ...setup, schedule: other })).rejects.toThrow('options.values "10": expected a whole number');
  });
});

describe('a declaration', () => {
  it.each<[object, string]>([
    [{ Values: { type: 'integer', default: 1, text: 'A.' } }, 'options.Values: expected a name of lower-case words'],
    [{ values: { type: 'int', default: 1, text: 'A.' } }, 'options.values: expected a type: integer, number, boolean'],
    [{ values: { type: 'integer', default: 1 } }, 'options.values: text is missing'],
    [{ values: { type: 'integer', text: 'A.' } }, 'options.values: default undefined: expected a number'],
    [
      { values: { type: 'integer', default: 1, least: 2, text: 'A.' } },
      'default 1: expected a whole number of at least 2',
    ],
    [{ values: { type: 'boolean', default: true, drawn: ['no'], text: 'A.' } }, 'drawn "no": expected a boolean'],
  ])('%j is refused', (options, text) => {
    expect(() => defineWorkload({ name: 'mine', options: options as OptionDeclarations, test: register.test })).toThrow(
      text,
    );
  });

  it('does not save the checker from being checked', async () => {
    const test = { ...register.test, checker: () => ({ check: () => 5 as never }) };
    const slip = defineWorkload({ name: 'slip', test: { ...test, configure: () => test } });
    expect(await run({ ...setup, workload: slip })).toMatchObject({ valid: 'unknown' });
  });
});

describe('on the command line', () => {
  it('they are parsed, and are in the command that repeats a run', async () => {
    const { parsed, loaded } = await parseWithModules(FUZZ_OPTIONS, [...MODULES, '--values', '3']);
    const { workload, options } = interpretFuzzOptions(parsed, loaded);
    expect(options.workloadOptions).toEqual({ values: '3' });
    const words = testArguments(workload, { ...options, seed: '1' });
    expect(words.join(' ')).toContain('--values 3');
    const again = await parseWithModules(TEST_OPTIONS, words);
    expect(interpretTestOptions(again.parsed, again.loaded).options).toEqual({ ...options, seed: '1' });
  });

  it.each([
    [['--values', 'many'], '--values "many": expected a whole number of at least 1'],
    [['--value', '3'], "Unknown option '--value'; did you mean --values?"],
  ])('%j is refused', async (words, text) => {
    for (const options of [TEST_OPTIONS, FUZZ_OPTIONS])
      await expect(
        parseWithModules(options as typeof TEST_OPTIONS, [...MODULES, ...words]).then(({ parsed, loaded }) =>
          interpretTestOptions(parsed, loaded),
        ),
      ).rejects.toThrow(text);
    await expect(parseWithModules(EXPLORE_OPTIONS, ['-w', 'echo', '--values', '3'])).rejects.toThrow('Unknown option');
  });

  it('must not have the name of an option of a command', async () => {
    await expect(parseWithModules(FUZZ_OPTIONS, ['-w', './test/fixtures/modules/takes-rate.mjs'])).rejects.toThrow(
      'its option --rate is one of snowstorm; give it another name',
    );
  });
});
