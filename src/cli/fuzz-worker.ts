/**
 * A thread of `snowstorm fuzz`: receives a seed, makes its run, sends the verdict, and receives the next seed.
 */

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { RunOptions } from '../harness/run-options.ts';
import { both, LineComparison, RunDigest } from '../host/records/run-lines.ts';
import { createSettle } from '../host/settle.ts';
import { formatVerdict } from '../report/result-block.ts';
import { type FuzzContext, runSeed, type SeedVerdict } from '../search/fuzz.ts';
import { acting } from '../simulator/acting.ts';
import type { Simulation } from '../simulator/simulation.ts';
import { subjectOf } from '../workloads/registry.ts';
import type { AuthorModules } from '../workloads/workload.ts';
import { loadAgain } from './author-modules.ts';
import { type FuzzTask, optionsOfSeed } from './fuzz-options.ts';
import { reportRejections } from './rejections.ts';

/** The data that a thread starts with. */
export interface FuzzWorkerData extends Pick<FuzzTask, 'options' | 'swarm'> {
  readonly workload: string;
  readonly modules: AuthorModules | undefined;
  readonly checkDeterminism: boolean;
}

/** The data of one thread. */
export interface FuzzThreadData extends FuzzWorkerData {
  /** Where it counts its steps. */
  readonly beat: Int32Array;
}

export interface FuzzAnswer extends Omit<SeedVerdict, 'results'> {
  /** The verdict in a line. */
  readonly reason: string;
  /** Digest of the run's history and messages; only if determinism is checked. */
  readonly digest?: string;
  /** The first difference between two runs of the seed. */
  readonly difference?: string | undefined;
  /** What the modules of an author did so far, in sentences. */
  readonly notes?: readonly string[];
}

/** Why a thread could not judge a seed. */
export interface FuzzCrash {
  readonly seed: string;
  readonly crash: string;
}

/** Serves in the current thread until the thread is terminated. */
export function serveFuzz(): void {
  const port = parentPort as MessagePort;
  const { workload: name, modules, checkDeterminism, beat, ...task } = workerData as FuzzThreadData;
  acting.beat = beat;
  let running: Simulation | undefined;
  reportRejections({ report: (violation) => running?.run.report(violation) });
  const settle = createSettle();
  const onRun = (simulation: Simulation) => {
    running = simulation;
  };
  const loading = loadAgain(name, modules);
  const answer = async (seed: string): Promise<FuzzAnswer> => {
    const [workload, notes] = await loading;
    const context = { subject: subjectOf(workload), settle, onRun };
    const verdict = await judge(context, optionsOfSeed(task, seed), checkDeterminism);
    return { ...verdict, notes: notes.take() };
  };
  port.on('message', (seed: string) => {
    answer(seed).then(
      (verdict) => port.postMessage(verdict),
      (error: unknown) => port.postMessage({ seed, crash: error instanceof Error ? error.stack : String(error) }),
    );
  });
}

async function judge(context: FuzzContext, options: RunOptions, checkDeterminism: boolean): Promise<FuzzAnswer> {
  if (!checkDeterminism) return answerOf(await runSeed(context, options));
  const comparison = new LineComparison();
  const answer = answerOf(await runSeed(context, options, comparison.first));
  const digest = new RunDigest();
  await runSeed(context, options, both(comparison.second, digest.observer));
  return { ...answer, digest: digest.finish(), difference: comparison.difference };
}

/** Leaves out the results, which are not needed for thousands of seeds. */
function answerOf({ results, ...verdict }: SeedVerdict): FuzzAnswer {
  return { ...verdict, reason: formatVerdict(results) };
}
