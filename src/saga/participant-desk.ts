/**
 * Where a node changes one participant of sagas: steps queue up here and are taken in groups, each group with one compare-and-set of the participant's
 * document. The version that the last one left is remembered, so that without contention a step costs one compare-and-set and nothing else.
 *
 * Why a step is taken once, though many nodes may try. A mark in the document tells that it was taken or undone. Marks of finished sagas are removed, so the
 * absence of a mark says nothing by itself; but it does if the saga was seen unfinished AFTER this version of the document, or one shortly before it, was seen
 * (`marks.ts`): a saga does not finish without a mark of this step, and while it is not finished its mark stays. A compare-and-set from that version then
 * succeeds only if nothing has happened since.
 */

import type { Documents, Stored } from '../kv/documents.ts';
import { readOrThrow } from '../kv/documents.ts';
import { chooseFirst, GroupQueue } from '../kv/group-queue.ts';
import type { NodeContext } from '../node/context.ts';
import { pauseUpTo } from '../node/pause.ts';
import { RpcError } from '../protocol/errors.ts';
import type { FinishedSagas } from './finished-sagas.ts';
import { GRACE_VERSIONS, isEnded, type Mark, type Marking, type ParticipantRecord } from './marks.ts';
import { type Order, Refusal, type StepOutcome, type Turn } from './plan.ts';

/** Steps in one compare-and-set. */
const GROUP_MAX = 64;
/** Unfinished steps that a participant may hold; beyond it those that can still be undone wait. */
const MARKS_MAX = 512;
/** How long a step may take, ms. */
const STEP_MS_MAX = 3000;
/** After silence, or when others were faster, ms: drawn up to this. */
const PAUSE_MS = 20;
/** A participant with so many marks or fewer is not worth a look at whose they are. */
const MARKS_FEW = 8;
/** A mark that has been there for so long by this node's clock may be one of a saga that nobody here has heard of, ms. */
const MARK_OLD_MS = 2000;

/** What a step does to a participant: its next content, or why not. Undefined: there is no such participant. */
export type Action<Content> = (content: Content | undefined) => Content | Refusal;

interface Waiting<Content> {
  readonly turn: Turn;
  readonly what: 'act' | 'undo';
  readonly change: Action<Content>;
  readonly endMs: number;
  readonly resolve: (outcome: StepOutcome) => void;
  readonly reject: (error: RpcError) => void;
  /** Came at this point of the node's order. */
  readonly arrivedAt: number;
  /** The step is known not to have been taken, nor undone, up to this version. Where none is known the saga must be looked at again. */
  openVer: number | undefined;
}

interface Known<Content> {
  readonly stored: Stored<ParticipantRecord<Content>>;
  /** When the version of which this one came by this node's own changes was asked for, and when it had come: points of the node's order. */
  readonly askedAt: number;
  readonly readAt: number;
}

export interface ParticipantDeskOptions<Content extends object> {
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>;
  readonly documents: Documents<ParticipantRecord<Content>>;
  readonly key: string;
  readonly marking: Marking;
  readonly order: Order;
  readonly finished: FinishedSagas;
  /** Finds out whether a saga that this node does not know is finished, and notes it if so. */
  readonly lookUp: (saga: string) => Promise<void>;
}

export class ParticipantDesk<Content extends object> {
  readonly #options: ParticipantDeskOptions<Content>;
  /** Invariant: it was read, or is proven to have been stored. */
  #known: Known<Content> | undefined;
  #reading: Promise<Known<Content>> | undefined;
  readonly #queue: GroupQueue<Waiting<Content>>;
  /** When marks of sagas were first seen, by the monotonic clock. */
  #marksSeen = new Map<string, number>();
  #lookingUp = false;

