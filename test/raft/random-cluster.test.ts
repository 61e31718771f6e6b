/** Raft under every fault of network and disks that a seed draws, and what each rule is there for. */

import { describe, expect, it } from 'vitest';
import type { RaftRules } from '../../src/raft/rules.ts';
import { type ClusterOptions, type Flight, RaftCluster, UnnoticedLoss } from './raft-cluster.ts';

const STEPS = 2000;

function act(cluster: RaftCluster, number: number): void {
  const { random, ids, leader } = cluster;
  const id = random.pick(ids);
  const draw = random.integer(200);
  if (draw < 100) deliverSome(cluster);
  else if (draw < 130) cluster.persist(id, 1 + random.integer(4));
  else if (draw < 145) cluster.pass(random.float() * 30);
  else if (draw < 165) cluster.propose(leader ?? id, `c${number}`);
  else if (draw < 185) cluster.read(random.pick(leadersOf(cluster) ?? ids));
  else if (draw < 190) cluster.snapshot(id);
  else if (draw < 193) cluster.cutOff = drawCutOff(cluster);
  else if (draw < 194) stopOrRestart(cluster, id);
  else if (draw < 197 && !cluster.member(id).isUp) cluster.restart(id);
}

/** Loses a disk when all have recovered, and otherwise helps the one that has lost its disk. */
function actWithLoss(cluster: RaftCluster, number: number): void {
  const { random, ids } = cluster;
  const id = random.pick(ids);
  const draw = random.integer(40);
  if (draw === 0 && cluster.haveAllRecovered) cluster.loseDisk(id);
  else if (draw < 3 && !cluster.member(id).isUp) cluster.restart(id);
  else if (draw === 4) cluster.cutOff = [];
  else act(cluster, number);
}

/** All that take themselves for the leader. */
function leadersOf({ ids, member }: RaftCluster): readonly string[] | undefined {
  const leaders = ids.filter((id) => member(id).isUp && member(id).state.role === 'leader');
  return leaders.length === 0 ? undefined : leaders;
}

/** None as often as a leader, and its company. */
function drawCutOff({ random, ids, leader }: RaftCluster): readonly string[] {
  if (random.integer(2) === 0) return [];
  const others = random.shuffle(ids).slice(0, random.integer(Math.ceil(ids.length / 2)));
  return leader === undefined ? others : [leader, ...others];
}

function stopOrRestart(cluster: RaftCluster, id: string): void {
  if (cluster.member(id).isUp) cluster.stop(id);
  else cluster.restart(id);
}

/** Mostly the oldest message. Another may overtake it, some come again, and some are lost. */
function deliverSome(cluster: RaftCluster): void {
  const { random, flights } = cluster;
  for (let count = random.integer(6); count > 0 && flights.length > 0; count--) {
    const at = random.integer(3) === 0 ? random.integer(flights.length) : 0;
    const flight = flights[at] as Flight;
    if (random.integer(12) > 0) flights.splice(at, 1);
    if (random.integer(20) > 0) cluster.deliver(flight);
  }
}

/** @param losesDisks whether disks are lost, one at a time */
function run(options: ClusterOptions, losesDisks = false): RaftCluster {
  const cluster = new RaftCluster({ ...options, areNew: losesDisks });
  for (let number = 0; number < STEPS; number++) {
    if (losesDisks) actWithLoss(cluster, number);
    else act(cluster, number);
    if (number % 50 === 0) cluster.checkLogs();
  }
  cluster.checkLogs();
  return cluster;
}

/** Small, so that snapshots are sent, in parts, and appends are cut. */
const SMALL = { batchLengthMax: 8, partLengthMax: 40, entriesKept: 2 };

describe('a group of Raft', () => {
  it.each([1, 2, 3, 4, 5])('of %d members keeps the invariants, and goes on when all is well', (size) => {
    let [readCount, committedCount] = [0, 0];
    for (let seed = 0; seed < 25; seed++) {
      const cluster = run({ size, seed: `${size} ${seed}`, limits: seed % 2 === 0 ? SMALL : {} });
      for (const id of cluster.ids) if (!cluster.member(id).isUp) cluster.restart(id);
      cluster.calm(3000);
      const leader = cluster.leader as string;
      expect(leader, `seed ${seed}`).toBeDefined();
      cluster.propose(leader, 'last');
      cluster.read(leader);
      cluster.calm();
      expect(cluster.committed.at(-1)?.command, `seed ${seed}`).toBe('last');
      expect(cluster.reads.size).toBe(0);
      const commands = cluster.committed.map(({ command }) => command);
      for (const id of cluster.ids) expect(cluster.member(id).applied).toEqual(commands);
      cluster.checkLogs();
      readCount += cluster.readCount;
      committedCount += commands.length;
    }
    expect(readCount).toBeGreaterThan(300);
    expect(committedCount).toBeGreaterThan(600);
  });
});

