/** What a member does with single events, in the situations that Raft is known for. */

import { describe, expect, it } from 'vitest';
import { lastIndex } from '../../src/raft/log.ts';
import { logRecord, readRecords, recordsOf, termRecord } from '../../src/raft/records.ts';
import type { RaftRules } from '../../src/raft/rules.ts';
import { wakeAtMs } from '../../src/raft/step.ts';
import { type ClusterOptions, type Flight, RaftCluster } from './raft-cluster.ts';

function clusterOf(size: number, options: Partial<ClusterOptions> = {}): RaftCluster {
  return new RaftCluster({ size, seed: 'step', quickDisks: true, ...options });
}

/** Delivers what may be delivered, and what follows from it, until nothing is left. The rest is lost. */
function deliverAll(cluster: RaftCluster, may: (flight: Flight) => boolean = () => true): number {
  let count = 0;
  for (let flight = cluster.flights.shift(); flight !== undefined; flight = cluster.flights.shift()) {
    if (!may(flight)) continue;
    cluster.deliver(flight);
    count++;
  }
  return count;
}

/** The member's time has come to ask for votes, and the others are within reach. */
function elect(cluster: RaftCluster, id: string, may?: (flight: Flight) => boolean): void {
  // All others have not heard of a leader for long.
  cluster.nowMs = Math.max(cluster.nowMs + 1000, wakeAtMs(cluster.member(id).state));
  cluster.step(id, { kind: 'tick' });
  deliverAll(cluster, may);
}

/** Lives that left these logs, as the terms of their entries. */
function withLogs(cluster: RaftCluster, logs: readonly (readonly number[])[], terms: readonly number[]): void {
  for (const [number, id] of cluster.ids.entries()) {
    const entries = (logs[number] as readonly number[]).map((term) => ({ term, command: `t${term}` }));
    cluster.member(id).records = [
      termRecord({ term: terms[number] as number, votedFor: undefined }),
      logRecord(1, entries),
    ];
    cluster.restart(id);
  }
}

const between =
  (...ids: readonly string[]) =>
  ({ from, to }: Flight) =>
    ids.includes(from) && ids.includes(to);

describe('an election', () => {
  it('gives a term to one member, which commits an entry of its own', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n1');
    expect(cluster.leader).toBe('n1');
    expect(cluster.committed).toEqual([{ term: 1, command: '' }]);
  });

  it('of one member needs no other, but the disk', () => {
    const cluster = clusterOf(1, { quickDisks: false });
    elect(cluster, 'n0');
    expect(cluster.member('n0').state.role).toBe('candidate');
    cluster.persist('n0', 1);
    expect(cluster.leader).toBe('n0');
    expect(cluster.committed).toEqual([]);
    cluster.persist('n0', 1);
    expect(cluster.committed).toHaveLength(1);
  });

  it('sends no vote before it is on the disk', () => {
    const cluster = clusterOf(3, { quickDisks: false });
    elect(cluster, 'n0');
    // The questions are answered, and the own vote is not written yet.
    expect(cluster.flights).toEqual([]);
    cluster.persist('n0', 1);
    const request = cluster.flights.find(({ to }) => to === 'n1') as Flight;
    cluster.flights.length = 0;
    cluster.deliver(request);
    expect(cluster.flights).toEqual([]);
    cluster.persist('n1', 2);
    expect(cluster.flights).toMatchObject([{ from: 'n1', message: { kind: 'voted', pre: false, granted: true } }]);
  });

  it('is not begun by a member that the others would not vote for', () => {
    const cluster = clusterOf(3);
    withLogs(cluster, [[1], [1, 1], [1, 1]], [1, 1, 1]);
    elect(cluster, 'n0');
    expect(cluster.member('n0').state).toMatchObject({ role: 'pre-candidate', term: 1 });
    elect(cluster, 'n1');
    expect(cluster.leader).toBe('n1');
  });

  it('is not begun by a member that comes back while the leader is there', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.cutOff = ['n2'];
    for (let count = 0; count < 40; count++) {
      cluster.pass(50);
      deliverAll(cluster);
    }
    expect(cluster.member('n2').state).toMatchObject({ role: 'pre-candidate', term: 1 });
    cluster.cutOff = [];
    // Its questions come first, and are refused: the others hear a leader.
    for (const flight of cluster.flights.splice(0)) cluster.deliver(flight);
    for (let count = 0; count < 4; count++) {
      cluster.pass(50);
      deliverAll(cluster);
    }
    expect(cluster.leader).toBe('n0');
    expect(cluster.member('n2').state).toMatchObject({ role: 'follower', term: 1, leader: 'n0' });
  });

  it('brings a member of a later term back: the leader follows it into an election', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.member('n2').records.push(termRecord({ term: 7, votedFor: 'n2' }));
    cluster.restart('n2');
    cluster.pass(50);
    deliverAll(cluster);
    expect(cluster.member('n0').state.term).toBe(7);
    cluster.calm(1000);
    expect(cluster.member(cluster.leader as string).state.term).toBeGreaterThan(7);
  });

  it('is over in half a second at worst after a leader is gone', () => {
    const downMs: number[] = [];
    for (let seed = 0; seed < 200; seed++) {
      const cluster = clusterOf(3, { seed });
      cluster.calm(1000);
      const sinceMs = cluster.nowMs;
      const { length } = cluster.committed;
      cluster.stop(cluster.leader as string);
      while (cluster.committed.length === length) cluster.calm(1);
      downMs.push(cluster.nowMs - sinceMs);
    }
    downMs.sort((one, other) => one - other);
    expect(downMs.at(-1)).toBeLessThan(500);
    expect(downMs[100]).toBeLessThan(300);
  });
});

