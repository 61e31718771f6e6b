/**
 * The kinds of cycles that are looked for: what edges each has, and what it is called (`elle.txn`).
 *
 * The base of a type says what the data do: only writes over writes (G0), also reads of writes (G1c), one
 * anti-dependency (G-single-item), several that are not adjacent (G-nonadjacent-item), or others (G2-item). A suffix
 * says that the order of a process, or real time, closes the cycle.
 */

import { impliedAnomalies } from './consistency-models.ts';
import { PROCESS, REALTIME, RW, WR, WW } from './dependency-graph.ts';

/** A cycle may use anti-dependencies (rw) as other edges, or not at all, as `legal` says. */
const RW_FREELY = 0;
/** One, exactly. */
export const RW_ONCE = 1;
/** Two at least, none after another. */
export const RW_NOT_ADJACENT = 2;

export interface CycleType {
  readonly name: string;
  /** Edges that may be used at any time. */
  readonly legal: number;
  /** At least one edge of each of these is needed. */
  readonly wanted: readonly number[];
  /** How many anti-dependencies are needed. */
  readonly wantedRw: number;
  readonly rwUse: typeof RW_FREELY | typeof RW_ONCE | typeof RW_NOT_ADJACENT;
  /** Whether a cycle that is found counts only if its type is this one. */
  readonly isExact: boolean;
  /** What need not be looked for once it is found, itself included. */
  readonly implied: ReadonlySet<string>;
}

type Shape = Omit<CycleType, 'name' | 'implied'>;

const SHAPES: Readonly<Record<string, Shape>> = {
  G0: { legal: WW, wanted: [], wantedRw: 0, rwUse: RW_FREELY, isExact: false },
  G1c: { legal: WW | WR, wanted: [WR], wantedRw: 0, rwUse: RW_FREELY, isExact: false },
  'G-single-item': { legal: WW | WR, wanted: [], wantedRw: 1, rwUse: RW_ONCE, isExact: true },
  'G-nonadjacent-item': { legal: WW | WR, wanted: [], wantedRw: 2, rwUse: RW_NOT_ADJACENT, isExact: true },
  'G2-item': { legal: WW | WR | RW, wanted: [], wantedRw: 2, rwUse: RW_FREELY, isExact: true },
};

const VARIANTS: readonly { readonly suffix: string; readonly edges: number }[] = [
  { suffix: '', edges: 0 },
  { suffix: '-process', edges: PROCESS },
  { suffix: '-realtime', edges: REALTIME },
];

/** The order of the search: the worst ones first, as Elle's depths of anomalies have it. */
const SEARCH_ORDER: readonly string[] = [
  'G-single-item',
  'G0',
  'G-nonadjacent-item',
  'G-single-item-process',
  'G1c',
  'G-nonadjacent-item-process',
  'G-single-item-realtime',
  'G2-item',
  'G-nonadjacent-item-realtime',
  'G0-process',
  'G1c-process',
  'G2-item-process',
  'G0-realtime',
  'G1c-realtime',
  'G2-item-realtime',
];

export const CYCLE_TYPES: readonly CycleType[] = Object.entries(SHAPES)
  .flatMap(([base, shape]) => VARIANTS.map(({ suffix, edges }) => variantOf(base, shape, suffix, edges)))
  .sort((one, other) => SEARCH_ORDER.indexOf(one.name) - SEARCH_ORDER.indexOf(other.name));

function variantOf(base: string, shape: Shape, suffix: string, edges: number): CycleType {
  const name = `${base}${suffix}`;
  return {
    ...shape,
    name,
    legal: shape.legal | edges,
    wanted: edges === 0 ? shape.wanted : [...shape.wanted, edges],
    implied: impliedAnomalies([name]),
  };
}

/** The type of a cycle whose edges have these kinds, one each. */
export function typeOfCycle(kinds: readonly number[]): string {
  const rwCount = kinds.filter((kind) => kind === RW).length;
  const isAdjacent = kinds.some((kind, index) => kind === RW && kinds.at(index - 1) === RW);
  const suffix = kinds.includes(REALTIME) ? '-realtime' : kinds.includes(PROCESS) ? '-process' : '';
  if (rwCount === 1) return `G-single-item${suffix}`;
  if (rwCount > 1) return `${isAdjacent ? 'G2-item' : 'G-nonadjacent-item'}${suffix}`;
  return `${kinds.includes(WR) ? 'G1c' : 'G0'}${suffix}`;
}
