/**
 * Participants of one kind: documents that steps of sagas change, each under its own key. They know nothing of each
 * other; a saga ties them together.
 */

import type * as z from 'zod';
import { Documents, NOTHING_STORED, readOrThrow, type Stored, type UpdateResult } from '../kv/documents.ts';
import type { LinearizableStore } from '../kv/store.ts';
import { storeTimings } from '../kv/timings.ts';
import type { NodeContext } from '../node/context.ts';
import type { Action } from './compose.ts';
import type { FinishedSagas } from './finished-sagas.ts';
import { SAGA_LIMITS, type SagaLimits } from './limits.ts';
import { MARKING, type Marking, type ParticipantRecord, participantSchema } from './marks.ts';
import { ParticipantDesk } from './participant-desk.ts';
import type { Order, Step, StepOutcome } from './plan.ts';

export interface ParticipantsOptions<Content extends object> {
  readonly context: NodeContext;
  readonly kv: LinearizableStore;
  /** What errors call a participant: `account`. */
  readonly name: string;
  readonly schema: z.ZodType<Content>;
  readonly keyOf: (name: string) => string;
  readonly order: Order;
  readonly finished: FinishedSagas;
  readonly lookUp: (saga: string) => Promise<void>;
  readonly marking?: Marking;
  /** Default: {@link SAGA_LIMITS}. */
  readonly limits?: Pick<SagaLimits, 'group' | 'marks' | 'desks'>;
  /** For tests that wrap the documents. */
  readonly wrap?: (documents: Documents<ParticipantRecord<Content>>) => Documents<ParticipantRecord<Content>>;
}

/** A step as its participant sees it. `undo` gets the content that `act` made, perhaps changed since. */
export interface StepChange<Content> {
  readonly act: Action<Content>;
  readonly undo?: (content: Content) => Content;
}

export class Participants<Content extends object> {
  readonly #options: ParticipantsOptions<Content>;
  readonly #documents: Documents<ParticipantRecord<Content>>;
  readonly #limits: Pick<SagaLimits, 'group' | 'marks' | 'desks'>;
  /** By key, in the order of first use. */
  readonly #desks = new Map<string, ParticipantDesk<Content>>();

  constructor(options: ParticipantsOptions<Content>) {
    const { context, kv, name, schema, wrap = (documents) => documents, limits = SAGA_LIMITS } = options;
    this.#options = options;
    this.#limits = limits;
    this.#documents = wrap(new Documents({ kv, context, name, schema: participantSchema(schema) }));
  }

  /** A step that changes the participant of this name. */
  step(name: string, { act, undo }: StepChange<Content>): Step {
    return {
      act: (turn) => this.#desk(name).take(turn, 'act', act),
      ...(undo && {
        // Called only where `act` was applied, so there is content.
        undo: (turn) =>
          this.#desk(name).take(turn, 'undo', (content) => undo(content as Content)) as Promise<
            Exclude<StepOutcome, object>
          >,
      }),
    };
  }

  /**
   * What a participant holds as far as this node knows; it may be out of date, but not by more than `ageMsMax`.
   * Undefined: nothing, as of now. Rejects with error 11.
   */
  async peek(name: string, ageMsMax?: number): Promise<Content | undefined> {
    const { content } = await this.#desk(name).peek(ageMsMax);
    // If it did not exist earlier, it may exist by now.
    return content ?? (await this.read(name)).content?.content ?? undefined;
  }

  /** The document as it is now. Rejects with error 11 if the store gives no answer. */
  read(name: string): Promise<Stored<ParticipantRecord<Content>>> {
    return readOrThrow(this.#documents, this.#options.keyOf(name));
  }

  /**
   * A change outside any saga. `change` may throw to refuse; undefined changes nothing. It must keep the marks as they
   * are (`marks.ts`). Others may change the document in the same way, past this object.
   */
  update(
    name: string,
    change: (record: ParticipantRecord<Content>) => ParticipantRecord<Content> | undefined,
    known?: Stored<never>,
  ): Promise<UpdateResult<ParticipantRecord<Content>>> {
    return this.#documents.update(
      this.#options.keyOf(name),
      (content) => change(content ?? { content: null, marks: [] }),
      known,
    );
  }

  /** Like {@link update}, for a document that probably does not exist yet. */
  create(
    name: string,
    change: (record: ParticipantRecord<Content>) => ParticipantRecord<Content> | undefined,
  ): Promise<UpdateResult<ParticipantRecord<Content>>> {
    return this.update(name, change, NOTHING_STORED);
  }

  #desk(name: string): ParticipantDesk<Content> {
    const { context, kv, keyOf, order, finished, lookUp, marking = MARKING } = this.#options;
    const key = keyOf(name);
    let desk = this.#desks.get(key);
    if (desk === undefined) {
      if (this.#desks.size >= this.#limits.desks) this.#forgetIdle();
      const { stepMs } = storeTimings(kv.patienceMs);
      const own = { documents: this.#documents, key, limits: this.#limits, stepMs };
      desk = new ParticipantDesk({ ...own, context, marking, order, finished, lookUp });
      this.#desks.set(key, desk);
    }
    return desk;
  }

  /** Forgets half of them, so that this is rare. */
  #forgetIdle(): void {
    for (const [key, desk] of this.#desks) {
      if (this.#desks.size <= this.#limits.desks / 2) return;
      if (desk.idle) this.#desks.delete(key);
    }
  }
}
