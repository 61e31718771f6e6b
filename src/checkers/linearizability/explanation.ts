/**
 * The last moments of calls that are not linearizable, as Knossos tells them: what the object may have been like
 * (`configs`), and each way in which it cannot go on (`final-paths`). Source: `knossos.linear`, `knossos.analysis`.
 *
 * Knossos keeps all configurations, and so does this: from a quiet moment shortly before the end, so that they are few.
 */

import type { Operation } from '../../history/operation.ts';
import { shortJson } from '../../protocol/short-json.ts';
import { type Order, type OrderStep, QUOTE_LENGTH_MAX } from '../proof.ts';
import { type Calls, functionOfCall, NEVER, valueOfCall } from './calls.ts';
import { IMPOSSIBLE, type Kind, type Kinds } from './kinds.ts';
import { NOT_FOUND, REFUSED } from './model.ts';
import type { QuietMoment } from './search.ts';

/** With more configurations the last moments are no example any more. */
const CONFIGURATIONS_MAX = 20_000;
/** Of all ends together. Where calls never end, a replay begins far back, and each of its ends has many. */
const LOOKS_MAX = 200_000;
/** The same for an order, which can do with a shorter one. */
const ORDER_LOOKS_MAX = 5_000;
const LISTED_MAX = 10;
/** The last operations of an order; earlier ones show nothing new. */
const ORDER_MAX = 8;

export interface LastMoments {
  readonly configs: readonly {
    readonly model: unknown;
    readonly 'last-op': Operation | null;
    readonly pending: readonly Operation[];
  }[];
  readonly 'final-paths': readonly (readonly PathStep[])[];
  readonly 'last-op': Operation | null;
}

interface PathStep {
  readonly op: Operation | null;
  readonly model: unknown;
}

/** A call that took effect: when it ended, or before. */
interface Effect {
  readonly call: number;
  readonly atEnd: boolean;
  /** The state after it, and the effect before it. Absent: orders are not kept. */
  readonly state?: number;
  readonly before?: Effect | undefined;
}

interface Configuration {
  readonly state: number;
  /** Calls that have not taken effect, by process. */
  readonly pending: readonly number[];
  /** Calls that took effect and have not ended. */
  readonly done: readonly number[];
  readonly last: Effect | undefined;
}

/** Where to begin. Absent: at the start. */
export interface Beginnings {
  /** For the last moments. */
  readonly quiet?: QuietMoment;
  /** For the order, which is to be longer. */
  readonly earlier?: QuietMoment;
}

export interface Explanation {
  readonly moments: LastMoments;
  /** Absent: nothing took effect since the beginning. */
  readonly order?: Order;
}

/** @returns undefined if there is too much to tell */
export function explain(
  calls: Calls,
  kinds: Kinds<unknown>,
  position: number,
  { quiet, earlier }: Beginnings,
): Explanation | undefined {
  const final = calls.callAt[position] as number;
  const replay = new Replay(calls, kinds, LOOKS_MAX);
  const configurations = replay.run(position, quiet);
  if (configurations === undefined) return undefined;
  const order = orderFrom(calls, kinds, position, earlier) ?? orderFrom(calls, kinds, position, quiet);
  return { moments: replay.tell(configurations, final), ...(order !== undefined && { order }) };
}

/** A replay of its own: all the orders of a long one would take much memory. */
function orderFrom(
  calls: Calls,
  kinds: Kinds<unknown>,
  position: number,
  quiet: QuietMoment | undefined,
): Order | undefined {
  const replay = new Replay(calls, kinds, ORDER_LOOKS_MAX, { keepsOrders: true });
  return replay.order(replay.run(position, quiet)?.[0], calls.callAt[position] as number);
}

/**
 * What was asked and answered, in a few words.
 *
 * @param whose stands after what was asked
 */
export function sayCall(calls: Calls, call: number, whose = ''): string {
  const value = valueOfCall(calls, call);
  const f = calls.history.functionAt(calls.events[calls.starts[call] as number] as number);
  const asked = value === null || value === undefined ? f : `${f} ${shortJson(value, QUOTE_LENGTH_MAX)}`;
  return `${asked}${whose}${ANSWERS.get(functionOfCall(calls, call)) ?? ''}`;
}

