import { describe, expect, it } from 'vitest';
import { exploreCommand } from '../../src/cli/explore-command.ts';
import { formatExploration, formatOrders } from '../../src/cli/explore-result.ts';
import { UsageError } from '../../src/cli/options.ts';

describe('snowstorm explore', () => {
  it.each([
    [[], '-w NAME is missing: name the workload to explore'],
    [['-w', 'echo', '--depth', '0'], '--depth "0": expected a whole number from 1 to 5'],
    [['-w', 'echo', '--actions', 'kill,kil'], '--actions "kill,kil": expected one of kill, kill-unsynced'],
    [
      ['-w', 'echo', '--orders', '--depth', '2'],
      '--orders injects no faults, so --depth, --actions, --at and --hit cannot be used',
    ],
    [
      ['-w', 'echo', '--orders', '--actions', 'kill'],
      '--orders injects no faults, so --depth, --actions, --at and --hit cannot be used',
    ],
    [
      ['-w', 'echo', '--orders', '--at', 'cas'],
      '--orders injects no faults, so --depth, --actions, --at and --hit cannot be used',
    ],
    [
      ['-w', 'echo', '--orders', '--hit', 'kill@1'],
      '--orders injects no faults, so --depth, --actions, --at and --hit cannot be used',
    ],
    [['-w', 'echo', '--orders', '--order', '1'], '--orders tries all orders, so --order cannot be used'],
    [
      ['-w', 'echo', '--order', '1', '--hit', 'kill@1'],
      '--order injects no faults, so --depth, --actions, --at and --hit cannot be used',
    ],
    [['-w', 'echo', '--order', '1,2'], '--order "1,2": expected numbers separated by dots, such as 0.2.1'],
    [['-w', 'echo', '--order', '7', '--seed', '1'], '--order: choice 1 is 7, and there are 6 messages in flight'],
    [
      ['-w', 'echo', '--depth', '2', '--hit', 'kill@1'],
      '--hit makes one run with the hits that it names, so --depth cannot be used',
    ],
    [['-w', 'echo', '--hit', 'kill'], '--hit "kill": expected ACTION@STEP, such as kill@23, not "kill"'],
    [['-w', 'echo', '--hit', 'kill@1,@2'], '--hit "kill@1,@2": expected one of kill, kill-unsynced'],
    [['-w', 'echo', '--hit', 'kill@0'], '--hit "kill@0": expected a whole number of at least 1'],
    [['-w', 'echo', '--hit', 'kill@2,kill@2'], '--hit "kill@2,kill@2": expected steps in ascending order'],
    [['-w', 'echo', '--hit', 'pause@2#1'], '--hit "pause@2#1": pause has no damage to draw; leave out #1'],
    [['-w', 'echo', '--hit', 'kill-torn@2#4'], '--hit "kill-torn@2#4": expected a draw from #0 to #3'],
    [['-w', 'saga', '--members', 'all'], '--members "all": expected fixed or registered'],
    [['-w', 'saga', '--mistakes', '5'], '--mistakes 5: the workload saga has no option --mistakes'],
    [['-w', 'echo', '--', 'argument'], 'unexpected argument "argument"'],
  ])('refuses %j', async (args, text) => {
    await expect(exploreCommand(args)).rejects.toThrow(UsageError);
    await expect(exploreCommand(args)).rejects.toThrow(text);
  });
});

describe('the result of an exploration', () => {
  it('says what was covered, why it stopped, and which runs failed', () => {
    const text = formatExploration(
      {
        steps: 14,
        schedules: 40,
        runs: 61,
        levels: [
          { tried: 28, planned: 28, runs: 40 },
          { tried: 20, planned: 1000, runs: 20 },
        ],
        complete: false,
        stoppedBecause: 'the limit of 40 schedules was reached',
        failureCount: 1,
        failures: [
          {
            injections: [
              { step: 3, node: 'n0', text: 'after write a', action: 'kill-torn', draw: 2 },
              { step: 9, node: 'n1', text: 'timer', action: 'pause', draw: 0 },
            ],
            validity: false,
            results: { 'valid?': false, workload: { 'valid?': false, error: 'lost: 1' } },
          },
        ],
      },
      ['kill-torn', 'pause'],
    );
    expect(text.split('\n')).toEqual([
      '  1. kill-torn of n0 at step 3 (after write a), draw 2, then pause of n1 at step 9 (timer)',
      '     The run is INVALID. Lost: 1.',
      'Covered: every one of 14 steps × 2 actions (kill-torn, pause): 28, damage of power failures drawn up to 4 times: 40 runs',
      '         then later steps of each of these × 2 actions: 20 of 1,000, damage of power failures drawn up to 4 times: 20 runs',
      'In all 61 runs, 40 distinct schedules.',
      'Stopped early: the limit of 40 schedules was reached.',
      '1 of 61 runs FAILED.',
    ]);
  });

  const VALID = { steps: 14, schedules: 9, runs: 10, complete: true, failureCount: 0, failures: [] };

  it('says that all runs are valid only if all were made', () => {
    const whole = formatExploration({ ...VALID, levels: [{ tried: 14, planned: 14, runs: 9 }] }, ['pause']);
    expect(whole.split('\n')).toEqual([
      'Covered: every one of 14 steps × 1 action (pause): 14: 9 runs',
      'In all 10 runs, 9 distinct schedules.',
      'All of them are valid.',
    ]);
    const part = formatExploration(
      {
        ...VALID,
        complete: false,
        stoppedBecause: 'it was told to stop',
        levels: [{ tried: 9, planned: 14, runs: 9 }],
      },
      ['pause'],
    );
    expect(part.split('\n')).toEqual([
      'Covered: of 14 steps × 1 action (pause): 9 of 14: 9 runs',
      'In all 10 runs, 9 distinct schedules.',
      'Stopped early: it was told to stop.',
      'All 10 runs so far are valid.',
    ]);
  });

  it('says every order only if every order was tried', () => {
    const report = { arrivalsMax: 3, schedules: 9, runs: 10, failureCount: 0, failures: [] };
    expect(formatOrders({ ...report, complete: true })).toMatch(/every order[\s\S]*\nAll of them are valid\.$/);
    const part = formatOrders({ ...report, complete: false, stoppedBecause: 'it was told to stop' });
    expect(part).toMatch(/^Covered: 9 orders of [\s\S]*\nAll 10 runs so far are valid\.$/);
  });
});
