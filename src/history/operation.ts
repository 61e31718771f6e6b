/**
 * Operations, as in Jepsen: a client *invokes* a function `f` with a value, and the same process completes it as `ok`
 * (it happened), `fail` (it did not and never will) or `info` (nobody knows). The nemesis writes `info` operations of
 * its own.
 */

export type OperationType = 'invoke' | 'ok' | 'fail' | 'info';

/** The process that stands for the fault injector in a history. */
export const NEMESIS = 'nemesis';

export interface Operation {
  /** Position in the history, from 0. */
  readonly index: number;
  /** Nanoseconds since the start of the run. */
  readonly time: number;
  readonly type: OperationType;
  /**
   * A client's process number, or the nemesis. A process that ended in `info` never comes back: its worker takes a new
   * number.
   */
  readonly process: number | typeof NEMESIS;
  readonly f: string;
  readonly value: unknown;
  /**
   * Why it failed: `"net-timeout"`, or `[name, text]` of the error answered; `["unknown", text, code]` for a code that
   * is not in the table.
   */
  readonly error?: unknown;
}

/** An operation that the history has not numbered yet. */
export type OperationEntry = Omit<Operation, 'index'>;
