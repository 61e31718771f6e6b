/** The definition of linearizability, for a few calls: every order that real time allows is tried. */

import type { Model } from '../../../src/checkers/linearizability/model.ts';

/** A call between two times. Without an end it may take effect at any time, or never. */
export interface SmallCall {
  readonly start: number;
  readonly end: number | undefined;
  readonly f: string;
  readonly value: unknown;
}

export function isLinearizableByDefinition<State>(calls: readonly SmallCall[], model: Model<State>): boolean {
  function canFollow(open: readonly SmallCall[], state: State): boolean {
    if (open.every(({ end }) => end === undefined)) return true;
    const firstEnd = Math.min(...open.map(({ end }) => end ?? Number.POSITIVE_INFINITY));
    return open.some((call) => {
      if (call.start > firstEnd) return false;
      const step = model.step(state, call.f, call.value);
      return (
        'state' in step &&
        canFollow(
          open.filter((other) => other !== call),
          step.state,
        )
      );
    });
  }
  return canFollow(calls, model.initial);
}
