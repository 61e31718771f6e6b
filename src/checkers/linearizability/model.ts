/**
 * What a history is checked against: an object whose operations happen one at a time (Herlihy and Wing, 1990). A model
 * must be small: a search keeps every state that it may be in. Names and messages are those of `knossos.model`.
 */

import { canonicalKey, exactEquals, stringifyExact } from '../../protocol/exact-json.ts';
import { shortJson } from '../../protocol/short-json.ts';
import { QUOTE_LENGTH_MAX } from '../proof.ts';

/** What an operation does to a state: the next one, or why it is impossible there. */
export type Step<State> = { readonly state: State } | { readonly refusal: string };

/** What an object does: its states, and what each operation makes of them. */
export interface Model<State> {
  /** The state before all operations. */
  readonly initial: State;
  /** Pure. `value` is that of an `ok`, or of an invocation that nothing is known of. Throws if there is no such `f`. */
  step(state: State, f: string, value: unknown): Step<State>;
  /** A text that two states share exactly when they are equal. */
  keyOf(state: State): string;
  /** The state as JSON, as Knossos shows it. */
  describe(state: State): unknown;
  /** The state in a few words, after "was". Absent: its JSON. */
  say?(state: State): string;
  /**
   * What is known of an operation in all states. It makes the search faster. `reads`: it leaves every state in which it
   * is possible as it is. `overwrites`: it is possible in every state, and always leads to the same one.
   */
  effectOf?(f: string, value: unknown): 'reads' | 'overwrites' | undefined;
  /** Whether the calls that `unique-register.ts` knows are those of a register here. Absent: no. */
  readonly isRegister?: true;
}

/** A register: `read` (null is what it does not know, and always possible) and `write`. It begins with null. */
export const registerModel: Model<unknown> = {
  initial: null,
  step(state, f, value) {
    if (f === 'write') return { state: value };
    if (f !== 'read') throw new Error(`a register has no operation ${JSON.stringify(f)}, only read and write`);
    if (value === null || value === undefined || exactEquals(value, state)) return { state };
    return { refusal: `can't read ${say(value)} from register ${say(state)}` };
  },
  keyOf: canonicalKey,
  describe: (value) => ({ value }),
  say: (value) => (value === null || value === undefined ? 'without a value' : shortJson(value, QUOTE_LENGTH_MAX)),
  effectOf: (f) => (f === 'read' ? 'reads' : 'overwrites'),
  isRegister: true,
};

/** A register that can also compare and set: `cas` with the value `[from, to]`. */
export const casRegisterModel: Model<unknown> = {
  ...registerModel,
  step(state, f, value) {
    if (f !== 'cas') return registerModel.step(state, f, value);
    const [from, to] = value as readonly unknown[];
    if (exactEquals(from, state)) return { state: to };
    return { refusal: `can't CAS ${say(state)} from ${say(from)} to ${say(to)}` };
  },
  effectOf(f, value) {
    if (f !== 'cas') return f === 'read' ? 'reads' : 'overwrites';
    const [from, to] = value as readonly unknown[];
    return exactEquals(from, to) ? 'reads' : undefined;
  },
};

/** What a read counts as that found nothing: it finds the null that a register begins with. */
export const NOT_FOUND = 'not-found';
/** What a cas counts as that found another value than the one it expects. */
export const REFUSED = 'refused-cas';

/** The same, with answers that say what a register is not: {@link NOT_FOUND} and {@link REFUSED}. */
export const strictRegisterModel: Model<unknown> = {
  ...casRegisterModel,
  step(state, f, value) {
    if (f === NOT_FOUND) return state === null ? { state } : { refusal: `it has the value ${say(state)}` };
    if (f !== REFUSED) return casRegisterModel.step(state, f, value);
    const [from] = value as readonly unknown[];
    return exactEquals(from, state) ? { refusal: `it has the value ${say(from)}, as the CAS expects` } : { state };
  },
  effectOf: (f, value) => (f === NOT_FOUND || f === REFUSED ? 'reads' : casRegisterModel.effectOf?.(f, value)),
};

function say(value: unknown): string {
  return value === null || value === undefined ? 'nil' : stringifyExact(value);
}
