/**
 * The test half of a workload: what clients ask, how a reply completes an operation, and what the history must show.
 */

import type { CountWork } from '../checkers/activity.ts';
import type { Checker } from '../checkers/checker.ts';
import type { History } from '../history/history.ts';
import type { SeededRandom } from '../protocol/random.ts';
import type { Client, Completion } from './client.ts';

/** The next operation of a client. */
export interface Invocation {
  /** The name of the function. */
  readonly f: string;
  /** Its argument. */
  readonly value: unknown;
  /** Whether it is one of the final operations, and marked so in the history. Absent: it is not. */
  readonly final?: true;
}

/** Who asks next. */
export interface Turn {
  /** The index of the worker, which talks to the node `worker mod nodes`. */
  readonly worker: number;
  /** The number under which the operation is in the history. */
  readonly process: number;
  /** ms since the operations began. */
  readonly atMs: number;
}

/** An operation at the end of a run, when everything is healed and every node serves again. */
export interface FinalInvocation extends Invocation {
  /**
   * Which worker asks: each worker once, or the worker of this index. Absent: alone, the askers take turns, each of
   * which talks to a different node; in a list, the next idle worker.
   */
  readonly by?: 'each' | number;
  /** Asked once and never retried. Absent: retried until it is ok, as long as a node may take to recover. */
  readonly once?: true;
  /**
   * Asked again and again, `everyMs` after each answer, `forMs` at most. What is asked comes from `next`, until that is
   * undefined for the worker's client. Absent: it is asked as it stands.
   */
  readonly repeated?: {
    readonly next: (client: Client) => Invocation | undefined;
    readonly everyMs: number;
    readonly forMs: number;
  };
}

/** Steps are asked one after the other. The invocations of a list are asked side by side, in any order. */
export type FinalStep = FinalInvocation | readonly FinalInvocation[];

/** Performs an operation on the client's node. Never rejects because of what the node does. */
export type Invoke = (client: Client, invocation: Invocation) => Promise<Completion>;

/** What a test may depend on besides random draws. */
export interface TestSetting {
  /** Node ids, in the order of `node_ids`. */
  readonly nodes: readonly string[];
  /** Number of workers. Worker `t` talks to node `t mod nodes.length`. */
  readonly concurrency: number;
  /** The mean latency of a message, ms. */
  readonly latencyMeanMs: number;
  /**
   * In every name that a test draws or fixes ({@link nameIn}), because the system may keep the names of other runs:
   * letters and digits. Empty: the system begins empty.
   */
  readonly names: string;
  /** Whether a breach of a rule beyond Jepsen's makes the run invalid (`checkers/beyond.ts`). */
  readonly strict: boolean;
  /** The workload's own options by name: parsed, or the default. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** What clients ask, how a reply completes an operation, and what the history must show. */
export interface WorkloadTest {
  /**
   * Whether a client goes on after an operation of unknown outcome. If not (Maelstrom's `echo`), it is closed, and a
   * late reply goes to a closed client.
   */
  readonly reusableClients: boolean;
  /** The workload's own options on the command line, by name: `--topology grid`. Absent: none. */
  readonly options?: Readonly<Record<string, WorkloadOption>>;
  /** Makes the test for these nodes and options. Absent: the test is the same for all. */
  readonly configure?: (setting: TestSetting) => WorkloadTest;
  /**
   * The first phase: asks every node once before the operations begin, all nodes side by side, each with a temporary
   * client. It is not in the history. Unless it ends ok, the run ends and is invalid. Source: `jepsen.client/setup!`.
   */
  readonly setUp?: (client: Client) => Promise<Completion>;
  /**
   * Makes the function that draws the next operation. A run makes two: one for its operations, one for its probes. What
   * the two draw must not clash.
   */
  readonly createGenerator: (random: SeededRandom) => (turn: Turn) => Invocation;
  /**
   * Makes the function that draws what shows, once everything is healed, whether a node serves again. A right node must
   * be able to answer it ok, after some retries with new draws. Absent: `createGenerator`.
   */
  readonly createProbes?: (random: SeededRandom) => (turn: Turn) => Invocation;
  /** Called once a run, so an operation may use what an earlier one learnt. */
  readonly createInvoke: () => Invoke;
  /** How long a client waits for each reply to an operation `f`, ms. Absent: 5 s. */
  readonly timeoutMs?: (f: string) => number;
  /**
   * Functions whose repetition changes nothing. Such an operation is `fail`, not `info`, after a timeout or any error.
   * Source: `maelstrom.client/with-errors`.
   */
  readonly idempotent?: ReadonlySet<string>;
  /** How long a run stays idle before the final invocations, after all nodes serve again, ms. Absent: 0. */
  readonly calmMs?: number;
  /**
   * Makes the final invocations, once all other operations have ended.
   *
   * @param askers how many workers take turns, at most one a node
   * @param history all operations so far
   */
  readonly createFinalInvocations?: (random: SeededRandom, askers: number, history: History) => readonly FinalStep[];
  /**
   * Whether all its promises survive the loss of a node's disk. `one-at-a-time`: of three nodes or more, the disk of
   * one at a time. The next may be lost when `health` of each node has found no trouble since its own was lost.
   */
  readonly survivesDiskLoss: boolean | 'one-at-a-time';
  /** Makes the judge of the history. */
  readonly checker: () => Checker;
  /**
   * Called once a check. The function that it returns is called for each ok operation, in the order of the history, and
   * returns whether it did new work. Such a test must draw new work as long as a run lasts. Absent: not judged.
   */
  readonly createWorkCounter?: () => CountWork;
}

/** An option of one workload. The command line, the record of a run and the replay file carry its text. */
export interface WorkloadOption {
  /** The name of the value in `--help`. */
  readonly value: string;
  /** What it does, for `--help`. */
  readonly text: string;
  /** The value if the option is not given. */
  readonly absent: unknown;
  /** Makes the value; throws an Error that says what is expected. */
  readonly parse: (text: string) => unknown;
  /** Texts that `fuzz` may draw. Absent: none. */
  readonly drawn?: readonly string[];
  /** Whether it is for simulated nodes, so that processes cannot have it. */
  readonly ofNodes?: boolean;
}

/** A name that only this run uses: `k3x9-hot0`. @param names see {@link TestSetting} */
export function nameIn(names: string, name: string): string {
  return names === '' ? name : `${names}-${name}`;
}

/** The function in `operations` for `f`. Throws if there is none, which is an error in the schedule. */
export function operationIn<Operate>(workload: string, operations: ReadonlyMap<string, Operate>, f: string): Operate {
  const operate = operations.get(f);
  if (operate === undefined) throw new Error(`the workload ${workload} has no operation ${f}`);
  return operate;
}
