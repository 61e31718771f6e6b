/**
 * Threads that judge seeds in parallel, one seed at a time each. A run does not depend on the thread that makes it.
 */

import { Worker } from 'node:worker_threads';
import { sharedBeat, watchSteps } from '../host/modules/watchdog.ts';
import type { FuzzAnswer, FuzzCrash, FuzzThreadData, FuzzWorkerData } from './fuzz-worker.ts';

export interface FuzzPoolOptions {
  readonly data: FuzzWorkerData;
  readonly jobs: number;
  /** The next seed; undefined: no more seeds. */
  readonly nextSeed: () => string | undefined;
  readonly onAnswer: (answer: FuzzAnswer) => void;
  /** Told what the modules of an author did. */
  readonly onNote: (text: string) => void;
}

/** A node does not return in the run of a seed. */
export class EndlessSeedError extends Error {
  override readonly name = 'EndlessSeedError';
  readonly seed: string;

  constructor(seed: string) {
    super(`seed ${seed}: a node does not return`);
    this.seed = seed;
  }
}

/** Resolves when every seed handed out is judged; rejects if a seed could not be judged. */
export async function runFuzzPool(options: FuzzPoolOptions): Promise<void> {
  const threads = Array.from({ length: options.jobs }, () => {
    const beat = sharedBeat();
    const data: FuzzThreadData = { ...options.data, beat };
    return { beat, worker: new Worker(__filename, { workerData: data }) };
  });
  const workers = threads.map(({ worker }) => worker);
  try {
    await Promise.all(threads.map((thread) => serve(thread, options)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

interface Thread {
  readonly worker: Worker;
  readonly beat: Int32Array;
}

function serve({ worker, beat }: Thread, { nextSeed, onAnswer, onNote }: FuzzPoolOptions): Promise<void> {
  let seed: string | undefined;
  let stopWatching = () => {};
  return new Promise<void>((resolve, reject) => {
    stopWatching = watchSteps(beat, () => reject(new EndlessSeedError(seed as string)));
    const handOut = () => {
      seed = nextSeed();
      if (seed === undefined) resolve();
      else worker.postMessage(seed);
    };
    worker.on('message', (answer: FuzzAnswer | FuzzCrash) => {
      if ('crash' in answer) {
        reject(new Error(`seed ${answer.seed} could not be judged: ${answer.crash}`));
        return;
      }
      for (const text of answer.notes ?? []) onNote(text);
      onAnswer(answer);
      handOut();
    });
    worker.on('error', reject);
    worker.on('exit', (status) => reject(new Error(`a thread ended with status ${status}`)));
    handOut();
  }).finally(() => stopWatching());
}
