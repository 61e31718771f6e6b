/**
 * What a participant of sagas remembers of them, in the document that they change: effect and mark are one
 * compare-and-set, so neither is ever there without the other. Pure functions of the document.
 *
 * A mark says that a step was taken (`applied`) or that it is undone and must never be taken (`undone`: after
 * compensation, or as a tombstone before anybody took it). Marks of finished sagas are removed, or documents would grow
 * for ever, but not at once: such a mark is *ended* first, by the version in which that was done, and stays for {@link
 * GRACE_VERSIONS} versions more. So whoever knew a saga to be unfinished after it saw one version, and finds no mark of
 * it in another one that is less than that ahead, knows that the step was never taken up to there. It need not ask the
 * saga again.
 */

import * as z from 'zod';

export const Mark = z.tuple([z.string(), z.int().min(0), z.enum(['applied', 'undone']), z.int().min(0)]);
/**
 * Saga, step, what became of the step, and the version in which the saga was known to be finished; 0: it is not known
 * to be.
 */
export type Mark = z.infer<typeof Mark>;

export interface ParticipantRecord<Content> {
  /** Null: there is nothing but marks. */
  readonly content: Content | null;
  readonly marks: readonly Mark[];
}

export function participantSchema<Content>(content: z.ZodType<Content>): z.ZodType<ParticipantRecord<Content>> {
  return z.object({ content: content.nullable(), marks: z.array(Mark) });
}

/** For how many versions the mark of a finished saga stays. */
export const GRACE_VERSIONS = 16;

/**
 * Up to which version of its participant a step is known not to have been taken, nor undone. While that is less than
 * {@link GRACE_VERSIONS} ago, a version without a mark of the step proves the same of itself.
 */
export class NotTaken {
  #upToVer: number | undefined;

  /** @param upToVer undefined: nothing is known; the saga must be looked at */
  constructor(upToVer: number | undefined) {
    this.#upToVer = upToVer;
  }

  /** Whether what is known is enough to judge a version by its marks. */
  isEnoughFor(ver: number): boolean {
    return this.#upToVer !== undefined && ver - this.#upToVer < GRACE_VERSIONS;
  }

  /** Told that a version bears no mark of the step, or that the saga was seen unfinished after it. */
  reach(ver: number): void {
    this.#upToVer = ver;
  }
}

export interface Marking {
  find(marks: readonly Mark[], saga: string, step: number): Mark | undefined;
  put(marks: readonly Mark[], saga: string, step: number, what: 'applied' | 'undone'): readonly Mark[];
  /** Whether a step without a mark gets a tombstone when it is to be undone. */
  readonly tombstones: boolean;
  /**
   * Ends the marks of finished sagas and removes those that have been ended for long.
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
