/**
 * Operations, as in Jepsen. A client *invokes* a function `f` with a value. The same process completes it as `ok` (it
 * happened), `fail` (it did not and never will) or `info` (unknown). The nemesis writes its own `info` operations.
 */

export type OperationType = 'invoke' | 'ok' | 'fail' | 'info';

/** The process that stands for the fault injector in a history. */
export const NEMESIS = 'nemesis';

/** An invocation or a completion, as Jepsen has them. */
export interface Operation {
  /** Position in the history, from 0. */
  readonly index: number;
  /** Nanoseconds since the start of the run. */
  readonly time: number;
  /** `invoke`, or how it ended. */
  readonly type: OperationType;
  /**
   * A client's process number, or the nemesis. A process that ended in `info` never comes back: its worker takes a new
   * number.
   */
  readonly process: number | typeof NEMESIS;
  /** The name of the function. */
  readonly f: string;
  /** The argument, or what came back. */
  readonly value: unknown;
  /**
   * Why it failed: `"net-timeout"`, or `[name, text]` of the error answered. For a code that is not in the table:
   * `["unknown", text, code]`.
   */
  readonly error?: unknown;
  /** Asked at the end, when everything is healed, so that its answer must be complete. Absent: it was not. */
  readonly 'final?'?: true;
}

/** An operation that the history has not numbered yet. */
export type OperationEntry = Omit<Operation, 'index'>;
