/**
 * How much the engine does at once, and how much it remembers, at one node. A real node has the defaults; a simulated
 * one may have less, so that a short run reaches a limit.
 */

export interface SagaLimits {
  /** Requests in flight; beyond it they are refused with error 11. */
  readonly inFlight: number;
  /** Finished sagas whose records are kept for repeated requests. */
  readonly answers: number;
  /** Sagas that are known to be finished. */
  readonly finished: number;
  /** Sagas in the index of the node. */
  readonly listed: number;
  /** Records of one index that a sweep reads side by side. */
  readonly looks: number;
  /** Sagas that are taken over at a time. */
  readonly taken: number;
  /** Steps of a participant in one compare-and-set. */
  readonly group: number;
  /** Unfinished steps that a participant may hold. Beyond it, steps that can still be undone wait. */
  readonly marks: number;
  /** Participants whose last seen version is remembered. */
  readonly desks: number;
}

export const SAGA_LIMITS: SagaLimits = {
  inFlight: 1024,
  answers: 4096,
  finished: 20_000,
  listed: 2048,
  looks: 64,
  taken: 64,
  group: 64,
  marks: 512,
  desks: 10_000,
};
