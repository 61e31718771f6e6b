/** Every judge against the corpus of real verdicts: every field of every result. */

import { describe, expect, it } from 'vitest';
import { findJudge, JUDGED_WORKLOADS } from '../../src/workloads/judges.ts';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import { readCorpus } from '../support/checker-corpus.ts';
import { THREE_NODES, withoutEvidence } from '../support/histories.ts';

describe.each(['broadcast', 'g-set', 'g-counter', 'pn-counter'])('the judge of %s', (workload) => {
  it.each(readCorpus(workload))('says what the real one says: $name', ({ history, result }) => {
    const judge = findJudge(workload)?.checker({ strict: false });
    const { beyond: _, ...ours } = withoutEvidence(judge?.check(THREE_NODES, history));
    expect(ours).toEqual(result);
  });
});

describe('judges', () => {
  it('are there for every workload of ours', () => {
    expect(WORKLOADS.filter(({ name }) => findJudge(name) === undefined)).toEqual([]);
  });

  it('have a name each', () => {
    expect(new Set(JUDGED_WORKLOADS).size).toBe(JUDGED_WORKLOADS.length);
  });
});
