/**
 * Whether calls are linearizable. A frontier goes through them (`frontier.ts`). If it becomes wide it is narrowed,
 * which is enough for nearly every history that is linearizable. Where a narrow frontier dies, two things are tried,
 * each with more effort every time: to show that no frontier can pass, from a start shortly before that allows more
 * than any real one; and to pass with a wider frontier, from a moment that was kept.
 */

import { type Calls, NEVER } from './calls.ts';
import { Frontier, type Moment, type Purse } from './frontier.ts';
import { IMPOSSIBLE, type Kinds } from './kinds.ts';
import { type Layout, layOut } from './layout.ts';

const NONE = -1;

export interface Budget {
  /** How many configurations are made, or compared with another one, in all. */
  readonly configurationsMax: number;
  /** How much memory they may take, bytes. */
  readonly bytesMax: number;
}

/** A moment at which no call was open, and none that never ends had begun: the object's states are all there is. */
export interface QuietMoment {
  /** The position after it. */
  readonly position: number;
  readonly states: readonly number[];
}

export type Found =
  | { readonly verdict: true }
  | {
      readonly verdict: false;
      /** The position of the end that no order allows. */
      readonly position: number;
      /** The states that the object may have been in before it, or more. */
      readonly states: readonly number[];
      /** The last quiet moment with an end between it and the one that fails. Absent: none is known. */
      readonly quiet?: QuietMoment;
      /** An earlier one, for a longer order: the first of the last few. Absent: none is known. */
      readonly earlier?: QuietMoment;
    }
  | {
      readonly verdict: 'unknown';
      /** The position of the end that could not be passed. */
      readonly position: number;
      readonly configurations: number;
    };

/** From this size on a frontier is narrowed to {@link NARROW}. */
const WIDE = 64;
const NARROW = 8;
/** How many quiet moments are kept. */
const QUIET_MAX = 12;
/** How many ends lie between two moments that are kept. */
const KEEP_EVERY = 64;
/**
 * What is tried where a frontier dies, one after the other: starts so many ends before, each with so many looks, as
 * long as these suffice; and then a width, from a moment so many ends before. The wrong choice was often made long ago,
 * so going back further helps more than being wider.
 */
const ATTEMPTS = [
  { windows: [4, 8, 16, 32], looks: 1e5, width: 32, backEnds: 64 },
  { windows: [64], looks: 5e5, width: 32, backEnds: 512 },
  { windows: [], looks: 0, width: 64, backEnds: 1024 },
  { windows: [128], looks: 2e6, width: 128, backEnds: 2048 },
  { windows: [], looks: 0, width: 256, backEnds: 4096 },
  { windows: [], looks: 0, width: 1024, backEnds: 8192 },
  { windows: [1024], looks: 2e7, width: 4096, backEnds: 8192 },
  { windows: [1e9], looks: 1e12, width: Number.POSITIVE_INFINITY, backEnds: 1e9 },
];
/** With more states, or more steps from them, no start is made that allows all of them. */
const STATES_MAX = 4096;
const STEPS_MAX = 1_000_000;

export function search<State>(calls: Calls, kinds: Kinds<State>, budget: Budget): Found {
  return new Search(calls, kinds, budget).run();
}

class Search {
  readonly #layout: Layout;
  readonly #budget: Budget;
  readonly #purse: Purse;
  /** Moments after an end, ascending. */
  #kept: Moment[];
  /** All states that the object can ever have; undefined if there are too many. */
  #allStates: readonly number[] | undefined;
  /** The last {@link QUIET_MAX}, ascending. */
  readonly #quiet: QuietMoment[] = [];

