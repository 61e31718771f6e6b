/** What a member does with single events, in the situations that Raft is known for. */

import { describe, expect, it } from 'vitest';
import { lastIndex } from '../../src/raft/log.ts';
import { logRecord, readRecords, recordsOf, seenRecord, termRecord } from '../../src/raft/records.ts';
import { findStandingTrouble } from '../../src/raft/recovery.ts';
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
      ...cluster.member(id).records,
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
    const { incarnation, standing, seen, term, votedFor, snapshot, log } = state;
    const kept = { incarnation, standing, seen, term, votedFor, snapshot, log };
    expect(readRecords(records)).toEqual(kept);
    expect(readRecords(recordsOf(state))).toEqual(kept);
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

describe('a member whose disk is empty', () => {
  /** Time passes until nothing more is asked or answered. */
  function settle(cluster: RaftCluster, may?: (flight: Flight) => boolean): void {
    for (let count = 0; count < 40; count++) {
      cluster.pass(25);
      deliverAll(cluster, may);
    }
  }

  const standings = (cluster: RaftCluster) => cluster.ids.map((id) => cluster.member(id).state.standing);

  it('votes when a majority says that it is the first start, and is safe when so many know it', () => {
    const cluster = clusterOf(5, { areNew: true });
    settle(cluster, between('n0', 'n1', 'n2'));
    expect(standings(cluster)).toEqual(['voter', 'voter', 'voter', 'new', 'new']);
    expect(cluster.leader).toBe('n0');
    settle(cluster, between('n0', 'n1', 'n2', 'n3'));
    expect(standings(cluster)).toEqual(['known', 'known', 'known', 'known', 'new']);
  });

  it('begins a group in a round trip and an election', () => {
    const cluster = clusterOf(3, { areNew: true });
    cluster.pass(0);
    const arrive = () => {
      for (const flight of cluster.flights.splice(0)) cluster.deliver(flight);
    };
    // Asked and answered; the question, the vote and the first entry, each with its answer.
    for (let trips = 0; trips < 8; trips++) arrive();
    expect(cluster.committed).toHaveLength(1);
  });

  it('is noticed by each of those that know it, and gets its log before it votes', () => {
    const cluster = clusterOf(3, { areNew: true });
    settle(cluster);
    const leader = cluster.leader as string;
    const lost = cluster.ids.find((id) => id !== leader) as string;
    cluster.propose(leader, 'x');
    settle(cluster);
    cluster.loseDisk(lost);
    cluster.restart(lost);
    cluster.pass(1);
    deliverAll(cluster, ({ message }) => message.kind === 'join' || message.kind === 'joined');
    const { state } = cluster.member(lost);
    expect(state).toMatchObject({ standing: 'recovering', term: 1, votedFor: '' });
    const request = {
      kind: 'vote',
      pre: false,
      term: 9,
      lastIndex: 9,
      lastTerm: 9,
      incarnation: 1,
      sentMs: 0,
    } as const;
    cluster.step(lost, { kind: 'message', from: leader, message: request });
    expect(state).toMatchObject({ term: 1, votedFor: '' });
    settle(cluster);
    expect(state.standing).toBe('known');
    expect(cluster.member(lost).applied).toEqual(['', 'x']);
  });

  it('is out, and says so, if its loss was not noticed before it was known well enough', () => {
    const cluster = clusterOf(3, { areNew: true });
    settle(cluster, between('n0', 'n1'));
    expect(standings(cluster)).toEqual(['voter', 'voter', 'new']);
    cluster.loseDisk('n0');
    cluster.restart('n0');
    settle(cluster, between('n0', 'n2'));
    expect(standings(cluster)).toEqual(['voter', 'voter', 'voter']);
    settle(cluster);
    const { state } = cluster.member('n0');
    expect(state).toMatchObject({ standing: 'disputed', role: 'follower' });
    expect(findStandingTrouble(state)).toContain('another node knew an earlier disk of this node');
    cluster.stop('n0');
    cluster.restart('n0');
    settle(cluster);
    expect(cluster.member('n0').state.standing).toBe('disputed');
  });

  it('gets a snapshot in parts if the log does not reach back', () => {
    const cluster = clusterOf(3, { limits: { entriesKept: 0, partLengthMax: 10 } });
    elect(cluster, 'n0');
    for (let count = 0; count < 30; count++) cluster.propose('n0', `command ${count}`);
    deliverAll(cluster);
    cluster.snapshot('n0');
    cluster.loseDisk('n2');
    for (const id of ['n0', 'n1']) {
      cluster.member(id).records.push(seenRecord('n2', 3));
      cluster.member(id).state.seen.set('n2', 3);
    }
    cluster.restart('n2');
    settle(cluster);
    expect(cluster.member('n2').state.standing).toBe('known');
    expect(cluster.member('n2').applied).toEqual(cluster.member('n0').applied);
  });

  it('gets its vote back although another disk is lost before that, if all had answered', () => {
    const cluster = clusterOf(3, { areNew: true });
    settle(cluster);
    const troubleOf = (id: string) => findStandingTrouble(cluster.member(id).state);
    cluster.loseDisk('n2');
    cluster.restart('n2');
    // All have answered it, and none has sent it anything of its log yet.
    cluster.step('n2', { kind: 'tick' });
    deliverAll(cluster, ({ message }) => message.kind === 'join' || message.kind === 'joined');
    expect(troubleOf('n2')).toBe('the disk was lost; no vote until the log is complete again');
    cluster.loseDisk('n1');
    cluster.restart('n1');
    cluster.step('n1', { kind: 'tick' });
    deliverAll(cluster, ({ message }) => message.kind === 'join' || message.kind === 'joined');
    expect(troubleOf('n1')).toBe(
      'the disk was lost; no vote until all others, each with a vote, have answered: n2 not yet',
    );
    settle(cluster);
    expect(standings(cluster)).toEqual(['known', 'known', 'known']);
  });

  it('asks one again that had no vote when it answered', () => {
    const cluster = clusterOf(5, { areNew: true });
    settle(cluster, between('n0', 'n1', 'n2', 'n3'));
    cluster.loseDisk('n3');
    cluster.restart('n3');
    // The answer of n4 comes before n4 has any other.
    cluster.step('n3', { kind: 'tick' });
    deliverAll(cluster, ({ message }) => message.kind === 'join' || message.kind === 'joined');
    expect(cluster.member('n3').state.answers.get('n4')).toMatchObject({ votes: false });
    settle(cluster);
    expect(standings(cluster)).toEqual(['known', 'known', 'known', 'known', 'known']);
  });

  it('is the same after a restart in the middle of it', () => {
    const cluster = clusterOf(3, { areNew: true });
    settle(cluster);
    cluster.loseDisk('n2');
    for (let count = 0; count < 3; count++) {
      cluster.restart('n2');
      cluster.pass(1);
      deliverAll(cluster, between('n1', 'n2'));
      expect(cluster.member('n2').state.standing).toBe('recovering');
      cluster.stop('n2');
    }
    cluster.restart('n2');
    settle(cluster);
    expect(cluster.member('n2').state.standing).toBe('known');
  });
});

