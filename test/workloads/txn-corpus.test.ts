/**
 * The judges of transactions against Elle itself: the verdict, the types and the counts of anomalies, and the models
 * ruled out, for every history and every model of the corpus.
 */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { isRecord } from '../../src/protocol/message.ts';
import { findJudge } from '../../src/workloads/judges.ts';
import { type CorpusCase, type ModelResult, readCorpus } from '../support/checker-corpus.ts';
import { THREE_NODES } from '../support/histories.ts';

interface Judged {
  /** Of the case, and the model asked for. */
  readonly name: string;
  readonly theirs: ModelResult;
  readonly ours: ModelResult;
}

const TIMEOUT = 'cycle-search-timeout';

function judgeCorpus(workload: string): readonly Judged[] {
  const judge = findJudge(workload);
  return readCorpus(workload).flatMap(({ name, history, byModel }: CorpusCase) =>
    Object.entries(byModel).map(([model, theirs]) => {
      const ours = judge?.checker({ strict: false, consistencyModels: [model] }).check(THREE_NODES, history);
      return { name: `${name}, ${model}`, theirs, ours: inBrief(ours, theirs) };
    }),
  );
}

/** The fields that the corpus has of a result. */
function inBrief(result: CheckResult | undefined, { counts }: ModelResult): ModelResult {
  const {
    anomalies,
    'anomaly-counts': beyondLists,
    not = [],
    'also-not': alsoNot = [],
    'anomaly-types': types = [],
  } = result as CheckResult;
  const lists = Object.entries(isRecord(anomalies) ? anomalies : {});
  const counted = lists.map(([type, found]) => [type, Array.isArray(found) ? found.length : 1]);
  return {
    'valid?': result?.['valid?'],
    'anomaly-types': types,
    not,
    'also-not': alsoNot,
    // Ours lists some of them, and counts the rest.
    ...(counts && { counts: { ...Object.fromEntries(counted), ...(beyondLists as object | undefined) } }),
  } as ModelResult;
}

/** What a valid result leaves out is empty. */
function filledIn(theirs: ModelResult): ModelResult {
  return { 'anomaly-types': [], not: [], 'also-not': [], ...theirs };
}

const isDecided = ({ theirs }: Judged) => theirs.error === undefined && theirs.counts?.[TIMEOUT] === undefined;

describe.each([
  { workload: 'txn-list-append', judgedCount: 3255, refused: { false: 381, true: 60, unknown: 11 } },
  { workload: 'txn-rw-register', judgedCount: 4418, refused: { false: 4, true: 29 } },
])('the judge of $workload', ({ workload, judgedCount, refused }) => {
  const judged = judgeCorpus(workload);

  it('says what Elle says, where Elle says something', () => {
    expect(judged).toHaveLength(judgedCount);
    const different = judged
      .filter(isDecided)
      .filter(({ theirs, ours }) => JSON.stringify(sorted(filledIn(theirs))) !== JSON.stringify(sorted(ours)));
    expect(different).toEqual([]);
  });

  it('decides where Elle throws, unless no two transactions depend on each other', () => {
    const counts: Record<string, number> = {};
    for (const { theirs, ours } of judged) {
      const verdict = String(ours['valid?']);
      if (theirs.error !== undefined) counts[verdict] = (counts[verdict] ?? 0) + 1;
    }
    expect(counts).toEqual(refused);
  });

  it('rules out the same models where Elle ran out of time', () => {
    const late = judged.filter(({ theirs }) => theirs.counts?.[TIMEOUT] !== undefined);
    expect(late.map(({ name }) => name)).toEqual(
      workload === 'txn-rw-register'
        ? []
        : [
            'lost-write, strict-serializable',
            'read-uncommitted-read-uncommitted, read-uncommitted',
            'reverse, strict-serializable',
            'stale-read, strict-serializable',
          ],
    );
    for (const { theirs, ours } of late) {
      const { 'valid?': valid, not, 'also-not': alsoNot } = theirs;
      expect(ours).toMatchObject({ 'valid?': valid, not, 'also-not': alsoNot });
    }
  });
});

/** With the fields in the order of their names. */
function sorted(value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