/** What is said of a call that counts as another function than the one that was asked. */
const ANSWERS: ReadonlyMap<string, string> = new Map([
  [NOT_FOUND, ' that found no value'],
  [REFUSED, ' that was refused'],
]);

/** What an object was, in a few words after "was". */
export function sayState(kinds: Kinds<unknown>, state: number): string {
  const { model } = kinds;
  const value = kinds.stateOf(state);
  return model.say?.(value) ?? shortJson(model.describe(value) ?? null, QUOTE_LENGTH_MAX);
}

/** The operation at the start or the end of a call, as results show it: without the key, and with the value read. */
export function showOperation(calls: Calls, call: number, atEnd: boolean): Operation {
  const { events, starts, ends, history } = calls;
  const index = events[(atEnd ? ends[call] : starts[call]) as number] as number;
  return { ...history.at(index), value: valueOfCall(calls, call) };
}

class Replay {
  readonly #calls: Calls;
  readonly #kinds: Kinds<unknown>;
  readonly #looksMax: number;
  readonly #keepsOrders: boolean;
  /** Configurations looked at so far, at all events together: a replay may go back over the whole history. */
  #looked = 0;

  constructor(calls: Calls, kinds: Kinds<unknown>, looksMax: number, { keepsOrders = false } = {}) {
    this.#keepsOrders = keepsOrders;
    this.#calls = calls;
    this.#kinds = kinds;
    this.#looksMax = looksMax;
  }

  /** The configurations before a position; undefined if there are too many. */
  run(position: number, quiet?: QuietMoment): readonly Configuration[] | undefined {
    const { callAt, starts, ends } = this.#calls;
    const { position: from, states } = quiet ?? { position: 0, states: [this.#kinds.initial] };
    let configurations: readonly Configuration[] = states.map((state) => ({
      state,
      pending: [],
      done: [],
      last: undefined,
    }));
    for (let at = from; at < position; at++) {
      const call = callAt[at] as number;
      if (call < 0) continue;
      const isStart = starts[call] === at;
      if (!isStart && ends[call] !== at) continue;
      const next = isStart ? this.#begin(configurations, call) : this.#end(configurations, call);
      if (next === undefined) return undefined;
      configurations = next;
    }
    return configurations;
  }

  #begin(configurations: readonly Configuration[], call: number): readonly Configuration[] {
    this.#looked += configurations.length;
    return configurations.map((configuration) => ({
      ...configuration,
      pending: [...configuration.pending, call].sort((one, other) => this.#processOf(one) - this.#processOf(other)),
    }));
  }

  #end(configurations: readonly Configuration[], call: number): readonly Configuration[] | undefined {
    const found = new Map<string, Configuration>();
    const seen = new Set<string>();
    this.#looked += configurations.length;
    for (const configuration of configurations) {
      if (configuration.done.includes(call)) add(found, without(configuration, call));
      else if (!this.#explore(configuration, call, seen, found)) return undefined;
    }
    return [...found.values()];
  }

  /** Lets other calls take effect in every order, and then the one that ends. Returns whether it was not too much. */
  #explore(configuration: Configuration, call: number, seen: Set<string>, found: Map<string, Configuration>): boolean {
    const open = [configuration];
    for (let current = open.pop(); current !== undefined; current = open.pop()) {
      const key = keyOf(current);
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > CONFIGURATIONS_MAX || ++this.#looked > this.#looksMax) return false;
      const ended = this.#apply(current, { call, atEnd: true });
      if (ended !== undefined) add(found, without(ended, call));
      for (const other of current.pending) {
        const next = other === call ? undefined : this.#apply(current, { call: other, atEnd: false });
        if (next !== undefined) open.push(next);
      }
    }
    return true;
  }

  #apply({ state, pending, done, last }: Configuration, effect: Effect): Configuration | undefined {
    const next = this.#kinds.step(state, this.#kinds.kindOf[effect.call] as number);
    if (next === IMPOSSIBLE) return undefined;
    return {
      state: next,
      pending: pending.filter((call) => call !== effect.call),
      done: [...done, effect.call],
      last: this.#keepsOrders ? { ...effect, state: next, before: last } : effect,
    };
  }

