/**
 * The calls of an object by kind. Calls of one kind, the same function with the same value, differ only in time. States
 * are numbers, too. Each step of a model is taken once; those of a register are comparisons of numbers.
 */

import { canonicalKey } from '../../protocol/exact-json.ts';
import { type Calls, functionOfCall, valueOfCall } from './calls.ts';
import { type Model, NOT_FOUND, REFUSED } from './model.ts';
import { ValueNumbers } from './value-numbers.ts';

/** The next state of an operation that is impossible. */
export const IMPOSSIBLE = -1;
const UNKNOWN = -2;
/** With more kinds, the steps that were taken are few among all there could be. */
const TABLE_KINDS_MAX = 1024;

export interface Kind {
  readonly f: string;
  readonly value: unknown;
  readonly effect: 'reads' | 'overwrites' | undefined;
}

export interface Kinds<State = unknown> {
  readonly model: Model<State>;
  /** By call. */
  readonly kindOf: Int32Array;
  readonly kinds: readonly Kind[];
  /** The number of the state that the object begins with. */
  readonly initial: number;
  stateOf(number: number): State;
  /** The state after an operation of a kind, or {@link IMPOSSIBLE}. */
  step(state: number, kind: number): number;
}

export function kindsOf<State>(model: Model<State>, calls: Calls): Kinds<State> {
  const codes = model.isRegister === true ? readCodes(calls) : undefined;
  return codes === undefined ? new MetKinds(model, calls) : (new RegisterKinds(model, calls, codes) as Kinds<State>);
}

/** The kinds of any model. States have numbers in the order in which they are first met. */
class MetKinds<State> implements Kinds<State> {
  readonly model: Model<State>;
  readonly kindOf: Int32Array;
  readonly kinds: Kind[] = [];
  readonly initial = 0;
  readonly #states: State[] = [];
  readonly #numbers = new Map<string, number>();
  /** By state, then by kind, where there are few kinds. */
  readonly #table: Int32Array[] = [];
  /** By state and kind in one number, where there are many. */
  readonly #taken = new Map<number, number>();

  constructor(model: Model<State>, calls: Calls) {
    this.model = model;
    this.kindOf = new Int32Array(calls.count);
    const numbers = new Map<string, number>();
    for (let call = 0; call < calls.count; call++) {
      const f = functionOfCall(calls, call);
      const value = valueOfCall(calls, call);
      const key = `${f} ${canonicalKey(value)}`;
      let kind = numbers.get(key);
      if (kind === undefined) {
        kind = this.kinds.push({ f, value, effect: model.effectOf?.(f, value) }) - 1;
        numbers.set(key, kind);
      }
      this.kindOf[call] = kind;
    }
    this.#numberOf(model.initial);
  }

  stateOf(number: number): State {
    return this.#states[number] as State;
  }

  step(state: number, kind: number): number {
    if (this.kinds.length > TABLE_KINDS_MAX) return this.#sparseStep(state, kind);
    const row = this.#table[state] as Int32Array;
    const known = row[kind] as number;
    if (known !== UNKNOWN) return known;
    const next = this.#take(state, kind);
    row[kind] = next;
    return next;
  }

  #sparseStep(state: number, kind: number): number {
    const key = state * this.kinds.length + kind;
    let next = this.#taken.get(key);
    if (next === undefined) {
      next = this.#take(state, kind);
      this.#taken.set(key, next);
    }
    return next;
  }

  #take(state: number, kind: number): number {
    const { f, value } = this.kinds[kind] as Kind;
    const step = this.model.step(this.stateOf(state), f, value);
    return 'refusal' in step ? IMPOSSIBLE : this.#numberOf(step.state);
  }

  #numberOf(state: State): number {
    const key = this.model.keyOf(state);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#states.push(state) - 1;
      this.#numbers.set(key, number);
      if (this.kinds.length <= TABLE_KINDS_MAX) this.#table.push(new Int32Array(this.kinds.length).fill(UNKNOWN));
    }
    return number;
  }
}

const READ = 0;
const READ_OF_NULL = 1;
const WRITE = 2;
const CAS = 3;
const MISS = 4;
const REFUSAL = 5;
const CODES: ReadonlyMap<string, number> = new Map([
  ['read', READ],
  ['write', WRITE],
  ['cas', CAS],
  [NOT_FOUND, MISS],
  [REFUSED, REFUSAL],
]);
/** More than there are codes. */
const CODE_COUNT = 8;

/** The calls of a register: what each does, and with which values, by number. */
interface RegisterCodes {
  readonly code: Uint8Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly values: ValueNumbers;
}

/** Undefined if a call is none of a register. */
function readCodes(calls: Calls): RegisterCodes | undefined {
  const [from, to] = [new Int32Array(calls.count), new Int32Array(calls.count)];
  const code = new Uint8Array(calls.count);
  const values = new ValueNumbers();
  for (let call = 0; call < calls.count; call++) {
    const known = CODES.get(functionOfCall(calls, call));
    if (known === undefined) return undefined;
    const value = valueOfCall(calls, call);
    code[call] = known;
    if (known === CAS || known === REFUSAL) {
      const [expected, made] = value as readonly unknown[];
      from[call] = values.of(expected);
      if (known === CAS) to[call] = values.of(made);
    } else if (known === READ && (value === null || value === undefined)) code[call] = READ_OF_NULL;
    else if (known !== MISS) to[call] = values.of(value);
  }
  return { code, from, to, values };
}

/** The kinds of a register: its states are the numbers of its values. */
class RegisterKinds implements Kinds {
  readonly model: Model<unknown>;
  readonly kindOf: Int32Array;
  readonly kinds: Kind[] = [];
  readonly initial = 0;
  readonly #values: readonly unknown[];
  readonly #code: number[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  constructor(model: Model<unknown>, calls: Calls, { code, from, to, values }: RegisterCodes) {
    this.model = model;
    this.kindOf = new Int32Array(calls.count);
    this.#values = values.values;
    const numbers = new Map<number, number>();
    for (let call = 0; call < calls.count; call++) {
      const [own, expected, made] = [code[call] as number, from[call] as number, to[call] as number];
      const key = (expected * values.count + made) * CODE_COUNT + own;
      let kind = numbers.get(key);
      if (kind === undefined) {
        const [f, value] = [functionOfCall(calls, call), valueOfCall(calls, call)];
        kind = this.kinds.push({ f, value, effect: effectOf(own, expected, made) }) - 1;
        this.#code.push(own);
        this.#from.push(expected);
        this.#to.push(made);
        numbers.set(key, kind);
      }
      this.kindOf[call] = kind;
    }
  }

  stateOf(number: number): unknown {
    return this.#values[number];
  }

  step(state: number, kind: number): number {
    const to = this.#to[kind] as number;
    switch (this.#code[kind]) {
      case READ:
        return state === to ? state : IMPOSSIBLE;
      case WRITE:
        return to;
      case CAS:
        return state === this.#from[kind] ? to : IMPOSSIBLE;
      case MISS:
        return state === this.initial ? state : IMPOSSIBLE;
      case REFUSAL:
        return state === this.#from[kind] ? IMPOSSIBLE : state;
      default:
        return state;
    }
  }
}

function effectOf(code: number, from: number, to: number): Kind['effect'] {
  if (code === WRITE) return 'overwrites';
  return code === CAS && from !== to ? undefined : 'reads';
}
