/**
 * A saga as its kind describes it: stages of steps, and a pivot. The steps of a stage are taken side by side, the
 * stages one after the other. A step before the pivot may be refused; then all steps up to there are undone. A step
 * after it must not be refused, and is retried until it is done.
 */

import type * as z from 'zod';
import type { RpcError } from '../protocol/errors.ts';

/** Why a step cannot be taken. It becomes the reason for the abort of the saga. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** How an attempt to take a step ended. `overtaken`: the saga has moved on without it, and its record must be read. */
export type StepOutcome = 'done' | 'overtaken' | Refusal;

/** The saga for which a step is taken. */
export interface Turn {
  readonly saga: string;
  /** The number of the step, from 0, over all stages. */
  readonly step: number;
  /** Whether it is before the pivot. Then it may be deferred, since it can still be undone. */
  readonly compensable: boolean;
  /** A point on the node's {@link Order}. After it the saga's record was seen, and was not terminal. */
  readonly observedAt: number;
  /** Looks again; undefined: the saga is terminal. Rejects with an `RpcError` if the store gives no answer. */
  readonly observe: () => Promise<number | undefined>;
}

/**
 * Both reject with an `RpcError` if the outcome of the step is not known in time. Any node may call either, any number
 * of times.
 */
export interface Step {
  readonly act: (turn: Turn) => Promise<StepOutcome>;
  /** Undoes what `act` did, or prevents `act` for ever. Required for every step before the pivot, and for no other. */
  readonly undo?: (turn: Turn) => Promise<Exclude<StepOutcome, Refusal>>;
}

export interface Plan {
  readonly stages: readonly (readonly Step[])[];
  /** The number of the first stage after the pivot; from 1 to the number of stages. */
  readonly pivot: number;
}

export interface SagaKind<Input> {
  /** Stored under this name, for ever. */
  readonly name: string;
  readonly input: z.ZodType<Input>;
  /** The same input has the same plan, on every node, for ever. */
  readonly plan: (input: Input) => Plan;
  /**
   * Called before anything is written. It prepares what the steps will need, and resolves to an error if the request is
   * invalid.
   */
  readonly prepare?: (input: Input) => Promise<RpcError | undefined>;
}

/** A kind of saga for code that does not know its input. */
export interface PlannedKind {
  readonly name: string;
  /** Throws if the input does not fit this kind. */
  readonly planOf: (input: unknown) => Plan;
}

export function plannedKind<Input>({ name, input: schema, plan }: SagaKind<Input>): PlannedKind {
  return {
    name,
    planOf: (input) => {
      const planned = plan(schema.parse(input));
      const { stages, pivot } = planned;
      // A saga whose stage does not exist would be taken over for ever.
      if (!(pivot >= 1 && pivot <= stages.length))
        throw new Error(`the pivot of ${name} is ${pivot}, but must be from 1 to its ${stages.length} stages`);
      // Without it a late action could still happen after the abort.
      if (stages.slice(0, pivot).some((steps) => steps.some(({ undo }) => undo === undefined)))
        throw new Error(`a step of ${name} before the pivot cannot be undone`);
      return planned;
    },
  };
}

/** The order of events at this node, in whole numbers. */
export class Order {
  #last = 0;

  next(): number {
    return ++this.#last;
  }
}

/** The numbers of a stage's steps: the first one, and one after the last. */
export function stepsOf({ stages }: Plan, stage: number): { readonly first: number; readonly end: number } {
  let first = 0;
  for (const steps of stages.slice(0, stage)) first += steps.length;
  return { first, end: first + (stages[stage]?.length ?? 0) };
}