  /** The end of the order that led to a configuration. */
  order(configuration: Configuration | undefined, final: number): Order | undefined {
    if (configuration === undefined) return undefined;
    const steps: OrderStep[] = [];
    for (
      let placed: Effect | undefined = configuration.last;
      placed !== undefined && steps.length < ORDER_MAX;
      placed = placed.before
    )
      steps.unshift({ ...this.#told(placed.call), state: sayState(this.#kinds, placed.state as number) });
    if (steps.length === 0) return undefined;
    const { model } = this.#refuse(configuration.state, final);
    return { steps, misfit: { ...this.#told(final), reason: (model as { msg: string }).msg } };
  }

  #told(call: number): Omit<OrderStep, 'state'> {
    const { events, starts, ends } = this.#calls;
    const end = ends[call] as number;
    const operation = events[end === NEVER ? (starts[call] as number) : end] as number;
    return { operation, text: sayCall(this.#calls, call) };
  }

  tell(configurations: readonly Configuration[], final: number): LastMoments {
    const paths = new Map<string, readonly PathStep[]>();
    for (const configuration of configurations) this.#findPaths(configuration, final, paths);
    const [first] = [...configurations].sort((one, other) => this.#indexOf(one.last) - this.#indexOf(other.last));
    return {
      configs: configurations.slice(0, LISTED_MAX).map(({ state, pending, last }) => ({
        model: this.#describe(state),
        'last-op': this.#show(last),
        pending: pending.map((call) => showOperation(this.#calls, call, false)),
      })),
      'final-paths': [...paths.values()],
      'last-op': this.#show(first?.last),
    };
  }

  /** All orders of some of the pending calls, the shortest first, each with the final one at its end. */
  #findPaths({ state, pending, last }: Configuration, final: number, paths: Map<string, readonly PathStep[]>): void {
    const others = pending.filter((call) => call !== final);
    let orders: readonly { readonly state: number; readonly used: readonly number[] }[] = [{ state, used: [] }];
    const start = { op: this.#show(last), model: this.#describe(state) };
    for (let length = 0; length <= others.length && orders.length > 0; length++) {
      for (const { state: reached, used } of orders) {
        if (paths.size >= LISTED_MAX) return;
        const path = [start, ...this.#follow(state, used), this.#refuse(reached, final)];
        paths.set(JSON.stringify(path), path);
      }
      orders = orders
        .flatMap(({ state: reached, used }) =>
          others
            .filter((call) => !used.includes(call))
            .map((call) => ({
              state: this.#kinds.step(reached, this.#kinds.kindOf[call] as number),
              used: [...used, call],
            })),
        )
        .filter(({ state: reached }) => reached !== IMPOSSIBLE)
        .slice(0, CONFIGURATIONS_MAX);
    }
  }

  #follow(from: number, used: readonly number[]): readonly PathStep[] {
    let state = from;
    return used.map((call) => {
      state = this.#kinds.step(state, this.#kinds.kindOf[call] as number);
      return { op: showOperation(this.#calls, call, false), model: this.#describe(state) };
    });
  }

  #refuse(state: number, final: number): PathStep {
    const { f, value } = this.#kinds.kinds[this.#kinds.kindOf[final] as number] as Kind;
    const step = this.#kinds.model.step(this.#kinds.stateOf(state), f, value);
    return {
      op: showOperation(this.#calls, final, true),
      model: { msg: 'refusal' in step ? step.refusal : 'possible' },
    };
  }

  #describe(state: number): unknown {
    return this.#kinds.model.describe(this.#kinds.stateOf(state));
  }

  #show(effect: Effect | undefined): Operation | null {
    return effect === undefined ? null : showOperation(this.#calls, effect.call, effect.atEnd);
  }

  #indexOf(effect: Effect | undefined): number {
    if (effect === undefined) return -1;
    const { starts, ends } = this.#calls;
    return (effect.atEnd ? ends[effect.call] : starts[effect.call]) ?? NEVER;
  }

  #processOf(call: number): number {
    const { history, events, starts } = this.#calls;
    return history.processAt(events[starts[call] as number] as number);
  }
}

function without(configuration: Configuration, call: number): Configuration {
  return { ...configuration, done: configuration.done.filter((other) => other !== call) };
}

/** What took effect last does not tell configurations apart. */
function keyOf({ state, pending, done }: Configuration): string {
  return `${state} ${pending.join()} ${[...done].sort((one, other) => one - other).join()}`;
}

function add(found: Map<string, Configuration>, configuration: Configuration): void {
  const key = keyOf(configuration);
  if (!found.has(key)) found.set(key, configuration);
}