  constructor(calls: Calls, kinds: Kinds<unknown>, budget: Budget) {
    this.#layout = layOut(calls, kinds);
    this.#budget = budget;
    this.#purse = { left: budget.configurationsMax, bytesMax: budget.bytesMax };
    const stride = 1 + 2 * this.#layout.words + this.#layout.endless.length;
    const rows = new Int32Array(stride);
    rows[0] = kinds.initial;
    const begun = new Int32Array(this.#layout.endless.length);
    this.#kept = [{ position: 0, open: [], begun, rows, isExact: true }];
    this.#quiet.push({ position: 0, states: [kinds.initial] });
  }

  run(): Found {
    let [position, attempt, hardest] = [0, 0, 0];
    let start = this.#kept[0] as Moment;
    for (;;) {
      const width = attempt === 0 ? undefined : ATTEMPTS[attempt - 1]?.width;
      const passed = this.#goThrough(start, width, hardest);
      if (passed.outcome === 'alive') return { verdict: true };
      if (passed.outcome === 'dead' && passed.isExact) return this.#refuted(passed.position, passed.states);
      // Beyond the hard place the effort begins anew.
      attempt = passed.position > hardest ? 0 : attempt;
      position = passed.position;
      hardest = Math.max(hardest, position);
      const next = ATTEMPTS[attempt];
      if (next === undefined || passed.outcome === 'spent') return this.#giveUp(hardest);
      const states = this.#refuteIn(position, next.windows, next.looks);
      if (states !== undefined) return this.#refuted(position, states);
      if (this.#purse.left < 0) return this.#giveUp(hardest);
      start = this.#momentBefore(position, next.backEnds);
      attempt++;
    }
  }

  #giveUp(position: number): Found {
    const configurations = this.#budget.configurationsMax - Math.max(0, this.#purse.left);
    return { verdict: 'unknown', position, configurations };
  }

  #refuted(position: number, states: readonly number[]): Found {
    const { calls } = this.#layout;
    const isBetween = ({ position: from }: QuietMoment) => endsBetween(calls, from, position) > 0;
    const quiet = this.#quiet.slice(-2).findLast(isBetween);
    const earlier = this.#quiet.find(isBetween);
    return { verdict: false, position, states, ...(quiet && { quiet }), ...(earlier && { earlier }) };
  }

  /**
   * Goes through all calls from a moment on.
   *
   * @param width how many configurations are kept until the position `hard` is passed; absent: as many as always
   */
  #goThrough(start: Moment, width: number | undefined, hard: number) {
    const { calls, kinds } = this.#layout;
    const { callAt, starts, ends, events } = calls;
    const frontier = new Frontier(this.#layout, this.#purse, start);
    if (width !== undefined) frontier.width = width;
    let ended = 0;
    for (let position = start.position; position < events.length; position++) {
      const call = callAt[position] as number;
      if (call === NONE) continue;
      if (starts[call] === position) {
        if (ends[call] !== NEVER || kinds.kinds[kinds.kindOf[call] as number]?.effect !== 'reads') frontier.begin(call);
        continue;
      }
      if (ends[call] !== position) continue;
      if (width === undefined || position > hard) frontier.width = frontier.isExact ? WIDE : NARROW;
      const outcome = frontier.end(call);
      if (outcome !== 'alive') return { outcome, position, states: frontier.states, isExact: frontier.isExact };
      if (++ended % KEEP_EVERY === 0 && position > hard) this.#kept.push(frontier.save(position + 1));
      if (frontier.isExact && frontier.isQuiet) this.#noteQuiet(position + 1, frontier.states);
    }
    return { outcome: 'alive' as const, position: events.length, states: [], isExact: true };
  }

