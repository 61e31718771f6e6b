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
  /**
   * Of transactions, in place of it: the verdict, the types and the counts of anomalies, and the models ruled out, by
   * the model that was asked for.
   */
  readonly byModel: Readonly<Record<string, ModelResult>>;
}

export interface ModelResult {
  readonly 'valid?'?: CheckResult['valid?'];
  readonly 'anomaly-types'?: readonly string[];
  readonly not?: readonly string[];
  readonly 'also-not'?: readonly string[];
  readonly counts?: Readonly<Record<string, number>>;
  /** The real checker threw this. */
  readonly error?: string;
}

export function readCorpus(workload: string): readonly CorpusCase[] {
  const lines = gunzipSync(readFileSync(new URL(`${workload}.jsonl.gz`, CORPUS)))
    .toString('utf8')
    .split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const { name, history, result, byModel } = JSON.parse(line) as Recorded;
      return { name, history: History.of(history), result, byModel };
    });
}

interface Recorded {
  readonly name: string;
  readonly history: readonly OperationEntry[];
  readonly result: CheckResult;
  readonly byModel: Readonly<Record<string, ModelResult>>;
}
