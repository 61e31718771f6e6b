/**
 * What a participant of sagas remembers of them, in its own document. Effect and mark are one compare-and-set, so
 * neither exists without the other. Pure functions of the document.
 *
 * A mark says that a step was taken (`applied`), or that it is undone and must never be taken (`undone`). The second is
 * written by compensation, or as a tombstone for a step that was never taken.
 *
 * Marks of finished sagas are removed, or documents would grow for ever. They are not removed at once. First a mark is
 * *ended*: it records the version of that moment and stays for {@link GRACE_VERSIONS} versions more. So assume that a
 * node saw a saga unfinished after it saw one version. If it finds no mark of it in a version less than that ahead, the
 * step was never taken up to there. It need not read the saga again.
 *
 * This holds although others may change the content outside of any saga, as long as they keep the marks as they are.
 * Say that a step was taken after version v, in version x. Only a tidying write removes its mark, in version y. The
 * mark was ended in some version e from x on, and y is at least e + {@link GRACE_VERSIONS}. So no version less than
 * that ahead of v lacks it. Versions are counted, and not writes of sagas. Changes by others use up versions. So a
 * mark may stay for fewer steps, and a node reads sagas more often.
 */

import * as z from 'zod';

export const Mark = z.tuple([z.string(), z.int().min(0), z.enum(['applied', 'undone']), z.int().min(0)]);
/**
 * Saga, step, what became of the step, and the version in which the saga was known to be finished. 0: not known yet.
 */
export type Mark = z.infer<typeof Mark>;

export interface ParticipantRecord<Content> {
  /** Null: there are only marks. */
  readonly content: Content | null;
  readonly marks: readonly Mark[];
}

export function participantSchema<Content>(content: z.ZodType<Content>): z.ZodType<ParticipantRecord<Content>> {
  return z.object({ content: content.nullable(), marks: z.array(Mark) });
}

/** For how many versions the mark of a finished saga stays. */
export const GRACE_VERSIONS = 16;

/**
 * The version of its participant up to which a step was neither taken nor undone. A version less than {@link
 * GRACE_VERSIONS} later that has no mark of the step proves the same for itself.
 */
export class NotTaken {
  #upToVer: number;

  /** @param upToVer undefined: nothing is known; the saga must be read */
  constructor(upToVer: number | undefined) {
    this.#upToVer = upToVer ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether enough is known to judge a version by its marks. */
  isEnoughFor(ver: number): boolean {
    return ver - this.#upToVer < GRACE_VERSIONS;
  }

  /** Call it when a version has no mark of the step, or when the saga was seen unfinished after it. */
  reach(ver: number): void {
    this.#upToVer = ver;
  }
}

export interface Marking {
  find(marks: readonly Mark[], saga: string, step: number): Mark | undefined;
  put(marks: readonly Mark[], saga: string, step: number, what: 'applied' | 'undone'): readonly Mark[];
  /** Whether undoing a step without a mark leaves a tombstone. */
  readonly tombstones: boolean;
  /**
   * Ends the marks of finished sagas. Removes those that ended long ago.
   *
   * @param ver the version that is about to be written
   */
  tidy(marks: readonly Mark[], ver: number, isFinished: (saga: string) => boolean): readonly Mark[];
}

export const MARKING: Marking = {
  find: (marks, saga, step) => marks.find(([own, number]) => own === saga && number === step),

  put: (marks, saga, step, what) => [
    ...marks.filter(([own, number]) => own !== saga || number !== step),
    [saga, step, what, 0],
  ],

  tombstones: true,

  tidy: (marks, ver, isFinished) =>
    marks
      .filter(([, , , endedVer]) => endedVer === 0 || ver - endedVer < GRACE_VERSIONS)
      .map((mark) => {
        const [saga, step, what, endedVer] = mark;
        return endedVer === 0 && isFinished(saga) ? [saga, step, what, ver] : mark;
      }),
};

export function isEnded([, , , endedVer]: Mark): boolean {
  return endedVer > 0;
}
