/**
 * Timers. They follow the round trip that is observed, so that elections are quick in a room and stable across an
 * ocean. Only speed rests on them.
 */

import { majority, type RaftState } from './state.ts';

const ELECTION_MS_MIN = 150;
/** An election needs two round trips, a question and a vote; clients of lin-kv wait for five. */
const RTTS_OF_ELECTION = 2.5;
/** More is taken for a pause, not for a round trip. */
const RTT_MS_MAX = 1000;
const HEARTBEATS_OF_ELECTION = 3;
/** The weight of a new sample (Jacobson, 1988). */
const GAIN = 1 / 8;

/** The time without a leader after which a member may begin an election. Each draws up to twice this time. */
export function electionMs({ rttMs }: Pick<RaftState, 'rttMs'>): number {
  return Math.max(ELECTION_MS_MIN, RTTS_OF_ELECTION * rttMs);
}

export function drawElectionMs(state: Pick<RaftState, 'rttMs'>, random: () => number): number {
  return electionMs(state) * (1 + random());
}

export function heartbeatMs(state: Pick<RaftState, 'rttMs'>): number {
  return electionMs(state) / HEARTBEATS_OF_ELECTION;
}

/** When an append without an answer is sent again. */
export function resendMs(state: Pick<RaftState, 'rttMs'>): number {
  return Math.max(heartbeatMs(state), 2 * state.rttMs);
}

/** The round trip after one more sample, ms. @param knownMs undefined or 0: none is known */
export function withSample(knownMs: number | undefined, sampleMs: number): number {
  if (sampleMs > RTT_MS_MAX) return knownMs ?? 0;
  return knownMs ? knownMs + GAIN * (sampleMs - knownMs) : sampleMs;
}

/** The round trip to the slowest member of the fastest majority, in whole ms. */
export function majorityRttMs(state: RaftState): number {
  const known: number[] = [];
  for (const [id, { rttMs }] of state.progress) {
    if (id === state.id) known.push(0);
    else if (rttMs !== undefined) known.push(rttMs);
  }
  const needed = majority(state);
  if (known.length < needed) return state.rttMs;
  return Math.ceil(known.sort((one, other) => one - other)[needed - 1] as number);
}
