/**
 * A type of cycle as a finite automaton that reads the edges of a path: what it still wants, and whether the next edge
 * may be an anti-dependency. The steps are those of `elle.BFSPath`.
 *
 * A path may use an edge for any of its kinds, so a step may have several outcomes. The first edge of a path must be
 * one that is wanted, where anything is: every cycle has such a start.
 */

import { type CycleType, RW_NOT_ADJACENT, RW_ONCE } from './cycle-types.ts';
import { EVERY_KIND, RW } from './dependency-graph.ts';

export interface CycleAutomaton {
  readonly stateCount: number;
  /** By state and by the kinds of an edge: the states that follow, in the order in which they are tried. */
  readonly steps: readonly (readonly (readonly number[])[])[];
  readonly isAccepting: readonly boolean[];
}

interface State {
  readonly isStart: boolean;
  readonly wanted: readonly number[];
  readonly wantedRw: number;
  readonly rw: 'freely' | 'once' | 'now' | 'later';
}

/** The first state is the start. */
export function automatonOf(type: CycleType): CycleAutomaton {
  const rw = type.rwUse === RW_ONCE ? 'once' : type.rwUse === RW_NOT_ADJACENT ? 'now' : 'freely';
  const states: State[] = [{ isStart: true, wanted: type.wanted, wantedRw: type.wantedRw, rw }];
  const numbers = new Map<string, number>();
  const steps: number[][][] = [];
  const numberOf = (state: State) => {
    const key = JSON.stringify(state);
    let number = numbers.get(key);
    if (number === undefined) {
      number = states.push(state) - 1;
      numbers.set(key, number);
    }
    return number;
  };
  // The states grow on the way.
  for (const state of states) {
    const row: number[][] = [];
    for (let kinds = 0; kinds <= EVERY_KIND; kinds++) {
      row.push([...new Set(outcomes(state, type.legal, kinds).map(numberOf))]);
    }
    steps.push(row);
  }
  return { stateCount: states.length, steps, isAccepting: states.map(isAccepting) };
}

function isAccepting({ wanted, wantedRw, rw }: State): boolean {
  return wanted.length === 0 && wantedRw === 0 && rw !== 'later';
}

function outcomes(state: State, legal: number, kinds: number): readonly State[] {
  const mayTakeRw = state.wantedRw > 0 || state.rw === 'once' || state.rw === 'now';
  const rwKinds = mayTakeRw ? RW : 0;
  const wantedKinds = state.wanted.reduce((all, kind) => all | kind, 0) & ~rwKinds;
  const found = singles(kinds & rwKinds).flatMap((kind) => take(state, legal, kind) ?? []);
  if (state.isStart && state.wantedRw > 0) return found;
  found.push(...singles(kinds & wantedKinds).flatMap((kind) => take(state, legal, kind) ?? []));
  if (state.isStart && state.wanted.length > 0) return found;
  // What is legal and not wanted changes nothing, so one outcome is enough.
  const rest = singles(kinds & legal & ~rwKinds & ~wantedKinds);
  return [...found, ...rest.flatMap((kind) => take(state, legal, kind) ?? []).slice(0, 1)];
}

/** Undefined if the edge must not be used for this kind. */
function take(state: State, legal: number, kind: number): State | undefined {
  const at = state.wanted.indexOf(kind);
  const wanted = at < 0 ? state.wanted : state.wanted.toSpliced(at, 1);
  const wantedRw = kind === RW ? Math.max(0, state.wantedRw - 1) : state.wantedRw;
  if ((kind & legal) !== 0) return { isStart: false, wanted, wantedRw, rw: state.rw === 'later' ? 'now' : state.rw };
  if (kind !== RW) return undefined;
  if (state.rw === 'once') return { isStart: false, wanted, wantedRw: 0, rw: 'freely' };
  return state.rw === 'now' ? { isStart: false, wanted, wantedRw, rw: 'later' } : undefined;
}

/** The kinds in a set of bits, one by one. */
function singles(kinds: number): readonly number[] {
  const found: number[] = [];
  for (let kind = 1; kind <= kinds; kind <<= 1) if ((kinds & kind) !== 0) found.push(kind);
  return found;
}
