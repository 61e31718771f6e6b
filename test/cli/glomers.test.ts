/** The challenges of Gossip Glomers: the table, and what results are worth. Their runs are in `test/process/`. */

import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckResult, Validity } from '../../src/checkers/checker.ts';
import { CHALLENGES, type Challenge } from '../../src/cli/glomers-challenges.ts';
import { glomersCommand } from '../../src/cli/glomers-command.ts';
import { describeScores, describeTargets, type Score, scoreRun, verdictOf } from '../../src/cli/glomers-score.ts';
import { parseOptions } from '../../src/cli/options.ts';
import { interpretTestOptions, TEST_OPTIONS, WORKLOAD_OPTIONS } from '../../src/cli/test-options.ts';

const SNOWSTORM = fileURLToPath(new URL('../../bin/snowstorm', import.meta.url));
const LINE_MAX = 132;

function challenge(wanted: string): Challenge {
  return CHALLENGES.find(({ name }) => name === wanted) as Challenge;
}

/** The results of a broadcast, as far as challenges read them. */
function results(valid: Validity, messages: number | undefined, latencies?: readonly [number, number]): CheckResult {
  const [median, maximum] = latencies ?? [];
  return {
    net: { all: { 'msgs-per-op': 99 }, clients: {}, servers: { 'msgs-per-op': messages } },
    workload: { 'valid?': valid, ...(latencies && { 'stable-latencies': { 0: 0, 0.5: median, 0.99: 1, 1: maximum } }) },
    'valid?': valid,
  };
}

const scoreOf = (name: string, ...runs: readonly CheckResult[]): Score => ({
  challenge: challenge(name),
  runs: runs.map((result) => scoreRun(challenge(name), result, false)),
});

describe('the table', () => {
  it('has every challenge of the site once', () => {
    const names = CHALLENGES.map(({ name }) => name);
    expect(names.join(' ')).toBe('1 2 3a 3b 3c 3d 3e 4 5a 5b 5c 6a 6b 6c');
  });

  it.each(CHALLENGES)('has options for $name that the test takes', ({ runs }) => {
    for (const options of runs) {
      const { workload, options: run } = interpretTestOptions(
        parseOptions(TEST_OPTIONS, [...options.split(' '), '--bin', SNOWSTORM], WORKLOAD_OPTIONS),
      );
      expect(options).toContain(`-w ${workload.name} `);
      expect(`${options} `).toContain(`--node-count ${run.nodes.length} `);
      expect(run.faults).toEqual(options.includes('partition') ? ['partition'] : []);
    }
  });

  it('names whose figures are the best known ones, and no best figure misses its target', () => {
    for (const { targets, bestKnownOf } of CHALLENGES) {
      expect(bestKnownOf !== undefined).toBe(targets.length > 0);
      for (const { below, bestKnown } of targets) expect(bestKnown).toBeLessThan(below ?? Number.POSITIVE_INFINITY);
    }
  });

  it('asks of 3e fewer messages than of 3d, and leaves more time', () => {
    const limits = (name: string) => challenge(name).targets.map(({ below }) => below);
    expect(limits('3d')).toEqual([30, 400, 600]);
    expect(limits('3e')).toEqual([20, 1000, 2000]);
  });
});