describe('a leader', () => {
  it('that is cut off steps down, and refuses the reads that wait', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.cutOff = ['n0'];
    cluster.read('n0');
    for (let count = 0; count < 10; count++) {
      cluster.pass(50);
      deliverAll(cluster);
    }
    expect(cluster.member('n0').state.role).not.toBe('leader');
    expect(cluster.refusedCount).toBe(1);
    expect(cluster.readCount).toBe(0);
  });

  it('answers all reads that come together after one round', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    for (let count = 0; count < 10; count++) cluster.read('n0');
    expect(cluster.readCount).toBe(0);
    // The first went at once, and the others share the next round.
    expect(deliverAll(cluster)).toBe(8);
    expect(cluster.readCount).toBe(10);
  });

  it('does not count an answer to a message that left before the read came', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.propose('n0', 'x');
    const answers: Flight[] = [];
    for (const flight of cluster.flights.splice(0)) cluster.deliver(flight);
    answers.push(...cluster.flights.splice(0));
    cluster.read('n0');
    for (const flight of answers) cluster.deliver(flight);
    expect(cluster.readCount).toBe(0);
    deliverAll(cluster);
    expect(cluster.readCount).toBe(1);
  });

  it('sends what comes meanwhile with the next append', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    for (let count = 0; count < 20; count++) cluster.propose('n0', `c${count}`);
    expect(deliverAll(cluster)).toBe(8);
    expect(cluster.committed).toHaveLength(21);
  });

  it('sends again what was lost', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.propose('n0', 'x');
    cluster.flights.length = 0;
    cluster.pass(60);
    deliverAll(cluster);
    expect(cluster.committed.at(-1)?.command).toBe('x');
  });

  it('finds where logs part in one message for each term', () => {
    const cluster = clusterOf(3);
    const old = Array.from({ length: 50 }, () => 1);
    const stale = Array.from({ length: 200 }, (_, index) => 2 + Math.floor(index / 100));
    withLogs(
      cluster,
      [
        [...old, 4],
        [...old, ...stale],
        [...old, 4],
      ],
      [4, 4, 4],
    );
    elect(cluster, 'n0', between('n0', 'n2'));
    let refusals = 0;
    for (let count = 0; count < 5; count++) {
      cluster.pass(60);
      deliverAll(cluster, ({ message }) => {
        if (message.kind === 'appended' && message.match === undefined) refusals++;
        return true;
      });
    }
    expect(lastIndex(cluster.member('n1').state.log)).toBe(52);
    expect(refusals).toBeLessThanOrEqual(3);
    cluster.checkLogs();
  });
});

