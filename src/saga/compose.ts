/**
 * What a group of steps makes of one version of their participant. Pure: one version goes in, the next one and an
 * outcome for each step come out.
 */

import { isEnded, type Mark, type Marking, type ParticipantRecord } from './marks.ts';
import { Refusal, type StepOutcome, type Turn } from './plan.ts';

/**
 * Applies a step to a participant: returns its next content, or why not. Undefined content: the participant does not
 * exist.
 */
export type Action<Content> = (content: Content | undefined) => Content | Refusal;

export interface WantedStep<Content> {
  readonly turn: Pick<Turn, 'saga' | 'step' | 'compensable'>;
  readonly what: 'act' | 'undo';
  readonly change: Action<Content>;
}

export interface Composition<Content, Wanted> {
  /** Nothing is left to do for these: this version shows how they ended. */
  readonly settled: ReadonlyMap<Wanted, StepOutcome>;
  /** The next version takes these steps. */
  readonly taken: readonly Wanted[];
  /** This version, with the steps taken before them, does not allow these. */
  readonly refused: ReadonlyMap<Wanted, Refusal>;
  /** There is no room for these, or another entry of the group is the same step. They wait. */
  readonly putOff: readonly Wanted[];
  /** Makes the next version, given its number. */
  readonly next: (ver: number) => ParticipantRecord<Content>;
}

export interface Rules {
  readonly marking: Marking;
  readonly isFinished: (saga: string) => boolean;
  /** Unfinished steps that the participant may hold. Beyond it, steps that can still be undone wait. */
  readonly marksMax: number;
}

export function compose<Content, Wanted extends WantedStep<Content>>(
  { content, marks }: ParticipantRecord<Content>,
  group: readonly Wanted[],
  { marking, isFinished, marksMax }: Rules,
): Composition<Content, Wanted> {
  const settled = new Map<Wanted, StepOutcome>();
  const taken: Wanted[] = [];
  const refused = new Map<Wanted, Refusal>();
  const putOff: Wanted[] = [];
  let nextContent = content;
  let nextMarks = marks;
  let room = marksMax - marks.filter((mark) => !isEnded(mark) && !isFinished(mark[0])).length;
  for (const wanted of group) {
    const { turn, what, change } = wanted;
    const mark = marking.find(marks, turn.saga, turn.step);
    const outcome = mark && outcomeOf(mark, what);
    if (outcome !== undefined) {
      settled.set(wanted, outcome);
      continue;
    }
    // Another entry of this group is the same step, or its undoing. The next version shows the outcome of this one.
    const isDoubled = marking.find(nextMarks, turn.saga, turn.step) !== mark;
    if (isDoubled || (what === 'act' && turn.compensable && room <= 0)) {
      putOff.push(wanted);
      continue;
    }
    const isTombstone = what === 'undo' && mark === undefined;
    if (isTombstone && !marking.tombstones) {
      settled.set(wanted, 'done');
      continue;
    }
    const changed = isTombstone ? nextContent : change(nextContent ?? undefined);
    if (changed instanceof Refusal) {
      refused.set(wanted, changed);
      continue;
    }
    nextContent = changed;
    room--;
    nextMarks = marking.put(nextMarks, turn.saga, turn.step, what === 'act' ? 'applied' : 'undone');
    taken.push(wanted);
  }
  const next = (ver: number) => ({ content: nextContent, marks: marking.tidy(nextMarks, ver, isFinished) });
  return { settled, taken, refused, putOff, next };
}

/** The outcome that a mark proves for a step, or for its undoing; undefined: it is still to be done. */
function outcomeOf(mark: Mark, what: 'act' | 'undo'): StepOutcome | undefined {
  if (isEnded(mark)) return 'overtaken';
  const [, , became] = mark;
  if (what === 'act') return became === 'applied' ? 'done' : 'overtaken';
  return became === 'undone' ? 'done' : undefined;
}