  #noteQuiet(position: number, states: readonly number[]): void {
    if (position <= (this.#quiet.at(-1)?.position ?? 0)) return;
    this.#quiet.push({ position, states });
    if (this.#quiet.length > QUIET_MAX) this.#quiet.shift();
  }

  /** The last moment that was kept, with so many ends between it and a position, or the start. */
  #momentBefore(position: number, backEnds: number): Moment {
    const from = backBy(this.#layout.calls, position, backEnds);
    return this.#kept.findLast((moment) => moment.position <= from) ?? (this.#kept[0] as Moment);
  }

  /** As below, for windows that grow as long as their looks suffice; undefined if nothing is shown. */
  #refuteIn(position: number, windows: readonly number[], looks: number): readonly number[] | undefined {
    for (const ends of windows) {
      const found = this.#refute(position, ends, looks);
      if (found === 'spent') return undefined;
      if (found !== 'alive') return found;
    }
    return undefined;
  }

  /**
   * The states before a position whose end no order allows, from any state some ends before it; or what came of it.
   *
   * A frontier that begins with every state, in each of which every open call is free and none that never ends is used,
   * covers all that may be.
   */
  #refute(position: number, windowEnds: number, looks: number): readonly number[] | 'alive' | 'spent' {
    const { calls, kinds, words, endless } = this.#layout;
    this.#allStates ??= allStates(kinds);
    if (this.#allStates.length === 0) return 'spent';
    const from = backBy(calls, position, windowEnds);
    const stride = 1 + 2 * words + endless.length;
    const isStart = from === 0;
    const states = isStart ? [kinds.initial] : this.#allStates;
    const rows = new Int32Array(states.length * stride);
    for (const [index, state] of states.entries()) rows[index * stride] = state;
    const start = { position: from, ...openAt(this.#layout, from), rows, isExact: true };
    const purse = { left: Math.min(this.#purse.left, looks), bytesMax: this.#purse.bytesMax };
    const before = purse.left;
    const frontier = new Frontier(this.#layout, purse, start);
    const outcome = passEnds(this.#layout, frontier, from, position);
    this.#purse.left -= before - purse.left;
    return outcome === 'dead' ? frontier.states : outcome;
  }
}

function passEnds({ calls, kinds }: Layout, frontier: Frontier, from: number, to: number) {
  const { callAt, starts, ends } = calls;
  for (let position = from; position <= to; position++) {
    const call = callAt[position] as number;
    if (call === NONE) continue;
    if (starts[call] === position) {
      if (ends[call] !== NEVER || kinds.kinds[kinds.kindOf[call] as number]?.effect !== 'reads') frontier.begin(call);
    } else if (ends[call] === position) {
      const outcome = frontier.end(call);
      if (outcome !== 'alive') return outcome;
    }
  }
  return 'alive' as const;
}

/** What is open at a position, and how many calls of each endless kind have begun. */
function openAt({ calls, kinds, endless, endlessPlace }: Layout, position: number) {
  const open: number[] = [];
  const begun = new Int32Array(endless.length);
  for (let call = 0; call < calls.count && (calls.starts[call] as number) < position; call++) {
    const end = calls.ends[call] as number;
    const place = endlessPlace[kinds.kindOf[call] as number] as number;
    if (end === NEVER) {
      if (place !== NONE) begun[place] = (begun[place] as number) + 1;
    } else if (end >= position) open.push(call);
  }
  return { open, begun };
}

/** The position so many ends before another one; 0 if there are not so many. */
function backBy({ callAt, ends }: Calls, position: number, count: number): number {
  let left = count;
  for (let at = position - 1; at > 0; at--) {
    const call = callAt[at] as number;
    if (call !== NONE && ends[call] === at && --left < 0) return at + 1;
  }
  return 0;
}

function endsBetween({ callAt, ends }: Calls, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    const call = callAt[at] as number;
    if (call !== NONE && ends[call] === at) count++;
  }
  return count;
}

/** All states that any calls lead to; none if there are too many. */
function allStates(kinds: Kinds<unknown>): readonly number[] {
  const found = [kinds.initial];
  const seen = new Set(found);
  for (const state of found) {
    if (found.length > STATES_MAX || found.length * kinds.kinds.length > STEPS_MAX) return [];
    for (let kind = 0; kind < kinds.kinds.length; kind++) {
      const next = kinds.step(state, kind);
      if (next === IMPOSSIBLE || seen.has(next)) continue;
      seen.add(next);
      found.push(next);
    }
  }
  return found;
}
