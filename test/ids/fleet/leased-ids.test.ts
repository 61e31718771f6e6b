/** A fleet of simulated nodes that lease their numbers from one simulated store. */

import { describe, expect, it } from 'vitest';
import { LeasedIds } from '../../../src/ids/fleet/leased-ids.ts';
import { decodeSnowflake } from '../../../src/ids/snowflake.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { compareSnowflakes } from '../../../src/workloads/unique-ids/checker/snowflake-rules.ts';
import {
  expectValid,
  type FleetOptions,
  type FleetOutcome,
  kill,
  nodeIds,
  refusalsOf,
  runFleet,
  schedule,
} from '../../support/fleet.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { NumberRig } from '../../support/number-rig.ts';

interface Answer {
  readonly worker: number;
  readonly atMs: number;
  readonly id: string;
}

function answersOf({ history }: FleetOutcome, workers: number): Answer[] {
  return [...history]
    .filter(({ type, process }) => type === 'ok' && typeof process === 'number')
    .map(({ process, time, value }) => ({
      worker: (process as number) % workers,
      atMs: time / 1e6,
      id: String(value),
    }));
}

describe('a fleet', () => {
  it('takes 64 nodes in at once that must wait for the numbers of 64 dead ones', async () => {
    const replaced = nodeIds(64);
    const outcome = await runFleet({
      nodes: nodeIds(128),
      alone: true,
      lease: (nodeId, life) => ({ identity: `${nodeId}.${life}`, numberCount: 128 }),
      timeLimitMs: 50_000,
      schedule: schedule(128, 1000, 50, [kill(500, 500, replaced)]),
    });
    expectValid(outcome);
    const late = outcome.holdings.filter(({ atMs }) => atMs > outcome.startMs + 500);
    expect(late).toHaveLength(64);
    expect(new Set(late.map(({ number }) => number)).size).toBe(64);
    expect(Math.max(...late.map(({ atMs }) => atMs))).toBeLessThan(outcome.startMs + 1000 + 30_000 + 7500 + 1000);
  });
});

