/** As many simulated nodes as numbers. All lease one from one simulated store. */

import { describe, expect, it } from 'vitest';
import { expectValid, kill, newMachines, nodeIds, refusalsOf, runFleet, schedule } from '../../support/fleet.ts';

describe('a fleet', () => {
  it('of 1,024 nodes that know no other node finds a number for each within a second', async () => {
    const outcome = await runFleet({ nodes: nodeIds(1024), alone: true, ratePerSecond: 1000 });
    expectValid(outcome);
    expect(new Set(outcome.holdings.map(({ number }) => number)).size).toBe(1024);
    expect(outcome.holdings).toHaveLength(1024);
    expect(Math.max(...outcome.holdings.map(({ atMs }) => atMs))).toBeLessThan(1000);
  });

  it('of 1,024 nodes that know each other finds a number for each at the first look', async () => {
    const outcome = await runFleet({ nodes: nodeIds(1024), ratePerSecond: 1000 });
    expect(outcome.holdings.map(({ nodeId, number }) => nodeId === `n${number}`)).toEqual(Array(1024).fill(true));
    expect(Math.max(...outcome.holdings.map(({ atMs }) => atMs))).toBeLessThan(200);
  });

  it('tells the 1,025th node that there is no number, and it serves once another one has left', async () => {
    const nodes = nodeIds(1025);
    const outcome = await runFleet({
      nodes,
      ...newMachines,
      timeLimitMs: 50_000,
      schedule: schedule(1025, 5000, 10, [kill(6000, 1e6, ['n7'])]),
    });
    const last = outcome.holdings.at(-1);
    expect(outcome.holdings).toHaveLength(1025);
    expect(last?.number).toBe(7);
    // The takeover depends on when the dead node was last seen alive.
    expect(last?.atMs).toBeGreaterThan(outcome.startMs + 6000 + 20_000);
    expect(last?.atMs).toBeLessThan(outcome.startMs + 6000 + 30_000 + 7500 + 1000);
    const refusals = refusalsOf(outcome);
    expect(refusals).not.toEqual([]);
    expect(new Set(refusals)).toEqual(
      new Set(['no ids: all 1024 node numbers are held; one whose holder is not heard of for 30 s is taken over']),
    );
  });

  it('takes 64 nodes in at once, each with a free number within two seconds', async () => {
    const joining = nodeIds(960).slice(100, 164);
    const outcome = await runFleet({
      nodes: nodeIds(960),
      alone: true,
      ...newMachines,
      timeLimitMs: 5000,
      schedule: schedule(960, 250, 20, [kill(500, 500, joining)]),
    });
    expectValid(outcome);
    const late = outcome.holdings.filter(({ atMs }) => atMs > outcome.startMs + 500);
    expect(late.map(({ nodeId }) => nodeId).sort()).toEqual([...joining].sort());
    expect(new Set(outcome.holdings.map(({ number }) => number)).size).toBe(1024);
    expect(Math.max(...late.map(({ atMs }) => atMs))).toBeLessThan(outcome.startMs + 1000 + 2000);
  });
});
