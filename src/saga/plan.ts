/**
 * A saga as a kind of saga describes it: stages of steps, and a pivot. The steps of a stage are taken side by side, the
 * stages one after the other. What is before the pivot may be refused, and then everything up to there is undone; what
 * is after it must not refuse, and is repeated until it is done.
 */

import type * as z from 'zod';
import type { RpcError } from '../protocol/errors.ts';

/** Why a step cannot be taken; the saga is aborted for this reason. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** How the attempt to take a step ended. `overtaken`: the saga has gone on without it, and its record must be read. */
export type StepOutcome = 'done' | 'overtaken' | Refusal;

/** On whose behalf a step is taken. */
export interface Turn {
  readonly saga: string;
  /** The number of the step, from 0, over all stages. */
  readonly step: number;
  /** Whether it is before the pivot: then it may be put off, since it can still be undone. */
  readonly compensable: boolean;
  /** A point on the node's {@link Order} after which the saga's record was seen, and was not terminal. */
  readonly observedAt: number;
  /** Looks again; undefined: the saga is terminal. Rejects with an `RpcError` when the store does not tell. */
  readonly observe: () => Promise<number | undefined>;
}

/**
 * Both reject with an `RpcError` when it is not known in time whether the step was taken. Either may be asked any
 * number of times, by any node.
 */
export interface Step {
  readonly act: (turn: Turn) => Promise<StepOutcome>;
  /**
   * Undoes what `act` did, or sees to it that `act` never does anything. Every step before the pivot has it, and no
   * other needs it.
   */
  readonly undo?: (turn: Turn) => Promise<Exclude<StepOutcome, Refusal>>;
}

export interface Plan {
  readonly stages: readonly (readonly Step[])[];
  /** The number of the first stage after the pivot; from 1. */
  readonly pivot: number;
}

export interface SagaKind<Input> {
  /** In the store; for ever. */
  readonly name: string;
  readonly input: z.ZodType<Input>;
  /** The same input has the same plan, on every node, for ever. */
  readonly plan: (input: Input) => Plan;
  /**
   * Before anything is written: gets ready what the steps will need, and resolves to why the request is none, if so.
   */
  readonly prepare?: (input: Input) => Promise<RpcError | undefined>;
}

/** A kind of saga for those who do not know what its input means. */
export interface PlannedKind {
  readonly name: string;
  /** Throws for what is no input of this kind. */
  readonly planOf: (input: unknown) => Plan;
}

export function plannedKind<Input>({ name, input: schema, plan }: SagaKind<Input>): PlannedKind {
  return {
    name,
    planOf: (input) => {
      const planned = plan(schema.parse(input));
      // Without it nothing would stop a late action after the saga was aborted.
      if (planned.stages.slice(0, planned.pivot).some((steps) => steps.some(({ undo }) => undo === undefined)))
        throw new Error(`a step of ${name} before the pivot cannot be undone`);
      return planned;
    },
  };
}

/** What happened before what at this node, in whole numbers. */
export class Order {
  #last = 0;

  next(): number {
    return ++this.#last;
  }
}

/** The numbers of a stage's steps: the first of them, and the one after the last. */
export function stepsOf({ stages }: Plan, stage: number): { readonly first: number; readonly end: number } {
  let first = 0;
  for (const steps of stages.slice(0, stage)) first += steps.length;
  return { first, end: first + (stages[stage]?.length ?? 0) };
}
