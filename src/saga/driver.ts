/**
 * Takes a saga from any state to its end. Any node may do so, and several at a time. A step is taken once, whichever
 * node takes it (`participant-desk.ts`). A transition is one compare-and-set of the record, so only one node succeeds.
 */

import { type Documents, readOrThrow, type Stored } from '../kv/documents.ts';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import { formatTimestamp } from '../protocol/timestamp.ts';
import type { FinishedSagas } from './finished-sagas.ts';
import {
  type Order,
  type Plan,
  type PlannedKind,
  Refusal,
  type Step,
  type StepOutcome,
  stepsOf,
  type Turn,
} from './plan.ts';
import { isTerminal, type SagaRecord, type SagaState, sagaKey } from './record.ts';

/** The next state of a saga. */
export interface Move {
  readonly state: SagaState;
  readonly at: number;
  readonly reason?: string;
}

export interface DriverOptions {
  readonly context: Pick<NodeContext, 'nodeId' | 'clock'>;
  readonly sagas: Documents<SagaRecord>;
  readonly order: Order;
  readonly finished: FinishedSagas;
  readonly kinds: readonly PlannedKind[];
  readonly moves?: Moves;
  /** Whether the record of a saga that exists no more was removed, for it was finished long ago. Absent: none is. */
  readonly isEnded?: ((id: string) => boolean) | undefined;
  /** What a record keeps when its saga is finished. Default: everything. */
  readonly finish?: ((record: SagaRecord) => SagaRecord) | undefined;
}

/** The rules that choose the next state. */
export interface Moves {
  /** After all steps of a stage were taken. */
  readonly onwards: (plan: Plan, state: SagaState, stage: number) => Move;
  /** After a step of this stage was refused. */
  readonly back: (plan: Plan, stage: number, reason: string) => Move;
  /** After this step was undone. */
  readonly undone: (plan: Plan, step: number) => Move;
}

export const MOVES: Moves = {
  onwards: ({ stages, pivot }, _state, stage) => {
    const next = stage + 1;
    if (next < pivot) return { state: 'running', at: next };
    return next < stages.length ? { state: 'committing', at: next } : { state: 'committed', at: 0 };
  },
  // From the last step of the stage on, even if an earlier one was refused. Other steps may have been taken, perhaps by
  // another node that recorded nothing.
  back: (plan, stage, reason) => ({ state: 'compensating', at: stepsOf(plan, stage).end - 1, reason }),
  undone: (_plan, step) => (step > 0 ? { state: 'compensating', at: step - 1 } : { state: 'aborted', at: 0 }),
};

export class SagaDriver {
  readonly #options: DriverOptions;
  readonly #moves: Moves;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#moves = options.moves ?? MOVES;
  }

  /** The first record of a saga. */
  begin(kind: string, input: unknown, digest: string): SagaRecord {
    const first = { state: 'running', at: 0 } as const;
    return { kind, input, digest, ...first, reason: '', history: [this.#transition(first)] };
  }

  /** The record of a saga that must never begin. */
  fence(digest: string): SagaRecord {
    const only = { state: 'aborted', at: 0 } as const;
    return { kind: '', input: null, digest, ...only, reason: 'abandoned', history: [this.#transition(only)] };
  }

  /**
   * Resolves to the terminal record. Rejects with an `RpcError` if the next state is not known in time.
   *
   * @param observedAt a point of the node's order; the store still had `stored` after it
   */
  async drive(id: string, stored: Stored<SagaRecord>, observedAt: number): Promise<SagaRecord> {
    let current = stored;
    let seenAt = observedAt;
    let plan: Plan | undefined;
    for (;;) {
      const { content: record } = current;
      if (record === undefined && this.#isEnded(id))
        throw RpcError.of('crash', `saga ${id} was finished, and how is no longer kept`);
      if (record === undefined) throw new Error(`the record of saga ${id} has vanished`);
      if (isTerminal(record)) {
        this.#options.finished.add(id);
        return record;
      }
      plan ??= this.#planOf(record);
      const move = await this.#takeSteps(id, plan, record, seenAt);
      seenAt = this.#options.order.next();
      current = move === undefined ? await this.read(id) : await this.#move(id, current, move);
    }
  }

  async read(id: string): Promise<Stored<SagaRecord>> {
    const stored = await readOrThrow(this.#options.sagas, sagaKey(id));
    const { content } = stored;
    if (content === undefined ? this.#isEnded(id) : isTerminal(content)) this.#options.finished.add(id);
    return stored;
  }

  #isEnded(id: string): boolean {
    return this.#options.isEnded?.(id) ?? false;
  }

  /** Takes the steps of this state. Undefined: the saga has moved on meanwhile. */
  async #takeSteps(id: string, plan: Plan, { state, at }: SagaRecord, observedAt: number): Promise<Move | undefined> {
    const turnOf = (step: number): Turn => ({
      saga: id,
      step,
      compensable: state === 'running',
      observedAt,
      observe: () => this.#observe(id),
    });
    if (state === 'compensating') {
      const { undo } = plan.stages.flat()[at] as Required<Step>;
      const outcome = await undo(turnOf(at));
      return outcome === 'done' ? this.#moves.undone(plan, at) : undefined;
    }
    const { first } = stepsOf(plan, at);
    const steps = plan.stages[at] as readonly Step[];
    const outcomes = await settleAll(steps.map((step, index) => step.act(turnOf(first + index))));
    const refusal = outcomes.find((outcome) => outcome instanceof Refusal);
    if (outcomes.includes('overtaken')) return undefined;
    if (refusal === undefined) return this.#moves.onwards(plan, state, at);
    if (state === 'running') return this.#moves.back(plan, at, refusal.reason);
    throw RpcError.of('crash', `a step after the pivot of ${id} was refused: ${refusal.reason}`);
  }

  async #observe(id: string): Promise<number | undefined> {
    const observedAt = this.#options.order.next();
    const { content } = await this.read(id);
    return content === undefined || isTerminal(content) ? undefined : observedAt;
  }

  /** Moves the record on, unless another node has. Resolves to the record as it is then. */
  async #move(id: string, from: Stored<SagaRecord>, move: Move): Promise<Stored<SagaRecord>> {
    const { state, at } = from.content as SagaRecord;
    const result = await this.#options.sagas.update(
      sagaKey(id),
      (record) => {
        if (record?.state !== state || record.at !== at) return undefined;
        const moved = { ...record, ...move, history: [...record.history, this.#transition(move)] };
        return isTerminal(moved) ? (this.#options.finish?.(moved) ?? moved) : moved;
      },
      from,
    );
    if (result.kind !== 'ok') throw result.error;
    return result.stored;
  }

  #transition({ state, at }: Move): SagaRecord['history'][number] {
    const { nodeId: node, clock } = this.#options.context;
    return { state, at, node, time: formatTimestamp(clock.wallMs()) };
  }

  #planOf({ kind: name, input }: SagaRecord): Plan {
    const kind = this.#options.kinds.find((known) => known.name === name);
    if (kind === undefined) throw RpcError.of('not-supported', `this node knows no sagas called ${name}`);
    return kind.planOf(input);
  }
}

/** Waits for all, then rejects if one did. So there is no unhandled rejection. */
async function settleAll(promises: readonly Promise<StepOutcome>[]): Promise<StepOutcome[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