/** What a lost disk takes away, one rule at a time, among three members. */
describe('without a rule of recovery', () => {
  const pair = between('n0', 'n2');

  const joins = ({ message }: Flight) => message.kind === 'join' || message.kind === 'joined';

  /** n0 leads in term 1. */
  function begun(rules: Partial<RaftRules>): RaftCluster {
    const cluster = clusterOf(3, { areNew: true, rules, limits: { batchLengthMax: 0 } });
    cluster.pass(1);
    deliverAll(cluster, joins);
    elect(cluster, 'n0');
    return cluster;
  }

  /** n0 has committed an entry with n2, which is back with an empty disk. */
  function afterLoss(rules: Partial<RaftRules>): RaftCluster {
    const cluster = begun(rules);
    cluster.propose('n0', 'x');
    deliverAll(cluster, pair);
    expect(cluster.committed).toHaveLength(2);
    loseDisk(cluster);
    return cluster;
  }

  function loseDisk(cluster: RaftCluster): void {
    cluster.loseDisk('n2');
    cluster.restart('n2');
    cluster.pass(1);
    deliverAll(cluster, joins);
  }

  /** A member asks for votes so soon that the leader has not stepped down. */
  function ask(cluster: RaftCluster, id: string, may: (flight: Flight) => boolean): void {
    cluster.nowMs += 200;
    cluster.member(id).state.electionAtMs = 0;
    cluster.step(id, { kind: 'tick' });
    deliverAll(cluster, may);
  }

  it('a member that votes at once elects a leader without what was committed', () => {
    const elected = (rules: Partial<RaftRules>) => {
      elect(afterLoss(rules), 'n1', between('n1', 'n2'));
    };
    expect(() => elected({})).not.toThrow();
    expect(() => elected({ mustRecover: false })).toThrow(/leader completeness/);
  });

  it('a member that votes before its log is complete does so, too', () => {
    const elected = (rules: Partial<RaftRules>) => {
      const cluster = afterLoss(rules);
      // It gets the first entry, and not the one that it had acknowledged.
      cluster.pass(60);
      const isOld = ({ message }: Flight) =>
        message.kind !== 'append' || message.entries.every(({ command }) => command === '');
      deliverAll(cluster, (flight) => pair(flight) && isOld(flight));
      expect(lastIndex(cluster.member('n2').state.log)).toBe(1);
      elect(cluster, 'n1', between('n1', 'n2'));
    };
    expect(() => elected({})).not.toThrow();
    expect(() => elected({ isCaughtUp: () => true })).toThrow(/leader completeness/);
  });

  it('a member that does not learn the terms of the others votes twice in one', () => {
    const votedTwice = (rules: Partial<RaftRules>) => {
      const cluster = begun(rules);
      // n2 votes for n1 in term 2, and that vote is late.
      let late: Flight | undefined;
      ask(cluster, 'n1', (flight) => {
        if (flight.message.kind !== 'voted' || flight.message.pre || flight.from !== 'n2')
          return between('n1', 'n2')(flight);
        late = flight;
        return false;
      });
      expect(late).toBeDefined();
      loseDisk(cluster);
      // n0 still leads in term 1. It brings n2 up to date, if n2 believes it, and wins it for another election.
      cluster.pass(60);
      deliverAll(cluster, pair);
      elect(cluster, 'n0', pair);
      elect(cluster, 'n0', pair);
      cluster.deliver(late as Flight);
    };
    expect(() => votedTwice({})).not.toThrow();
    expect(() => votedTwice({ termAfterLoss: () => 0 })).toThrow(/election safety/);
  });

  it('a member counts the answer of one that lost its disk, too, and what only the two knew is undone', () => {
    const recovered = (rules: Partial<RaftRules>) => {
      const cluster = begun(rules);
      // n1 leads in term 2, and commits an entry with n2. n0 was cut off, and still leads in term 1.
      ask(cluster, 'n1', between('n1', 'n2'));
      cluster.propose('n1', 'x');
      deliverAll(cluster, between('n1', 'n2'));
      expect(cluster.committed.at(-1)).toEqual({ term: 2, command: 'x' });
      for (const id of ['n1', 'n2']) {
        cluster.loseDisk(id);
        cluster.restart(id);
      }
      for (const id of ['n1', 'n2']) cluster.step(id, { kind: 'tick' });
      // Both know from n0 that it is not their first start, before they hear each other.
      const late = cluster.flights.filter(between('n1', 'n2'));
      deliverAll(cluster, (flight) => joins(flight) && !late.includes(flight));
      for (const id of ['n1', 'n2']) expect(cluster.member(id).state.standing).toBe('recovering');
      for (const flight of late) cluster.deliver(flight);
      settle(cluster);
      cluster.propose('n0', 'y');
      settle(cluster);
      return cluster.ids.map((id) => cluster.member(id).state.standing);
    };
    expect(recovered({})).toEqual(['known', 'recovering', 'recovering']);
    expect(() => recovered({ keepsPromises: () => true })).toThrow(/state machine safety/);
  });

  it('a candidate counts the votes that were given to its lost log', () => {
    const elected = (rules: Partial<RaftRules>) => {
      const cluster = begun(rules);
      // The vote of n0 for n2 in term 2 is late.
      const late: Flight[] = [];
      ask(cluster, 'n2', (flight) => {
        const isLate = flight.message.kind === 'vote' && !flight.message.pre;
        if (isLate && flight.to === 'n0') late.push(flight);
        return !isLate;
      });
      expect(late).toHaveLength(1);
      loseDisk(cluster);
      settle(cluster);
      expect(cluster.member('n2').state).toMatchObject({ standing: 'known', term: 1 });
      elect(cluster, 'n2', ({ message }) => message.kind !== 'vote' || message.pre);
      expect(cluster.member('n2').state).toMatchObject({ role: 'candidate', term: 2 });
      // Time for n0 to step down.
      cluster.step('n0', { kind: 'tick' });
      cluster.deliver(late[0] as Flight);
      deliverAll(cluster, ({ message }) => message.kind === 'voted');
      return cluster.member('n2').state.role;
    };
    expect(elected({})).toBe('candidate');
    expect(elected({ isForOwn: () => true })).toBe('leader');
  });

  it('a leader that keeps what a lost disk acknowledged never finds out what is missing', () => {
    const recovered = (rules: Partial<RaftRules>) => {
      const cluster = afterLoss(rules);
      settle(cluster);
      return cluster.member('n2').state.standing;
    };
    expect(recovered({})).toBe('known');
    expect(recovered({ heedsForgetting: false })).toBe('recovering');
  });

  function settle(cluster: RaftCluster): void {
    for (let count = 0; count < 40; count++) {
      cluster.pass(25);
      deliverAll(cluster);
    }
  }
});

describe('to a member that is silent', () => {
  function charactersIn10s(isSilent: boolean): number {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.propose('n0', 'x'.repeat(100_000));
    let characters = 0;
    for (let count = 0; count < 1000; count++) {
      cluster.pass(10);
      deliverAll(cluster, (flight) => {
        if (flight.to === 'n2') characters += JSON.stringify(flight.message).length;
        return !isSilent || flight.to !== 'n2';
      });
    }
    return characters;
  }

  it('content is sent twice, and then only heartbeats', () => {
    expect(charactersIn10s(false)).toBeLessThan(150_000);
    expect(charactersIn10s(true)).toBeLessThan(250_000);
  });

  it('content is sent again as soon as it answers a heartbeat', () => {
    const cluster = clusterOf(3);
    elect(cluster, 'n0');
    cluster.propose('n0', 'x');
    for (let count = 0; count < 100; count++) {
      cluster.pass(50);
      deliverAll(cluster, between('n0', 'n1'));
    }
    const { length } = cluster.member('n2').state.log.entries;
    cluster.pass(60);
    deliverAll(cluster);
    expect(cluster.member('n2').state.log.entries).toHaveLength(length + 1);
  });
});
