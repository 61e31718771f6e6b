/**
 * The test half of a workload: what clients ask, how they judge the answer, what the history must show.
 */

import type { CountWork } from '../checkers/activity.ts';
import type { Checker } from '../checkers/checker.ts';
import type { History } from '../history/history.ts';
import type { SeededRandom } from '../protocol/random.ts';
import type { Client, Completion } from './client.ts';

/** What a client is to do next. */
export interface Invocation {
  readonly f: string;
  readonly value: unknown;
}

/** What must be answered at the end: one question, or a list of questions that are asked side by side, in any order. */
export type LastQuestion = Invocation | readonly Invocation[];

/** Carries an operation out against the client's node. Never rejects for what the node does. */
export type Invoke = (client: Client, invocation: Invocation) => Promise<Completion>;

export interface WorkloadTest {
  /**
   * Whether a client goes on after an operation whose outcome is unknown. Where it does not (`echo` in Maelstrom), it
   * is closed, and a node that answers it late talks to somebody who is not there.
   */
  readonly reusableClients: boolean;
  /**
   * Makes the function that says what the next operation is. A run makes two: one for its operations, one for those
   * that ask whether a node serves again; what the two draw must not clash.
   */
  readonly createGenerator: (random: SeededRandom) => () => Invocation;
  /** Made once a run, so that an operation may build on what another one learnt. */
  readonly createInvoke: () => Invoke;
  /**
   * What must be answered at the end, when everything has healed and every node serves again. Questions are asked one
   * after the other, the `i`th of worker `i mod askers`, each of whom talks to another node; those of a list by all
   * workers side by side. Made when the operations are over.
   *
   * @param history all that was asked and answered so far
   */
  readonly createFinalInvocations?: (random: SeededRandom, askers: number, history: History) => readonly LastQuestion[];
  /** Whether everything it promises holds over the loss of a node's disk. */
  readonly survivesDiskLoss: boolean;
  readonly checker: () => Checker;
  /**
   * Made once a check: says of each operation that ended ok, in the order of the history, whether it did new work. A
   * test that has it must draw new work as long as a run lasts. Absent: nobody judges that.
   */
  readonly createWorkCounter?: () => CountWork;
}

/**
 * What a workload's client does for the operation `f`; one that there is not is a mistake of whoever wrote the
 * schedule.
 */
export function operationIn<Operate>(workload: string, operations: ReadonlyMap<string, Operate>, f: string): Operate {
  const operate = operations.get(f);
  if (operate === undefined) throw new Error(`the workload ${workload} has no operation ${f}`);
  return operate;
}
