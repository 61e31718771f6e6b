/** When a member that lost its disk has all again that it had promised to keep. */

import { memberRecord } from './records.ts';
import { resetElection } from './roles.ts';
import { hasVote, type Standing } from './state.ts';
import { persist, type Turn } from './turn.ts';

/** Gives a member its vote, or more certainty. It promises nothing before that is on the disk. */
export function raiseStanding(turn: Turn, standing: Standing): void {
  const { state } = turn;
  state.standing = standing;
  persist(turn, memberRecord(state));
  state.standingSeq = state.seq;
}

/** Ends the recovery if the log is that of the leader, up to where the leader's was since the disk was lost. */
export function finishRecovery(turn: Turn): void {
  const { state, rules } = turn;
  if (state.standing !== 'recovering' || state.leader === undefined) return;
  const answer = state.answers.get(state.leader);
  // What the leader answered in an earlier term is not the end of the log that it leads with.
  if (answer?.term !== state.term || !rules.isCaughtUp(state.matched, answer.last)) return;
  raiseStanding(turn, 'known');
  state.joinAtMs = Number.POSITIVE_INFINITY;
  state.answers.clear();
  resetElection(turn);
}

/** What keeps a member from taking part, or from losing its disk unnoticed, in words; undefined: nothing does. */
export function findStandingTrouble(state: Turn['state']): string | undefined {
  if (state.standing === 'disputed')
    return 'another node knew an earlier disk of this node: its loss went unnoticed, and acknowledged changes may be lost';
  if (state.standing === 'recovering') return `the disk was lost; no vote until ${describeMissing(state)}`;
  if (!hasVote(state)) return 'the disk is empty; no vote until a majority says that it is the first start';
  if (state.standing === 'voter') return 'too few other nodes know this one to notice the loss of its disk';
  return state.durableSeq < state.standingSeq ? 'its standing is not on the disk yet' : undefined;
}

function describeMissing({ id, members, answers, knowsTerms }: Turn['state']): string {
  if (knowsTerms) return 'the log is complete again';
  const open = members.filter((other) => other !== id && !answers.get(other)?.votes);
  return `all others, each with a vote, have answered: ${open.join(', ')} not yet`;
}
