/**
 * Where a node changes one participant of sagas. Steps wait in a queue and are taken in groups. Each group is one
 * compare-and-set of the participant's document. The version it leaves is remembered. So without contention a step
 * costs only one compare-and-set.
 *
 * Why a step is taken once, though many nodes may try. A mark in the document shows that it was taken or undone. Marks
 * of finished sagas are removed, so a missing mark alone proves nothing. It does if the saga was seen unfinished AFTER
 * this version of the document, or one shortly before it, was seen (`marks.ts`). A saga does not finish without a mark
 * of this step, and the mark stays while it is unfinished. A compare-and-set from that version succeeds only if nothing
 * has happened since.
 *
 * The content may be changed by others, outside of any saga and past this desk. Then the remembered version is old: a
 * compare-and-set from it fails, and no refusal rests on it.
 */

import { type Documents, readOrThrow, type Stored } from '../kv/documents.ts';
import { chooseFirst, GroupQueue } from '../kv/group-queue.ts';
import { type Moment, momentOf, passedMs } from '../kv/passed.ts';
import type { NodeContext } from '../node/context.ts';
import { pauseUpTo } from '../node/pause.ts';
import { RpcError } from '../protocol/errors.ts';
import { type Action, compose, type WantedStep } from './compose.ts';
import type { FinishedSagas } from './finished-sagas.ts';
import type { SagaLimits } from './limits.ts';
import { type Marking, NotTaken, type ParticipantRecord } from './marks.ts';
import { OldMarks } from './old-marks.ts';
import type { Order, Refusal, StepOutcome, Turn } from './plan.ts';

/** Longest pause after a timeout or a lost race, ms. */
const PAUSE_MS = 20;

interface WaitingStep<Content> extends WantedStep<Content> {
  readonly turn: Turn;
  readonly endMs: number;
  readonly resolve: (outcome: StepOutcome) => void;
  readonly reject: (error: RpcError) => void;
  /** When it came, as a point of the node's order. */
  readonly arrivedAt: number;
  readonly notTaken: NotTaken;
}

interface Known<Content> {
  readonly stored: Stored<ParticipantRecord<Content>>;
  /**
   * When the last reading before this version was begun, and when it was done: points of the node's order. Since then
   * only this node has changed it.
   */
  readonly askedAt: number;
  readonly readAt: number;
  /** It was current then or later. */
  readonly proven: Moment;
}

export interface ParticipantDeskOptions<Content extends object> {
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>;
  readonly documents: Documents<ParticipantRecord<Content>>;
  readonly key: string;
  readonly marking: Marking;
  readonly order: Order;
  readonly finished: FinishedSagas;
  /** Finds out whether a saga that this node does not know is finished. If so, notes it. */
  readonly lookUp: (saga: string) => Promise<void>;
  readonly limits: Pick<SagaLimits, 'group' | 'marks'>;
  /** How long a step may take, ms. */
  readonly stepMs: number;
}

export class ParticipantDesk<Content extends object> {
  readonly #options: ParticipantDeskOptions<Content>;
  /** Invariant: it was read, or is proven to have been stored. */
  #known: Known<Content> | undefined;
  #reading: Promise<Known<Content>> | undefined;
  readonly #queue: GroupQueue<WaitingStep<Content>>;
  readonly #oldMarks: OldMarks;