  constructor(options: ParticipantDeskOptions<Content>) {
    this.#options = options;
    this.#queue = new GroupQueue({
      choose: (waiting) => chooseFirst(waiting, GROUP_MAX),
      serve: (group) => this.#serve(group),
      fail: ({ reject }, error) => reject(error instanceof RpcError ? error : RpcError.of('crash', String(error))),
    });
  }

  get idle(): boolean {
    return !this.#queue.busy && this.#reading === undefined;
  }

  /** What it holds, as far as is known, which may be out of date; read if nothing is known. Rejects with an `RpcError`. */
  async peek(): Promise<ParticipantRecord<Content>> {
    return contentOf((this.#known ?? (await this.#read())).stored);
  }

  take(turn: Turn, what: 'act' | 'undo', change: Action<Content>): Promise<StepOutcome> {
    return new Promise((resolve, reject) => {
      const known = this.#known;
      this.#queue.push({
        turn,
        what,
        change,
        endMs: this.#nowMs() + STEP_MS_MAX,
        resolve,
        reject,
        arrivedAt: this.#options.order.next(),
        openVer: known !== undefined && turn.observedAt > known.readAt ? known.stored.ver : undefined,
      });
    });
  }

  async #serve(group: readonly Waiting<Content>[]): Promise<void> {
    let open = this.#leaveLate(group);
    for (let attempt = 0; open.length > 0; attempt++) {
      const known = this.#known ?? (await this.#read());
      open = await this.#dismissFinished(open, known);
      const { record, taken, refused, put } = this.#compose(contentOf(known.stored), open);
      open = open.filter((waiting) => put.includes(waiting) || taken.includes(waiting) || refused.has(waiting));
      if (taken.length === 0) {
        open = this.#refuse(open, refused, known.askedAt);
        // What is left must be judged by what is there now.
        if (open.length > 0) this.#known = undefined;
        if (put.length > 0) {
          await this.#pause();
          // Behind those who came meanwhile: they may need no room, or make some.
          this.#queue.push(...open);
          return;
        }
      } else {
        const beganAt = this.#options.order.next();
        const { documents, key } = this.#options;
        const result = await documents.replace(key, known.stored, record(known.stored.ver + 1));
        if (result.kind === 'ok') {
          this.#remember({ ...known, stored: result.stored });
          for (const { resolve } of taken) resolve('done');
          open = this.#refuse(
            open.filter((waiting) => !taken.includes(waiting)),
            refused,
            beganAt,
          );
        } else {
          this.#known = undefined;
          if (attempt > 0 || result.kind !== 'refused') await this.#pause();
        }
      }
      open = this.#leaveLate(open);
    }
  }

  /** What all of these would make of a version; those whose mark is there already, or who were undone, are answered. */
  #compose({ content, marks }: ParticipantRecord<Content>, open: readonly Waiting<Content>[]) {
    const { marking, finished } = this.#options;
    const taken: Waiting<Content>[] = [];
    const put: Waiting<Content>[] = [];
    const refused = new Map<Waiting<Content>, Refusal>();
    let next = content;
    let nextMarks = marks;
    let room = MARKS_MAX - marks.filter((mark) => !isEnded(mark) && !finished.has(mark[0])).length;
    for (const waiting of open) {
      const { turn, what, change, resolve } = waiting;
      const mark = marking.find(marks, turn.saga, turn.step);
      const settled = mark && outcomeOf(mark, what);
      if (settled !== undefined) {
        resolve(settled);
        continue;
      }
      if (marking.find(nextMarks, turn.saga, turn.step) !== mark) {
        // Somebody in this group does the same, or the opposite: what comes of it is told by the version that will be there then.
        put.push(waiting);
        continue;
      }
      if (what === 'act' && turn.compensable && room <= 0) {
        put.push(waiting);
        continue;
      }
      if (what === 'undo' && mark === undefined) {
        if (!marking.tombstones) {
          resolve('done');
          continue;
        }
      } else {
        const changed = change(next ?? undefined);
        if (changed instanceof Refusal) {
          refused.set(waiting, changed);
          continue;
        }
        next = changed;
      }
      room--;
      nextMarks = marking.put(nextMarks, turn.saga, turn.step, what === 'act' ? 'applied' : 'undone');
      taken.push(waiting);
    }
    const record = (ver: number): ParticipantRecord<Content> => ({
      content: next,
      marks: marking.tidy(nextMarks, ver, (saga) => finished.has(saga)),
    });
    return { record, taken, refused, put };
  }

  /** A refusal is final if the version was there after the step had been asked for: an old one may lack money that has come since. */
  #refuse(
    open: readonly Waiting<Content>[],
    refused: ReadonlyMap<Waiting<Content>, Refusal>,
    provenAt: number,
  ): Waiting<Content>[] {
    return open.filter((waiting) => {
      const refusal = refused.get(waiting);
      if (refusal === undefined || waiting.arrivedAt > provenAt) return true;
      waiting.resolve(refusal);
      return false;
    });
  }

  /** Lets those go on whose step is known not to have been taken up to this version, if it bears no mark of it. */
  async #dismissFinished(
    open: readonly Waiting<Content>[],
    { stored: { ver } }: Known<Content>,
  ): Promise<Waiting<Content>[]> {
    const { finished } = this.#options;
    const kept = await Promise.all(
      open.map(async (waiting) => {
        const { turn, openVer, resolve, reject } = waiting;
        if (finished.has(turn.saga)) {
          resolve('overtaken');
          return false;
        }
        if (openVer === undefined || ver - openVer >= GRACE_VERSIONS) {
          try {
            if ((await turn.observe()) === undefined) {
              resolve('overtaken');
              return false;
            }
          } catch (error) {
            reject(error as RpcError);
            return false;
          }
        }
        waiting.openVer = ver;
        return true;
      }),
    );
    return open.filter((_, index) => kept[index]);
  }

  #leaveLate(open: readonly Waiting<Content>[]): Waiting<Content>[] {
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
    const { documents, key, order } = this.#options;
    const askedAt = order.next();
    const known = { stored: await readOrThrow(documents, key), askedAt, readAt: order.next() };
    this.#remember(known);
    return known;
  }

  #remember(known: Known<Content>): void {
    this.#known = known;
    const { marks } = contentOf(known.stored);
    if (marks.length > MARKS_FEW && !this.#lookingUp) void this.#lookUpOld(marks);
  }

  /** Marks of sagas that other nodes finished are ended by whoever comes to know of it. */
  async #lookUpOld(marks: readonly Mark[]): Promise<void> {
    const { finished, lookUp } = this.#options;
    const nowMs = this.#nowMs();
    const seen = new Map<string, number>();
    for (const mark of marks) {
      const [saga] = mark;
      if (!isEnded(mark) && !finished.has(saga)) seen.set(saga, this.#marksSeen.get(saga) ?? nowMs);
    }
    this.#marksSeen = seen;
    this.#lookingUp = true;
    for (const [saga, firstMs] of seen) if (nowMs - firstMs >= MARK_OLD_MS) await lookUp(saga);
    this.#lookingUp = false;
  }

  async #pause(): Promise<void> {
    if (!(await pauseUpTo(this.#options.context, PAUSE_MS))) throw unavailable('this node is about to end');
  }

  #nowMs(): number {
    return this.#options.context.clock.monotonicMs();
  }
}

/** What a mark says to somebody who wants to take the step, or to undo it; undefined: that it is still to be done. */
function outcomeOf(mark: Mark, what: 'act' | 'undo'): StepOutcome | undefined {
  if (isEnded(mark)) return 'overtaken';
  const [, , became] = mark;
  if (what === 'act') return became === 'applied' ? 'done' : 'overtaken';
  return became === 'undone' ? 'done' : undefined;
}

function contentOf<Content extends object>({
  content,
}: Stored<ParticipantRecord<Content>>): ParticipantRecord<Content> {
  return content ?? { content: null, marks: [] };
}

function unavailable(text: string): RpcError {
  return RpcError.of('temporarily-unavailable', text);
}
