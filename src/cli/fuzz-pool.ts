/**
 * Threads that judge seeds in parallel, one seed at a time each. A run does not depend on the thread that makes it.
 */

import { Worker } from 'node:worker_threads';
import type { FuzzAnswer, FuzzCrash, FuzzWorkerData } from './fuzz-worker.ts';

export interface FuzzPoolOptions {
  readonly data: FuzzWorkerData;
  readonly jobs: number;
  /** The next seed; undefined: no more seeds. */
  readonly nextSeed: () => string | undefined;
  readonly onAnswer: (answer: FuzzAnswer) => void;
  /** Told what the modules of an author did. */
  readonly onNote: (text: string) => void;
}

/** Resolves when every seed handed out is judged; rejects if a seed could not be judged. */
export async function runFuzzPool(options: FuzzPoolOptions): Promise<void> {
  const workers = Array.from({ length: options.jobs }, () => new Worker(__filename, { workerData: options.data }));
  try {
    await Promise.all(workers.map((worker) => serve(worker, options)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function serve(worker: Worker, { nextSeed, onAnswer, onNote }: FuzzPoolOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const handOut = () => {
      const seed = nextSeed();
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
  });
}
