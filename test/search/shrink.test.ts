import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { encodeReplay, parseReplay } from '../../src/harness/replay.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { Schedule } from '../../src/harness/schedule.ts';
import { History } from '../../src/history/history.ts';
import { failureSignature } from '../../src/search/failure.ts';
import { type ShrinkOptions, type ShrinkResult, shrink } from '../../src/search/shrink.ts';
import { rounderAmounts } from '../../src/search/shrink-steps.ts';
import type { Subject } from '../../src/simulator/simulation.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import {
  forgetsItsPast,
  losesItsHead,
  OPTIONS,
  record,
  sharesNodeNumber,
  simulate,
} from '../support/wrong-subjects.ts';

/** A wrong subject, and a run of it that fails. */
const EXAMPLES: Readonly<Record<string, { subject: Subject; options: RunOptions; eventsMax: number }>> = {
  'two nodes with one number': { subject: sharesNodeNumber, options: OPTIONS, eventsMax: 2 },
  'two nodes with one number, under faults that do not matter': {
    subject: sharesNodeNumber,
    options: { ...OPTIONS, faults: ['partition', 'kill', 'loss'] },
    eventsMax: 2,
  },
  'a restart with the clock set back': {
    subject: forgetsItsPast,
    options: {
      ...OPTIONS,
      seed: '12',
      concurrency: 60,
      ratePerSecond: 200,
      timeLimitMs: 20_000,
      faults: ['clock-restart', 'partition', 'duplication'],
      nemesisIntervalMs: 3000,
    },
    eventsMax: 3,
  },
  'a request that comes twice': {
    subject: losesItsHead,
    options: { ...OPTIONS, faults: ['partition', 'duplication'], timeLimitMs: 10_000 },
    eventsMax: 3,
  },
};

const eventCount = ({ operations, faults, messages }: Schedule) => operations.length + faults.length + messages.length;

async function shrinkExample(name: string, change: Partial<ShrinkOptions> = {}): Promise<ShrinkResult> {
  const { subject, options } = EXAMPLES[name] as (typeof EXAMPLES)[string];
  const { outcome, schedule } = await record(subject, options);
  const signature = failureSignature(outcome.results);
  const attempt = (candidate: RunOptions) => simulate(subject, candidate);
  return shrink({ attempt, options, schedule, signature, runsMax: 500, ...change });
}

describe.each(Object.entries(EXAMPLES))('%s', (name, { subject, options, eventsMax }) => {
  it('is reduced to a run of very few events that fails in the same way, and replays from its file', async () => {
    const result = await shrinkExample(name);
    expect(result).toMatchObject({ reproduced: true, complete: true });
    expect(result.runs).toBeLessThan(200);
    expect(eventCount(result.schedule)).toBeLessThanOrEqual(eventsMax);
    expect(result.options.nodes.length).toBeLessThanOrEqual(2);
    expect(result.options.concurrency).toBeLessThanOrEqual(2);
    expect(result.options.timeLimitMs).toBeLessThanOrEqual(100);
    expect(result.options.latencyMeanMs).toBe(0);
    const outcome = await simulate(subject, { ...result.options, schedule: result.schedule });
    expect(failureSignature(outcome.results)).toContain('workload');
    const replay = parseReplay(encodeReplay({ workload: subject.name, ...result }));
    const again = await simulate(subject, { ...replay.options, schedule: replay.schedule });
    expect([...again.history]).toEqual([...outcome.history]);
    expect(await shrinkExample(name)).toEqual(result);
    expect(options.nodes).toEqual(expect.arrayContaining([...result.options.nodes]));
  });
});

describe('a search for a smaller run', () => {
  const WRONG = 'two nodes with one number';

  it('is refused for a run that did not fail', async () => {
    const { outcome, schedule } = await record(subjectOf(uniqueIds), { ...OPTIONS, timeLimitMs: 100 });
    const signature = failureSignature(outcome.results);
    expect(signature).toEqual([]);
    const attempt = () => Promise.reject(new Error('never run'));
    await expect(shrink({ attempt, options: OPTIONS, schedule, signature, runsMax: 9 })).rejects.toThrow(
      'did not fail',
    );
  });

  it('ends when the runs are used up, with the smallest run so far', async () => {
    const { schedule: whole } = await record(sharesNodeNumber, OPTIONS);
    for (const runsMax of [1, 2, 5, 20]) {
      const seen: number[] = [];
      const result = await shrinkExample(WRONG, { runsMax, onProgress: ({ runs }) => seen.push(runs) });
      expect(result).toMatchObject({ runs: runsMax, reproduced: true, complete: false });
      expect(seen).toEqual(Array.from({ length: runsMax }, (_, index) => index + 1));
      const { results } = await simulate(sharesNodeNumber, { ...result.options, schedule: result.schedule });
      expect(failureSignature(results)).toContain('workload');
      expect(eventCount(result.schedule)).toBeLessThanOrEqual(eventCount(whole));
    }
    await expect(shrinkExample(WRONG, { runsMax: 0 })).rejects.toThrow('runsMax');
  });

  it('ends at once when the recorded run does not fail again, or fails for another reason', async () => {
    for (const results of [{ 'valid?': true }, { 'valid?': false, protocol: { 'valid?': false } }] as CheckResult[]) {
      const attempt = async () => ({ history: new History(), startMs: 0, results });
      const result = await shrinkExample(WRONG, { attempt });
      expect(result).toMatchObject({ runs: 1, reproduced: false, complete: false });
      expect(eventCount(result.schedule)).toBeGreaterThan(2000);
    }
  });

  it('does not stumble over a candidate that cannot be carried out, and keeps it out', async () => {
    const attempt = async (options: RunOptions) => {
      if (options.nodes.length < 3) throw new Error('there must be three nodes');
      return simulate(sharesNodeNumber, options);
    };
    const result = await shrinkExample(WRONG, { attempt });
    expect(result).toMatchObject({ reproduced: true, complete: true });
    expect(result.options.nodes).toHaveLength(3);
    expect(result.schedule.operations).toHaveLength(2);
  });
});

