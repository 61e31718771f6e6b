/**
 * The recordings of real Maelstrom runs, held against our checkers: every count and every verdict that both have must
 * agree.
 *
 * What differs by intention is written down here: Jepsen's fractions are 32-bit floats, and its errors come in the
 * order of a hash map.
 */

import { describe, expect, it } from 'vitest';
import { availabilityChecker } from '../../src/checkers/availability.ts';
import { type Checker, type CheckResult, compose, type TestFacts } from '../../src/checkers/checker.ts';
import { latencyChecker } from '../../src/checkers/latency.ts';
import { faultsChecker } from '../../src/checkers/nemesis.ts';
import { type NetStatistics, netChecker } from '../../src/checkers/net.ts';
import { statsChecker } from '../../src/checkers/stats.ts';
import type { History } from '../../src/history/history.ts';
import { echoChecker } from '../../src/workloads/echo/checker/echo-checker.ts';
import { uniqueIdsChecker } from '../../src/workloads/unique-ids/checker/unique-ids-checker.ts';
import { readRecording, withoutEvidence } from '../support/histories.ts';

type RecordedCounts = Record<'send-count' | 'recv-count' | 'msg-count', number>;

interface Recording {
  readonly name: string;
  readonly workload: () => Checker;
  readonly nodes: readonly string[];
  /** As the verdict shows that the run was started with it. */
  readonly availability?: 'total';
  readonly started: Readonly<Record<string, number>>;
}

const THREE = ['n0', 'n1', 'n2'];

const RECORDINGS: readonly Recording[] = [
  { name: 'echo-garbage', workload: echoChecker, nodes: ['n0', 'n1'], availability: 'total', started: {} },
  { name: 'echo-wrong', workload: echoChecker, nodes: ['n0', 'n1'], started: {} },
  { name: 'unique-ids-duplicates', workload: uniqueIdsChecker, nodes: THREE, started: {} },
  {
    name: 'unique-ids-partition',
    workload: uniqueIdsChecker,
    nodes: THREE,
    availability: 'total',
    started: { partition: 2 },
  },
  {
    name: 'unique-ids-unavailable',
    workload: uniqueIdsChecker,
    nodes: THREE,
    availability: 'total',
    started: { partition: 3 },
  },
];

/** The counts of the recorded journal, as our network would hand them over. */
function recordedStatistics(net: CheckResult): NetStatistics {
  function counts(scope: keyof NetStatistics) {
    const recorded = net[scope] as RecordedCounts;
    return { sendCount: recorded['send-count'], recvCount: recorded['recv-count'], msgCount: recorded['msg-count'] };
  }
  return { all: counts('all'), clients: counts('clients'), servers: counts('servers') };
}

/** Every fraction as the 32-bit float that Jepsen writes, in decimal. */
function asRecorded<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_key, part) =>
    typeof part === 'number' ? Math.fround(part) : part,
  ) as Value;
}

function runAll(recording: Recording, history: History, net: CheckResult): Record<string, CheckResult> & CheckResult {
  const checker = compose({
    stats: statsChecker(),
    availability: availabilityChecker(),
    net: netChecker(() => recordedStatistics(net)),
    workload: recording.workload(),
    latency: latencyChecker(),
    faults: faultsChecker(),
  });
  const { nodes, availability } = recording;
  const test: TestFacts = { nodes, concurrency: nodes.length, ...(availability === undefined ? {} : { availability }) };
  return checker.check(test, history) as Record<string, CheckResult> & CheckResult;
}

describe.each(RECORDINGS)('the recording $name', (recording) => {
  const { history, results } = readRecording(recording.name);
  const ours = runAll(recording, history, results.net as CheckResult);

  it('gets the same verdict', () => {
    expect(ours['valid?']).toBe(results['valid?']);
  });

  it('gets the same stats', () => {
    expect(withoutEvidence(ours.stats)).toEqual(results.stats);
  });

  it('gets the same availability', () => {
    expect(asRecorded(withoutEvidence(ours.availability))).toEqual(asRecorded(results.availability));
  });

  it('gets the same messages per operation', () => {
    expect(asRecorded(ours.net)).toEqual(asRecorded(results.net));
  });

  it('gets the same verdict on the workload, with the same findings', () => {
    const recorded = results.workload as CheckResult;
    if (recorded.errors === undefined) {
      expect(withoutEvidence(ours.workload)).toEqual(recorded);
      return;
    }
    const errors = recorded.errors as unknown[];
    expect(ours.workload).toMatchObject({ 'valid?': recorded['valid?'], 'error-count': errors.length });
    expect(new Set(ours.workload?.errors as unknown[])).toEqual(new Set(errors));
  });

  it('counts the faults that were started', () => {
    expect(ours.faults).toMatchObject({ 'valid?': true, started: recording.started });
  });

  it('has a latency for every ok operation', () => {
    expect(ours.latency).toMatchObject({ 'valid?': true, count: (results.stats as CheckResult)['ok-count'] });
  });
});

describe('the time under partition', () => {
  it('is what the operations of the nemesis span', () => {
    const { history } = readRecording('unique-ids-unavailable');
    const times = [...history]
      .filter((operation) => operation.process === 'nemesis')
      .map((operation) => operation.time);
    const last = history.at(history.length - 1).time;
    const [, first, , firstHealed, , second, , secondHealed, , third] = times as [...number[]];
    const nanoseconds =
      (firstHealed as number) -
      (first as number) +
      ((secondHealed as number) - (second as number)) +
      (last - (third as number));
    const result = faultsChecker().check({ nodes: THREE, concurrency: 3 }, history);
    expect(result['partition-seconds']).toBeCloseTo(nanoseconds / 1e9, 9);
  });
});