describe('a group of which one member at a time loses its disk', () => {
  it.each([3, 4, 5])('of %d members keeps the invariants, and each of them recovers', (size) => {
    let [lossCount, committedCount] = [0, 0];
    for (let seed = 0; seed < 12; seed++) {
      const cluster = run({ size, seed: `lost ${size} ${seed}`, limits: seed % 2 === 0 ? SMALL : {} }, true);
      settleDown(cluster);
      expect(cluster.haveAllRecovered, `seed ${seed}`).toBe(true);
      const commands = cluster.committed.map(({ command }) => command);
      for (const id of cluster.ids) expect(cluster.member(id).applied).toEqual(commands);
      lossCount += cluster.lossCount;
      committedCount += commands.length;
    }
    expect(lossCount).toBeGreaterThan(12);
    expect(committedCount).toBeGreaterThan(300);
  });
});

/**
 * Disks are lost at any time, several at once, too. Ends when one does not notice it, because those that it asked had
 * lost their disks, too: nothing is promised from there on.
 */
function runWithLosses(seed: number): RaftCluster {
  const size = 3 + (seed % 3);
  const cluster = new RaftCluster({ size, seed: `losses ${seed}`, limits: SMALL, areNew: true, noticesLosses: true });
  cluster.calm(3000);
  const { random, ids, member } = cluster;
  try {
    for (let number = 0; number < STEPS; number++) {
      const id = random.pick(ids);
      const draw = random.integer(60);
      if (draw === 0) cluster.loseDisk(id);
      else if (draw < 4 && !member(id).isUp) cluster.restart(id);
      else if (draw === 4) cluster.cutOff = [];
      else act(cluster, number);
      if (number % 50 === 0) cluster.checkLogs();
    }
  } catch (error) {
    if (!(error instanceof UnnoticedLoss)) throw error;
  }
  return cluster;
}

describe('a group of which several members lose their disks at once', () => {
  it('keeps the invariants as long as each loss is noticed', () => {
    let lossCount = 0;
    for (let seed = 0; seed < 15; seed++) {
      const cluster = runWithLosses(seed);
      cluster.checkLogs();
      lossCount += cluster.lossCount;
    }
    expect(lossCount).toBeGreaterThan(80);
  });
});

/** All is healed, and one more command is committed. */
function settleDown(cluster: RaftCluster): void {
  for (const id of cluster.ids) if (!cluster.member(id).isUp) cluster.restart(id);
  cluster.calm(5000);
  cluster.propose(cluster.leader as string, 'last');
  cluster.calm(1000);
  cluster.checkLogs();
}

/** What the first broken invariant is, among so many seeds. */
function findBreach(rules: Partial<RaftRules>, sizes: readonly number[] = [3, 5]): string | undefined {
  for (let seed = 0; seed < 400; seed++) {
    try {
      run({ size: sizes[seed % sizes.length] as number, seed: `breach ${seed}`, rules, limits: SMALL });
    } catch (error) {
      return (error as Error).message.replace(/:.*/, '');
    }
  }
  return undefined;
}

describe('a rule of Raft', () => {
  it.each<[string, Partial<RaftRules>, RegExp]>([
    ['votes only for logs that are as new', { isUpToDate: () => true }, /leader completeness|state machine safety/],
    ['counts a majority', { commitQuorum: () => 1 }, /leader completeness|state machine safety|applied|length/],
    ['proves that the leader leads', { readsNeedRound: false }, /stale read/],
    ['reads what the first entry of a term commits', { readIndex: ({ commit }) => commit }, /stale read/],
    [
      'leaves what a late append does not speak of',
      { replaceAt: (_log, from) => from },
      /leader completeness|state machine safety|applied|length/,
    ],
  ])('%s: without it an invariant breaks', (_, rules, breach) => {
    expect(findBreach(rules)).toMatch(breach);
  });
});