  constructor(options: ParticipantDeskOptions<Content>) {
    const { context, finished, lookUp, limits } = options;
    this.#options = options;
    this.#oldMarks = new OldMarks({ clock: context.clock, finished, lookUp });
    this.#queue = new GroupQueue({
      choose: (waiting) => chooseFirst(waiting, limits.group),
      serve: (group) => this.#serve(group),
      fail: ({ reject }, error) => reject(error instanceof RpcError ? error : RpcError.of('crash', String(error))),
    });
  }

  get idle(): boolean {
    return !this.#queue.busy && this.#reading === undefined;
  }

  /**
   * The content as far as known, which may be out of date. Reads it if nothing is known, or if it was not proven for
   * longer than `ageMsMax`. Rejects with an `RpcError`.
   */
  async peek(ageMsMax = Number.POSITIVE_INFINITY): Promise<ParticipantRecord<Content>> {
    const known = this.#known;
    const isFresh = known !== undefined && passedMs(this.#options.context.clock, known.proven) <= ageMsMax;
    return contentOf((isFresh ? known : await this.#read()).stored);
  }

  take(turn: Turn, what: 'act' | 'undo', change: Action<Content>): Promise<StepOutcome> {
    return new Promise((resolve, reject) => {
      const known = this.#known;
      this.#queue.push({
        turn,
        what,
        change,
        endMs: this.#nowMs() + this.#options.stepMs,
        resolve,
        reject,
        arrivedAt: this.#options.order.next(),
        notTaken: new NotTaken(known !== undefined && turn.observedAt > known.readAt ? known.stored.ver : undefined),
      });
    });
  }

  async #serve(group: readonly WaitingStep<Content>[]): Promise<void> {
    const { context, documents, key, marking, finished, order, limits } = this.#options;
    const rules = { marking, isFinished: (saga: string) => finished.has(saga), marksMax: limits.marks };
    let open = this.#leaveLate(group);
    for (let attempt = 0; open.length > 0; attempt++) {
      const known = this.#known ?? (await this.#read());
      open = await this.#dismissFinished(open, known);
      const { settled, taken, refused, putOff, next } = compose(contentOf(known.stored), open, rules);
      for (const [{ resolve }, outcome] of settled) resolve(outcome);
      open = open.filter((waiting) => !settled.has(waiting));
      if (taken.length === 0) {
        open = this.#refuse(open, refused, known.askedAt);
        // The rest must be judged by a new reading.
        if (open.length > 0) this.#known = undefined;
        if (putOff.length > 0) {
          await this.#pause();
          // At the end of the queue: the entries before them may need no room, or free some.
          this.#queue.push(...open);
          return;
        }
      } else {
        const beganAt = order.next();
        const began = momentOf(context.clock);
        const result = await documents.replace(key, known.stored, next(known.stored.ver + 1));
        if (result.kind === 'ok') {
          this.#remember({ ...known, stored: result.stored, proven: began });
          for (const { resolve } of taken) resolve('done');
          const left = open.filter((waiting) => !taken.includes(waiting));
          open = this.#refuse(left, refused, beganAt);
        } else {
          this.#known = undefined;
          // If the node ends meanwhile, the next reading fails, which ends the loop.
          if (attempt > 0 || result.kind !== 'refused') await this.#pause();
        }
      }
      open = this.#leaveLate(open);
    }
  }

  /**
   * A refusal is final if the version was current after the step came. An older version may lack money that has come
   * since.
   */
  #refuse(
    open: readonly WaitingStep<Content>[],
    refused: ReadonlyMap<WaitingStep<Content>, Refusal>,
    provenAt: number,
  ): WaitingStep<Content>[] {
    return open.filter((waiting) => {
      const refusal = refused.get(waiting);
      if (refusal === undefined || waiting.arrivedAt > provenAt) return true;
      waiting.resolve(refusal);
      return false;
    });
  }

  /** Settles the steps of finished sagas and returns the others. This version shows whether those were taken. */
  async #dismissFinished(
    open: readonly WaitingStep<Content>[],
    { stored: { ver } }: Known<Content>,
  ): Promise<WaitingStep<Content>[]> {
    const { finished } = this.#options;
    const kept = await Promise.all(
      open.map(async ({ turn, notTaken, resolve, reject }) => {
        let isFinished = finished.has(turn.saga);
        try {
          if (!isFinished && !notTaken.isEnoughFor(ver)) isFinished = (await turn.observe()) === undefined;
        } catch (error) {
          reject(error as RpcError);
          return false;
        }
        if (isFinished) resolve('overtaken');
        else notTaken.reach(ver);
        return !isFinished;
      }),
    );
    return open.filter((_, index) => kept[index]);
  }

  #leaveLate(open: readonly WaitingStep<Content>[]): WaitingStep<Content>[] {
    const nowMs = this.#nowMs();
    return open.filter(({ endMs, reject }) => {
      if (nowMs < endMs) return true;
      reject(unavailable(`${this.#options.key} was busy for too long`));
      return false;
    });
  }

  #read(): Promise<Known<Content>> {
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readNow(): Promise<Known<Content>> {
    const { context, documents, key, order } = this.#options;
    const askedAt = order.next();
    const proven = momentOf(context.clock);
    const known = { stored: await readOrThrow(documents, key), askedAt, readAt: order.next(), proven };
    this.#remember(known);
    return known;
  }

  #remember(known: Known<Content>): void {
    this.#known = known;
    this.#oldMarks.see(contentOf(known.stored).marks);
  }

  #pause(): Promise<boolean> {
    return pauseUpTo(this.#options.context, PAUSE_MS);
  }

  #nowMs(): number {
    return this.#options.context.clock.monotonicMs();
  }
}

function contentOf<Content extends object>({
  content,
}: Stored<ParticipantRecord<Content>>): ParticipantRecord<Content> {
  return content ?? { content: null, marks: [] };
}

function unavailable(text: string): RpcError {
  return RpcError.of('temporarily-unavailable', text);
}
