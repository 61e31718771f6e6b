/** Histories that went before the checkers of the real Maelstrom, with what they said: `test/data/corpus`. */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { History } from '../../src/history/history.ts';
import type { OperationEntry } from '../../src/history/operation.ts';

const CORPUS = new URL('../data/corpus/', import.meta.url);

/** A recorded run by the name of what its nodes did, or a synthetic history by its seed. */
export interface CorpusCase {
  readonly name: string;
  readonly history: History;
  /** The result map of the real checker of the workload. */
  readonly result: CheckResult;
}

export function readCorpus(workload: string): readonly CorpusCase[] {
  const lines = gunzipSync(readFileSync(new URL(`${workload}.jsonl.gz`, CORPUS)))
    .toString('utf8')
    .split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const { name, history, result } = JSON.parse(line) as Recorded;
      return { name, history: History.of(history), result };
    });
}

interface Recorded {
  readonly name: string;
  readonly history: readonly OperationEntry[];
  readonly result: CheckResult;
}
