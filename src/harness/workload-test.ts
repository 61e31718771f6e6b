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

/** An operation of the end of a run, when everything has healed and every node serves again. */
export interface FinalInvocation extends Invocation {
  /**
   * Who asks: each worker once, or the worker of this number. Absent: the next of the askers, each of whom talks to
   * another node.
   */
  readonly by?: 'each' | number;
  /** Asked once, whatever the answer is. Absent: until the answer is ok, for 10 s at most. */
  readonly once?: true;
}

/** One after the other; those of a list side by side, in any order. */
export type FinalStep = FinalInvocation | readonly FinalInvocation[];

/** Carries an operation out against the client's node. Never rejects for what the node does. */
export type Invoke = (client: Client, invocation: Invocation) => Promise<Completion>;

/** What a test may depend on besides chance. */
export interface TestSetting {
  /** Node ids, in the order of `node_ids`. */
  readonly nodes: readonly string[];
  /** Number of workers; worker `t` talks to node `t mod nodes.length`. */
  readonly concurrency: number;
  readonly latencyMeanMs: number;
  /** The workload's own options by their names, parsed; the default where one was not given. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface WorkloadTest {
  /**
   * Whether a client goes on after an operation whose outcome is unknown. Where it does not (`echo` in Maelstrom), it
   * is closed, and a late answer goes to a client that has left.
   */
  readonly reusableClients: boolean;
  /** Options of its own on the command line, by their names: `--topology grid`. Absent: none. */
  readonly options?: Readonly<Record<string, WorkloadOption>>;
  /** The test for these nodes and options. Absent: it is the same for all. */
  readonly configure?: (setting: TestSetting) => WorkloadTest;
  /**
   * Asks a node something before the operations begin, with a client of its own; all nodes side by side. It is in no
   * history. Where it does not end ok the run is invalid and ends. Source: `jepsen.client/setup!`.
   */
  readonly setUp?: (client: Client) => Promise<Completion>;
  /**
   * Makes the function that says what the next operation is. A run makes two: one for its operations, one for those
   * that ask whether a node serves again; what the two draw must not clash.
   */
  readonly createGenerator: (random: SeededRandom) => () => Invocation;
  /** Made once a run, so that an operation may build on what another one learnt. */
  readonly createInvoke: () => Invoke;
  /** How long a client waits for each answer of an operation `f`, ms. Absent: 5 s. */
  readonly timeoutMs?: (f: string) => number;
  /**
   * Functions whose repetition changes nothing. One that timed out, or was answered with any error, is `fail` and not
   * `info`. Source: `maelstrom.client/with-errors`.
   */
  readonly idempotent?: ReadonlySet<string>;
  /** How long everything is left in peace after healing before the final invocations, ms. Absent: 0. */
  readonly calmMs?: number;
  /**
   * The operations at the end, made when the others are over.
   *
   * @param history all that was asked and answered so far
   */
  readonly createFinalInvocations?: (random: SeededRandom, askers: number, history: History) => readonly FinalStep[];
  /** Whether everything it promises holds over the loss of a node's disk. */
  readonly survivesDiskLoss: boolean;
  readonly checker: () => Checker;
  /**
   * Made once a check: says of each operation that ended ok, in the order of the history, whether it did new work. A
   * test that has it must draw new work as long as a run lasts. Absent: not judged.
   */
  readonly createWorkCounter?: () => CountWork;
}

/** An option of one workload. The command line, the record of a run and the replay file carry its text. */
export interface WorkloadOption {
  /** How the value is called in `--help`. */
  readonly value: string;
  readonly text: string;
  /** What holds where it was not given. */
  readonly absent: unknown;
  /** Makes the value; throws an Error that says what is expected. */
  readonly parse: (text: string) => unknown;
}

/** What a workload's client does for the operation `f`. Throws if there is none, which is a mistake in the schedule. */
export function operationIn<Operate>(workload: string, operations: ReadonlyMap<string, Operate>, f: string): Operate {
  const operate = operations.get(f);
  if (operate === undefined) throw new Error(`the workload ${workload} has no operation ${f}`);
  return operate;
}