describe('a member', () => {
  it('acknowledges entries when they are on the disk', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    const slow = new RaftCluster({ size: 3, seed: 'slow' });
    slow.member('n1').records = [...cluster.member('n1').records];
    slow.restart('n1');
    cluster.propose('n0', 'x');
    const append = cluster.flights.find(({ to }) => to === 'n1') as Flight;
    slow.deliver(append);
    expect(slow.flights).toEqual([]);
    slow.persist('n1', 1);
    expect(slow.flights).toMatchObject([{ to: 'n0', message: { kind: 'appended', match: 2 } }]);
  });

  it('keeps what a late append does not speak of', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.propose('n0', 'x');
    const late = cluster.flights.find(({ to }) => to === 'n1') as Flight;
    deliverAll(cluster);
    cluster.propose('n0', 'y');
    deliverAll(cluster);
    const { length } = cluster.member('n1').state.log.entries;
    cluster.deliver(late);
    expect(cluster.member('n1').state.log.entries).toHaveLength(length);
  });

  it('is the same after a restart as its records say', () => {
    const cluster = clusterOf(3, { limits: { entriesKept: 1 } });
    elect(cluster, 'n0');
    for (const command of ['a', 'b', 'c']) {
      cluster.propose('n0', command);
      deliverAll(cluster);
    }
    cluster.snapshot('n0');
    cluster.propose('n0', 'd');
    const { records, state } = cluster.member('n0');
    const { term, votedFor, snapshot, log } = state;
    expect(readRecords(records)).toEqual({ term, votedFor, snapshot, log });
    expect(readRecords(recordsOf(state))).toEqual({ term, votedFor, snapshot, log });
    expect(snapshot).toMatchObject({ index: 4, data: '["","a","b","c"]' });
    expect(log).toMatchObject({ baseIndex: 3, entries: [{ command: 'c' }, { command: 'd' }] });
  });

  it('that is far behind gets a snapshot in parts, and what follows it', () => {
    const cluster = clusterOf(3, { limits: { entriesKept: 0, partLengthMax: 10 } });
    elect(cluster, 'n0');
    cluster.stop('n2');
    for (let count = 0; count < 30; count++) {
      cluster.propose('n0', `command ${count}`);
      deliverAll(cluster);
    }
    cluster.snapshot('n0');
    cluster.propose('n0', 'after');
    deliverAll(cluster);
    cluster.restart('n2');
    let parts = 0;
    cluster.pass(60);
    deliverAll(cluster, ({ message }) => {
      if (message.kind === 'part') parts++;
      return true;
    });
    cluster.pass(60);
    deliverAll(cluster);
    expect(parts).toBeGreaterThan(10);
    expect(cluster.member('n2').applied).toEqual(cluster.member('n0').applied);
  });

  it('asks for the part that it lacks', () => {
    const cluster = clusterOf(3, { limits: { entriesKept: 0, partLengthMax: 10 } });
    elect(cluster, 'n0', between('n0', 'n1'));
    cluster.propose('n0', 'a long command');
    deliverAll(cluster, between('n0', 'n1'));
    cluster.snapshot('n0');
    cluster.pass(60);
    let seen = 0;
    deliverAll(cluster, ({ message }) => message.kind !== 'part' || ++seen !== 2);
    cluster.pass(200);
    deliverAll(cluster);
    expect(cluster.member('n2').applied).toEqual(['', 'a long command']);
  });
});

/**
 * Figure 8 of the Raft paper: an entry of an old term that is on a majority can still be replaced. So a leader commits
 * none by counting, unless one of its own term follows.
 */
describe('an entry of an old term on a majority', () => {
  function replicate(rules: Partial<RaftRules>): RaftCluster {
    const cluster = clusterOf(5, { rules, limits: { batchLengthMax: 0 } });
    withLogs(cluster, [[1, 2], [1, 2], [1], [1], [1, 3]], [3, 2, 2, 2, 3]);
    const lengthOf = (id: string) => cluster.member(id).state.log.entries.length;
    // Two members get the old entry, and none gets the new one.
    const isNew = ({ to, message }: Flight) =>
      message.kind === 'append' && message.prevIndex === 2 && message.entries.length > 0 && lengthOf(to) === 2;
    elect(cluster, 'n0', (flight) => between('n0', 'n2', 'n3')(flight) && !isNew(flight));
    return cluster;
  }

  it('is not committed by that', () => {
    const cluster = replicate({});
    expect(cluster.leader).toBe('n0');
    expect(cluster.member('n2').state.log.entries).toHaveLength(2);
    expect(cluster.member('n3').state.log.entries).toHaveLength(2);
    expect(cluster.committed).toEqual([]);
    cluster.stop('n0');
    // It learns of term 4 first.
    elect(cluster, 'n4');
    elect(cluster, 'n4');
    expect(cluster.leader).toBe('n4');
    expect(cluster.committed.map(({ term }) => term)).toEqual([1, 3, 5]);
  });

  it('would be lost if it were', () => {
    const cluster = replicate({ mayCommit: () => true });
    expect(cluster.committed.map(({ term }) => term)).toEqual([1, 2]);
    cluster.stop('n0');
    elect(cluster, 'n4');
    expect(() => elect(cluster, 'n4')).toThrow(/leader completeness/);
  });
});
