/**
 * What a checker says for people beside its result: what shows that a run is invalid, and a sentence for the verdict.
 */

/** Something that a checker found wrong, with what shows it. A checker fills it in, and `results.json` records it. */
export interface Proof {
  /** The name of the broken rule, where the checker has several. */
  readonly rule?: string | undefined;
  /** What is wrong, in a few words. */
  readonly problem: string;
  /** What else the checker knows of it. JSON values. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The first {@link PROOF_OPERATIONS_MAX} completions that show it: indices into the history, ascending. */
  readonly operations: readonly number[];
  /** How many operations show it in all. */
  readonly operationCount: number;
  /** When the proof was complete, ns. Absent: when the last of its operations was. */
  readonly time?: number | undefined;
  /**
   * Operations each of which comes before the next one, and the last before the first. Absent: the proof is no cycle.
   * Of a long one these are the first ones and the last.
   */
  readonly cycle?: readonly CycleStep[] | undefined;
  /** An order of operations, and the one that does not fit into any. Absent: the proof is not about an order. */
  readonly order?: Order | undefined;
}

/** The end of an order in which operations may have taken effect one at a time, and what cannot follow it. */
export interface Order {
  /** Never empty. */
  readonly steps: readonly OrderStep[];
  readonly misfit: Omit<OrderStep, 'state'> & {
    /** Why it cannot come next, in a few words. */
    readonly reason: string;
  };
}

export interface OrderStep {
  /** Index of its completion; of its invocation, if it never ended. */
  readonly operation: number;
  /** What was asked and answered, in a few words. */
  readonly text: string;
  /** What the object was after it, in a few words. */
  readonly state: string;
}

/** An operation of a cycle, and why it comes before the next one. */
export interface CycleStep {
  /** Index of its completion. */
  readonly operation: number;
  /** The kind of the dependency: `ww`, `wr`, `rw`, `realtime`, `process`. */
  readonly type: string;
  /** The reason in a sentence without its full stop. The operations are named T1, T2 and so on. */
  readonly reason: string;
}

/** More proofs of one checker show nothing new. */
export const PROOFS_MAX = 24;
/** More operations of one proof show nothing new. */
export const PROOF_OPERATIONS_MAX = 16;
/** Nodes may answer values of any length; a sentence quotes so many characters of one. */
export const QUOTE_LENGTH_MAX = 160;

/**
 * The rule of a proof by requests that nodes refused, where the checker counts a refusal as a wrong answer. Its
 * `errors` among the facts are `AnsweredErrors`. The summary of the checker tells them, so the verdict does not tell
 * them again.
 */
export const REFUSED = 'refused';

/** The fields of a result that hold `proofs`; none if there are none. */
export function withProofs(proofs: readonly Proof[]): { readonly proofs?: readonly Proof[] } {
  return proofs.length === 0 ? {} : { proofs: proofs.slice(0, PROOFS_MAX) };
}

/** The first line of `text` as a sentence: with a capital letter and a full stop. */
export function asSentence(text: string): string {
  const [line = ''] = text.split('\n');
  return withFullStop(`${line.charAt(0).toUpperCase()}${line.slice(1)}`);
}

/** The same text, with a full stop unless it ends like a sentence. */
export function withFullStop(text: string): string {
  return /[.?]$/.test(text) ? text : `${text}.`;
}