describe('a node of a fleet', () => {
  it('takes its own number back at once when it starts again', async () => {
    const outcome = await runFleet({
      nodes: nodeIds(3),
      alone: true,
      timeLimitMs: 4000,
      schedule: schedule(3, 400, 10, [kill(1000, 100, ['n1'])]),
    });
    expectValid(outcome);
    const [first, second] = outcome.holdings.filter(({ nodeId }) => nodeId === 'n1');
    expect(second?.number).toBe(first?.number);
    expect(second?.atMs).toBeLessThan(outcome.startMs + 1100 + 100);
  });

  it('gives its number back when it is told to end', async () => {
    const outcome = await runFleet({ nodes: nodeIds(2), lease: () => ({ numberCount: 2 }) });
    expectValid(outcome);
    expect(outcome.released).toEqual([0, 1]);
  });

  /** The winner and the loser when two nodes want number 0; the same in every run of these options. */
  async function rank(options: FleetOptions): Promise<[string, string]> {
    const { holdings } = await runFleet({ ...options, schedule: schedule(2, 1, 10, []) });
    return holdings[0]?.nodeId === 'n0' ? ['n0', 'n1'] : ['n1', 'n0'];
  }

  it('that slept past its lease goes on beside its successor, and never with the same timestamp', async () => {
    const options: FleetOptions = {
      nodes: nodeIds(2),
      lease: () => ({ leaseMs: 1000, numberCount: 1 }),
      limits: { windowMs: 20_000 },
      timeLimitMs: 10_000,
    };
    const [first, second] = await rank(options);
    const outcome = await runFleet({
      ...options,
      schedule: schedule(2, 1000, 10, [{ fault: 'pause', atMs: 2000, durationMs: 3000, nodes: [first] }]),
    });
    const answers = answersOf(outcome, 2).map((answer) => ({ ...answer, ...decodeSnowflake(answer.id) }));
    const of = (nodeId: string) => answers.filter(({ worker }) => `n${worker}` === nodeId);
    const late = ({ atMs }: Answer) => atMs > 5500;
    expect(of(first).filter(late).length).toBeGreaterThan(100);
    expect(of(second).filter(late).length).toBeGreaterThan(100);
    expect(new Set(answers.map(({ node }) => node))).toEqual(new Set([0]));
    const lastOfFirst = Math.max(...of(first).map(({ timestampMs }) => timestampMs));
    expect(Math.min(...of(second).map(({ timestampMs }) => timestampMs))).toBeGreaterThan(lastOfFirst);
    expect(outcome.results).toMatchObject({ workload: { 'valid?': true, 'duplicated-count': 0 } });
  });

  it('issues ids until its range ends while the store is away, then refuses, then goes on', async () => {
    const outcome = await runFleet({
      nodes: nodeIds(1),
      concurrency: 10,
      lease: () => ({ leaseMs: 1000 }),
      limits: { windowMs: 5000 },
      timeLimitMs: 20_000,
      schedule: schedule(10, 2000, 10, [
        {
          fault: 'service-cut',
          atMs: 2000,
          durationMs: 10_000,
          shape: 'test',
          grudge: { n0: ['lin-kv'], 'lin-kv': ['n0'] },
        },
      ]),
    });
    const times = answersOf(outcome, 10).map(({ atMs }) => atMs);
    const inside = (from: number, to: number) => times.filter((atMs) => atMs > from && atMs < to).length;
    // The last renewal before the cut was a third of a second old at most.
    expect(inside(2000, 6600)).toBe(460);
    expect(inside(7100, 12_000)).toBe(0);
    expect(inside(14_000, 20_000)).toBeGreaterThan(590);
    // The store may have carried out the request, but no id was handed out.
    expect(refusalsOf(outcome)).not.toEqual([]);
    expect(refusalsOf(outcome).every((text) => /^(cannot reserve: |node number node\/0: )/.test(text))).toBe(true);
    expect([...outcome.history].filter(({ type, process }) => type === 'info' && process !== 'nemesis')).toEqual([]);
  });

  it('that lost its number and used up its range refuses with error 11 while no number is free', async () => {
    const options: FleetOptions = {
      nodes: nodeIds(2),
      lease: () => ({ leaseMs: 1000, numberCount: 1 }),
      limits: { windowMs: 3000 },
      timeLimitMs: 6000,
    };
    const [first] = await rank(options);
    const outcome = await runFleet({
      ...options,
      schedule: schedule(2, 600, 10, [{ fault: 'pause', atMs: 1000, durationMs: 2000, nodes: [first] }]),
    });
    const refusals = [...outcome.history].filter(({ type, process }) => type === 'fail' && `n${process}` === first);
    const errors = refusals.map(({ error }) => error as readonly string[]);
    expect(errors.some(([, text]) => text?.includes('is no longer held by'))).toBe(true);
    expect(new Set(errors.map(([name]) => name))).toEqual(new Set(['temporarily-unavailable']));
  });

  it.each([
    ['before there were ids', T, 5],
    ['longer ago than a node may have been away', T + 2 * 366 * 86_400_000, T],
    ['further ahead than a clock may be off', T, T + 2 * 86_400_000],
  ])('skips a number whose ids ended %s', async (_, wallMs, until) => {
    const rig = new NumberRig();
    rig.put(0, { holder: null, until });
    const clock = { wallMs: () => wallMs + rig.time.now(), monotonicMs: () => rig.time.now() };
    const { context } = rig.begin('n0', { clock });
    const ids = await rig.run(LeasedIds.start(context, new LinKvStore(context), { numberCount: 2 }, {}));
    expect(ids.figures()).toMatchObject({ node_number: 1, leases: 1 });
    expect(rig.record(0)).toMatchObject({ holder: null, until, ver: 1 });
  });

  it('starts while the store is away, refuses until it is back, and then serves', async () => {
    const outcome = await runFleet({
      nodes: nodeIds(2),
      timeLimitMs: 20_000,
      schedule: schedule(2, 2000, 10, [
        { fault: 'service-cut', atMs: 500, durationMs: 8000, shape: 'test', grudge: { n1: ['lin-kv'] } },
        kill(1000, 100, ['n1']),
      ]),
    });
    const served = answersOf(outcome, 2).filter(({ worker, atMs }) => worker === 1 && atMs > 1100);
    expect(refusalsOf(outcome)).toContain('no ids: lin-kv does not tell which node numbers are free');
    expect(served.length).toBeGreaterThan(400);
    expect(Math.min(...served.map(({ atMs }) => atMs))).toBeGreaterThan(8500);
  });

  it('goes on ascending when it changes its number', async () => {
    const options: FleetOptions = {
      nodes: nodeIds(2),
      alone: true,
      lease: (nodeId, life) => ({ leaseMs: 1000, numberCount: 2, identity: `${nodeId}.${life}` }),
      limits: { windowMs: 20_000 },
      timeLimitMs: 20_000,
    };
    const [first, second] = await rank(options);
    // The holder of number 0 sleeps. The other one comes back with a new identity, tries 0 first, and takes it.
    const outcome = await runFleet({
      ...options,
      schedule: schedule(2, 2000, 10, [
        { fault: 'pause', atMs: 1000, durationMs: 5000, nodes: [first] },
        kill(1500, 100, [second]),
      ]),
    });
    const numbers = outcome.holdings.filter(({ nodeId }) => nodeId === first).map(({ number }) => number);
    expect(numbers).toEqual([0, 1]);
    const own = answersOf(outcome, 2).filter(({ worker }) => `n${worker}` === first);
    expect(own.map(({ id }) => id)).toEqual(own.map(({ id }) => id).toSorted(compareSnowflakes));
    expect(new Set(own.map(({ id }) => decodeSnowflake(id).node))).toEqual(new Set([0, 1]));
    expect(outcome.results).toMatchObject({ workload: { 'duplicated-count': 0 } });
  });
});
