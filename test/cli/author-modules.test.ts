/** Modules of an author on the command line: what is tested, which faults are injected, and how a run is repeated. */

import { describe, expect, it } from 'vitest';
import { chooseWorkload, loadModules } from '../../src/cli/author-modules.ts';
import { EXPLORE_OPTIONS } from '../../src/cli/explore-options.ts';
import { FUZZ_OPTIONS, interpretFuzzOptions } from '../../src/cli/fuzz-options.ts';
import { parseOptions } from '../../src/cli/options.ts';
import { replayCommand, testArguments } from '../../src/cli/test-arguments.ts';
import { interpretTestOptions, requireNode, TEST_OPTIONS, WORKLOAD_OPTIONS } from '../../src/cli/test-options.ts';
import { NODE_FAULTS } from '../../src/harness/fault.ts';
import { defineNode, type NodeOptions } from '../../src/library/node.ts';
import { defineWorkload } from '../../src/library/testing.ts';
import { broadcast } from '../../src/workloads/broadcast/workload.ts';
import { ids } from '../../src/workloads/ids/workload.ts';
import { snowstorm } from '../support/snowstorm-process.ts';

const FIXTURES = 'test/fixtures/modules';

function loadedWith(options: Partial<NodeOptions> = {}) {
  return { node: { file: './my node.ts', definition: defineNode({ name: 'mine', handlers: () => [], ...options }) } };
}

function fuzzed(args: readonly string[], loaded = loadedWith()) {
  return interpretFuzzOptions(parseOptions(FUZZ_OPTIONS, args, WORKLOAD_OPTIONS), loaded);
}

describe('a node of an author', () => {
  it('is fuzzed with the faults that take nothing away from it', () => {
    const { faults } = fuzzed(['-w', 'broadcast']).options;
    expect(faults).toEqual(NODE_FAULTS.filter((fault) => !/kill|disk|clock-restart/.test(fault)));
    expect(faults).toContain('partition');
  });

  it('is fuzzed with what it says it survives', () => {
    expect(
      fuzzed(['-w', 'broadcast'], loadedWith({ survives: ['pause', 'kill', 'disk-loss'] })).options.faults,
    ).toEqual(['kill', 'disk-loss', 'pause']);
    expect(() => fuzzed(['-w', 'broadcast'], loadedWith({ survives: ['rain' as 'kill'] }))).toThrow(
      '--node ./my node.ts: mine survives "rain": there is no such fault',
    );
  });

  it('gets other faults if they are asked for', () => {
    expect(fuzzed(['-w', 'broadcast', '--nemesis', 'kill']).options.faults).toEqual(['kill']);
  });

  it('has no limits and no options of our own node', () => {
    const workload = chooseWorkload(ids, loadedWith());
    expect(workload).not.toHaveProperty('limits');
    expect(() => fuzzed(['-w', 'voucher', '--members', 'registered'])).toThrow('has no option --members');
  });

  it('is in the command that repeats a run, with the same faults', () => {
    const { workload, options } = fuzzed(['-w', 'broadcast', '--nemesis', 'all', '--time-limit', '3']);
    const words = testArguments(workload, { ...options, seed: '1' });
    expect(words.slice(0, 4)).toEqual(['-w', 'broadcast', '--node', './my node.ts']);
    expect(words.join(' ')).toContain('--nemesis all');
    const again = interpretTestOptions(parseOptions(TEST_OPTIONS, words, WORKLOAD_OPTIONS), loadedWith());
    expect(again.options).toEqual({ ...options, seed: '1' });
    expect(replayCommand('a.json', workload.modules)).toBe("snowstorm test --replay a.json --node './my node.ts'");
  });

  it('cannot be a process or a service', () => {
    const args = ['-w', 'broadcast', '--node', 'a.ts', '--bin', 'bin/maelstrom-node'];
    expect(() => interpretTestOptions(parseOptions(TEST_OPTIONS, args), loadedWith())).toThrow(
      '--node cannot be combined with --bin: it is simulated',
    );
  });
});

describe('a workload of an author', () => {
  const workload = { ...defineWorkload({ name: 'mine', test: broadcast.test }), modules: { workload: './mine.ts' } };

  it('is tested with a node of the author', () => {
    const chosen = requireNode(undefined, { workload, ...loadedWith() }, 'test');
    expect(chosen).toMatchObject({ name: 'mine', modules: { workload: './mine.ts', node: './my node.ts' } });
    expect(replayCommand('a.json', chosen.modules)).toBe(
      "snowstorm test --replay a.json -w ./mine.ts --node './my node.ts'",
    );
  });

  it('needs a node, as a program or a module', () => {
    expect(() => requireNode(undefined, { workload }, 'test')).toThrow(
      '-w mine: there is no node of ours that serves it; give yours with --node MODULE',
    );
    expect(() => interpretTestOptions(parseOptions(TEST_OPTIONS, ['-w', './mine.ts']), { workload })).toThrow(
      'name the program of yours with --bin FILE, or its module with --node MODULE',
    );
  });

  it('is not looked up among ours, even under a name of ours', () => {
    const echo = { ...workload, name: 'echo' };
    expect(() => requireNode(undefined, { workload: echo }, 'test')).toThrow('there is no node of ours that serves it');
  });

  it('is parsed as a file by every command', () => {
    for (const options of [TEST_OPTIONS, FUZZ_OPTIONS, EXPLORE_OPTIONS])
      expect(parseOptions(options, ['-w', './mine.ts']).values.workload).toBeUndefined();
  });
});

describe('modules', () => {
  it('are loaded only if they are named', async () => {
    expect(await loadModules({ workload: 'echo' })).toEqual({ notes: expect.anything() });
  });

  it.each([
    [{ node: 'nowhere.ts' }, '--node nowhere.ts: there is no such file'],
    [{ node: `${FIXTURES}/exports-nothing.mjs` }, 'it has no default export; export default defineNode({ … })'],
    [
      { workload: `./${FIXTURES}/exports-nothing.mjs` },
      'it has no default export; export default defineWorkload({ … })',
    ],
    [{ node: `${FIXTURES}/typed.ts` }, 'its default export is no node; export default defineNode({ … })'],
    [{ workload: `./${FIXTURES}/typed.ts` }, 'its default export is no workload; export default defineWorkload({ … })'],
    [{ workload: 'test/fixtures/library/register.ts' }, 'its default export is a node, which --node takes; export'],
    [
      { node: 'test/fixtures/library/register-workload.ts' },
      'its default export is a workload, which -w takes; export',
    ],
    [
      { node: `${FIXTURES}/throws.cjs` },
      `--node ${FIXTURES}/throws.cjs: ${FIXTURES}/throws.cjs:1: Error: no luck today`,
    ],
  ])('are refused with what is wrong: %j', async (texts, reason) => {
    await expect(loadModules(texts as Record<string, string>)).rejects.toThrow(reason);
  });
});

describe('a module that ends the command', () => {
  it.each(['exits.mjs', 'never-loads.mjs'])('%s does not look like a valid run', async (file) => {
    const ended = await snowstorm(['test', '-w', 'broadcast', '--node', `${FIXTURES}/${file}`, '--store', 'none']);
    expect(ended.stderr).toContain('the command ended before its end: a module calls process.exit');
    expect(ended.status).toBe(255);
  });
});
