/**
 * Every order of the messages of an election among three members, two of which begin one at any time. What is reached
 * by two orders is looked at once. What a leader sends is left out: it could only end the other election.
 */

import { expect, it } from 'vitest';
import type { RaftMessage } from '../../src/raft/messages.ts';
import { RAFT_RULES } from '../../src/raft/rules.ts';
import { createState, EMPTY, type RaftState } from '../../src/raft/state.ts';
import { type RaftEvent, step } from '../../src/raft/step.ts';

const IDS = ['n0', 'n1', 'n2'];

interface World {
  readonly members: ReadonlyMap<string, RaftState>;
  readonly flights: readonly { readonly from: string; readonly to: string; readonly message: RaftMessage }[];
  /** Elections that may still begin, by member. */
  readonly ticks: ReadonlyMap<string, number>;
  /** Records that are not on the disk yet, by member. */
  readonly unwritten: ReadonlyMap<string, number>;
  /** A member that does not know for whom it voted. */
  readonly forgetful?: string;
}

function begin(ticks: Readonly<Record<string, number>>): World {
  return {
    members: new Map(IDS.map((id) => [id, createState(id, IDS, { ...EMPTY, incarnation: 1, standing: 'known' }, 0)])),
    flights: [],
    ticks: new Map(Object.entries(ticks)),
    unwritten: new Map(),
  };
}

/** The world after one more event. Time stands still, so that a member begins an election whenever it is told to. */
function after(world: World, id: string, event: RaftEvent, flights = world.flights, ticks = world.ticks): World {
  const state = copyOf(world.members.get(id) as RaftState);
  if (event.kind === 'tick') state.electionAtMs = 0;
  if (id === world.forgetful) state.votedFor = undefined;
  const out = step(state, event, { nowMs: 0, random: () => 0.5, rules: RAFT_RULES });
  const sent = out.messages.filter(({ message }) => message.kind === 'vote' || message.kind === 'voted');
  const unwritten = new Map(world.unwritten);
  if (state.seq > state.durableSeq) unwritten.set(id, state.seq);
  else unwritten.delete(id);
  return {
    ...world,
    members: new Map([...world.members, [id, state]]),
    flights: [...flights, ...sent.map(({ to, message }) => ({ from: id, to, message }))],
    ticks,
    unwritten,
  };
}

/** As far as an election changes it. */
function copyOf({ votes, held, log, ...rest }: RaftState): RaftState {
  const entries = [...log.entries];
  return { ...rest, votes: new Set(votes), held: [...held], log: { ...log, entries }, progress: new Map() };
}

function* nextWorlds(world: World): Generator<World> {
  for (const [id, left] of world.ticks) {
    const { role } = world.members.get(id) as RaftState;
    if (left > 0 && role !== 'leader')
      yield after(world, id, { kind: 'tick' }, world.flights, new Map([...world.ticks, [id, left - 1]]));
  }
  for (const [id, seq] of world.unwritten) yield after(world, id, { kind: 'persisted', seq });
  for (const [index, { from, to, message }] of world.flights.entries())
    yield after(world, to, { kind: 'message', from, message }, world.flights.toSpliced(index, 1));
}

/** The same for worlds that go on in the same way. */
function nameOf({ members, flights, ticks }: World): string {
  const states = [...members.values()].map(
    ({ role, term, votedFor, leader, votes, log, durableSeq, seq, held }) =>
      `${role} ${term} ${votedFor} ${leader} ${[...votes].sort()} ${log.entries.length} ${durableSeq} ${seq} ${JSON.stringify(held)}`,
  );
  return [...states, ...flights.map((flight) => JSON.stringify(flight)).sort(), [...ticks]].join('\n');
}

/** How many worlds were seen, and in how many there was a leader. */
function explore(first: World, worldsMax: number): { worlds: number; led: number } {
  const seen = new Set<string>();
  const open = [first];
  let led = 0;
  for (let world = open.pop(); world !== undefined && seen.size < worldsMax; world = open.pop()) {
    const name = nameOf(world);
    if (seen.has(name)) continue;
    seen.add(name);
    const leaders = [...world.members.values()].filter(({ role }) => role === 'leader');
    const terms = leaders.map(({ term }) => term);
    if (new Set(terms).size < terms.length) throw new Error(`two leaders in one term:\n${name}`);
    if (leaders.length > 0) led++;
    open.push(...nextWorlds(world));
  }
  return { worlds: seen.size, led };
}

it('has one leader a term at most', () => {
  const found = explore(begin({ n0: 1, n1: 1 }), 200_000);
  expect(found.worlds).toBeLessThan(200_000);
  expect(found.led).toBeGreaterThan(10_000);
});

it('would have two if a member voted twice', () => {
  expect(() => explore({ ...begin({ n0: 1, n1: 1 }), forgetful: 'n2' }, 200_000)).toThrow(/two leaders in one term/);
});