describe('a run', () => {
  it('passes when it is valid and every figure is below its limit', () => {
    expect(scoreRun(challenge('3d'), results(true, 29.9, [399, 599]), false).verdict).toBe(true);
  });

  it.each<[string, CheckResult]>([
    ['as many messages as the limit', results(true, 30, [399, 599])],
    ['the median', results(true, 2, [400, 599])],
    ['the maximum', results(true, 2, [399, 600])],
    ['the verdict', results(false, 2, [399, 599])],
    ['the verdict, without figures', results(false, undefined)],
  ])('fails by %s', (_, result) => {
    expect(scoreRun(challenge('3d'), result, false).verdict).toBe(false);
  });

  it.each<[string, CheckResult]>([
    ['no messages were counted', results(true, undefined, [399, 599])],
    ['no value became stable', results(true, 2)],
    ['its own verdict is', results('unknown', 2, [399, 599])],
    ['it has no results but that', { 'valid?': true }],
  ])('is unknown when %s', (_, result) => {
    expect(scoreRun(challenge('3d'), result, false).verdict).toBe('unknown');
  });

  it('is not passed when a signal stopped it, and a failure stays one', () => {
    expect(scoreRun(challenge('1'), results(true, 0), true).verdict).toBe('unknown');
    expect(scoreRun(challenge('1'), results(false, 0), true).verdict).toBe(false);
  });

  it('passes with any amount of a figure without a limit', () => {
    const run = scoreRun(challenge('5c'), results(true, 1000), false);
    expect(run.verdict).toBe(true);
    expect(describeTargets(run)).toEqual([
      '           messages per operation  1000          no target  best known 6.5',
      '           ok fraction             not measured  no target  best known 0.9995',
    ]);
  });

  it('tells of every target the verdict, the figure, the limit and the best known figure', () => {
    expect(describeTargets(scoreRun(challenge('3d'), results(true, 27.8123, [452.04, 599]), false))).toEqual([
      '  pass     messages per operation  27.81   below 30      best known 1.72',
      '  FAIL     median latency          452 ms  below 400 ms  best known 231 ms',
      '  pass     maximum latency         599 ms  below 600 ms  best known 347 ms',
    ]);
    expect(describeTargets(scoreRun(challenge('3d'), results(true, 27.8), false))[1]).toBe(
      '  unknown  median latency          not measured  below 400 ms  best known 231 ms',
    );
    expect(describeTargets(scoreRun(challenge('1'), results(true, 0), false))).toEqual([]);
  });

  it('shows all digits where rounding would put a figure on the other side of its limit', () => {
    const [line] = describeTargets(scoreRun(challenge('3d'), results(true, 29.9999, [1, 1]), false));
    expect(line).toBe('  pass     messages per operation  29.9999  below 30      best known 1.72');
  });
});

describe('a challenge', () => {
  it('is passed when all of its runs are', () => {
    expect(verdictOf(scoreOf('6b', results(true, 1), results(true, 1)))).toBe(true);
    expect(verdictOf(scoreOf('6b', results(true, 1), results(false, 1)))).toBe(false);
    expect(verdictOf(scoreOf('6b', results(true, 1)))).toBe('unknown');
    expect(verdictOf(scoreOf('6b', results(false, 1)))).toBe(false);
    expect(verdictOf(scoreOf('6b'))).toBe('unknown');
  });

  it('has a line on the scorecard, with all that was missed', () => {
    const scores = [
      scoreOf('1', results(true, 0)),
      scoreOf('3d', results(true, 35.1, [500, 590])),
      scoreOf('3e', results(false, 35.1)),
      scoreOf('6a', results('unknown', 0)),
      scoreOf('6b'),
    ];
    expect(describeScores(scores)).toBe(`Scorecard

  1   pass     Echo
  3d  FAIL     Efficient broadcast, part I: messages per operation 35.1, wanted below 30; median latency 500 ms, \
wanted below 400 ms
  3e  FAIL     Efficient broadcast, part II: the run is invalid; messages per operation 35.1, wanted below 20; \
median latency not measured; maximum latency not measured
  6a  unknown  Single-node, totally-available transactions: the verdict of the run is unknown
  6b  not run  Totally-available, read uncommitted transactions

1 of 5 passed.
`);
  });
});

describe('the command', () => {
  let printed = '';
  beforeEach(() => {
    printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += text;
      return true;
    });
  });
  afterEach(() => vi.restoreAllMocks());

  it('lists every challenge with commands to paste, its targets and the best known figures', async () => {
    expect(await glomersCommand([])).toBe(0);
    for (const { name, title, runs } of CHALLENGES) {
      expect(printed).toMatch(new RegExp(`^${name} +${title}$`, 'm'));
      for (const options of runs)
        expect(printed.replaceAll(/ \\\n */g, ' ')).toContain(`\n      snowstorm test ${options} --bin FILE\n`);
    }
    expect(printed).toContain('\n      median latency          below 400 ms  best known 231 ms\n');
    expect(printed).toContain('\n      best known: a star in which');
    expect(printed.split('\n').filter((line) => line.length > LINE_MAX)).toEqual([]);
  });

  it('tells how it is used', async () => {
    expect(await glomersCommand(['--help', '3d'])).toBe(0);
    expect(printed).toMatch(/^Usage: snowstorm glomers\n/);
    expect(printed.split('\n').filter((line) => line.length > LINE_MAX)).toEqual([]);
  });
});