/** What is left of a run for which a predicate stands in. */
async function shrinkWhile(
  fails: (options: RunOptions, schedule: Schedule) => boolean,
  change: Partial<Schedule> = {},
  own: Partial<RunOptions> = {},
) {
  const schedule: Schedule = {
    operations: Array.from({ length: 12 }, (_, worker) => ({
      atMs: worker * 7.5,
      worker: worker % 6,
      f: 'generate',
      value: null,
    })),
    faults: [],
    messages: [],
    ...change,
  };
  const attempt = async (options: RunOptions) => ({
    history: new History(),
    startMs: 0,
    results: { 'valid?': false, workload: { 'valid?': !fails(options, options.schedule as Schedule) } } as CheckResult,
  });
  const options: RunOptions = { ...OPTIONS, faults: ['disk-torn', 'loss', 'partition'], ...own };
  return shrink({ attempt, options, schedule, signature: ['workload'], runsMax: 500 });
}

describe('a smaller run', () => {
  it('has a node less together with its workers, and everything that refers to them goes along', async () => {
    const { options, schedule } = await shrinkWhile(
      ({ nodes }, { operations, messages }) =>
        nodes.includes('n2') &&
        operations.some(({ worker }) => nodes[worker % nodes.length] === 'n2') &&
        messages.some(({ fault, dest }) => fault === 'loss' && dest === 'n2'),
      // Worker 5 is the second of n2, and its client the last of c3 … c8. Its second request is lost.
      { messages: [{ fault: 'loss', src: 'c8', dest: 'n2', nth: 1 }] },
    );
    expect(options).toMatchObject({ nodes: ['n2'], concurrency: 1, timeLimitMs: 1 });
    expect(schedule.operations).toEqual([{ atMs: 0, worker: 0, f: 'generate', value: null }]);
    expect(schedule.messages).toHaveLength(1);
  });

  it('numbers the messages of a client anew when operations before them are taken out', async () => {
    const wanted = { atMs: 82.5, worker: 5, f: 'generate', value: null };
    const { schedule } = await shrinkWhile(
      ({ nodes }, { operations, messages }) =>
        nodes.length === 3 &&
        operations.some(({ worker }) => worker === wanted.worker) &&
        messages.some(({ src }) => src === 'c8') &&
        operations.filter(({ worker }) => worker === 5).length > (messages[0]?.nth as number),
      { messages: [{ fault: 'delay', src: 'c8', dest: 'n2', nth: 1, delayMs: 3217 }] },
    );
    expect(schedule.operations).toHaveLength(1);
    expect(schedule.messages).toEqual([{ fault: 'delay', src: 'c8', dest: 'n2', nth: 0, delayMs: 1 }]);
  });

  it('has only the limits of nodes that matter', async () => {
    const nodeLimits = { page: 1, group: 2, left: 8 };
    const matters = await shrinkWhile(({ nodeLimits: limits }) => limits?.group === 2, {}, { nodeLimits });
    expect(matters.options.nodeLimits).toEqual({ group: 2 });
    expect((await shrinkWhile(() => true, {}, { nodeLimits })).options).not.toHaveProperty('nodeLimits');
  });

  it('has plainer faults: a kill for one that hurts the disk, fewer nodes, cuts of fewer links, round and short times', async () => {
    const { schedule, options } = await shrinkWhile(
      (_, { faults }) => faults.some((fault) => 'nodes' in fault) && faults.some((fault) => 'grudge' in fault),
      {
        faults: [
          { atMs: 17.3, durationMs: 812.2, fault: 'disk-torn', nodes: ['n0', 'n1'], damage: 'torn' },
          { atMs: 99.9, durationMs: 45.6, fault: 'partition', shape: 'one', grudge: { n0: ['n1', 'n2'], n1: ['n0'] } },
        ],
      },
    );
    expect(schedule.faults).toMatchObject([
      { atMs: 0, durationMs: 1, fault: 'kill' },
      { atMs: 0, durationMs: 1, fault: 'partition', shape: 'part of one' },
    ]);
    expect(
      schedule.faults.map((fault) => ('grudge' in fault ? Object.values(fault.grudge).flat() : fault.nodes).length),
    ).toEqual([1, 1]);
    expect(schedule.operations).toEqual([]);
    expect(options.faults).toEqual(['kill', 'partition']);
  });
});

describe('rounder amounts', () => {
  it('are positive and less than what they stand for, the roundest first', () => {
    expect(rounderAmounts(1234.5)).toEqual([1, 10, 100, 1000, 1200, 1230, 1234]);
    expect(rounderAmounts(1)).toEqual([]);
    expect(rounderAmounts(0)).toEqual([]);
  });
});
