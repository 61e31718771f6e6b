/**
 * Histories for tests: read from the recordings of real runs in `test/data/histories`, or written by hand.
 *
 * A handwritten operation happens one millisecond after the one before it, unless it says when.
 */

import { readFileSync } from 'node:fs';
import type { CheckResult, TestFacts } from '../../src/checkers/checker.ts';
import { History } from '../../src/history/history.ts';
import { NEMESIS, type OperationEntry, type OperationType } from '../../src/history/operation.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;
const RECORDINGS = new URL('../data/histories/', import.meta.url);

/** Reads a `history.jsonl`: one operation a line, as Jepsen numbered them. */
export function readHistoryFile(file: string | URL): History {
  const lines = readFileSync(file, 'utf8').split('\n');
  return History.of(lines.filter((line) => line !== '').map((line) => JSON.parse(line) as OperationEntry));
}

/** A run of the real harness: its history and the results it came to. */
export function readRecording(name: string): { history: History; results: Record<string, CheckResult> } {
  const folder = new URL(`${name}/`, RECORDINGS);
  const results = JSON.parse(readFileSync(new URL('results.json', folder), 'utf8')) as Record<string, CheckResult>;
  return { history: readHistoryFile(new URL('history.jsonl', folder)), results };
}

/** The fields that Jepsen's results have too: without what ours say for people beside them. */
export function withoutEvidence(result: CheckResult | undefined): CheckResult {
  if (result === undefined) throw new Error('there is no such result');
  const { proofs: _proofs, summary: _summary, ...recorded } = result;
  return recorded as CheckResult;
}

/** Three nodes and a worker for each. */
export const THREE_NODES: TestFacts = { nodes: ['n0', 'n1', 'n2'], concurrency: 3 };

export type HandwrittenOperation = Omit<OperationEntry, 'time'> & { readonly atMs?: number };

export function handwritten(...operations: readonly HandwrittenOperation[]): History {
  return History.of(
    operations.map(({ atMs, ...operation }, index) => ({
      ...operation,
      time: (atMs ?? index) * NANOSECONDS_PER_MILLISECOND,
    })),
  );
}

export const invoke = operationOf('invoke');
export const ok = operationOf('ok');
export const fail = operationOf('fail');
export const info = operationOf('info');

/** What the nemesis writes. */
export function nemesis(f: string, value: unknown = null, atMs?: number): HandwrittenOperation {
  return info(NEMESIS, f, value, atMs);
}

function operationOf(type: OperationType) {
  return (
    process: OperationEntry['process'],
    f: string,
    value: unknown = null,
    atMs?: number,
  ): HandwrittenOperation => ({
    type,
    process,
    f,
    value,
    ...(atMs === undefined ? {} : { atMs }),
  });
}
