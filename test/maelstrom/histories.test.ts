/**
 * The histories in `maelstrom/test/histories` through the checkers here. Where they come from and what is in a file is
 * told in the README beside them; `histories.slow.test.ts` asks the checkers inside of Maelstrom.
 */

import { describe, expect, it } from 'vitest';
import { handwritten } from '../support/histories.ts';
import { CHECKERS, judge, rulesOf, SHARED } from '../support/shared-histories.ts';

/** Only our harness asks for feeds of assignments. Their rules are in `test/workloads/ids/checker`. */
const OF_FEEDS = /^ids (feed-|group-)/;

describe('the shared histories', () => {
  it('are of all workloads, and break every rule of both checkers', () => {
    const broken = new Set(
      SHARED.flatMap(({ workload, expected }) => expected.broken.map((rule) => `${workload} ${rule}`)),
    );
    const rules = Object.entries(CHECKERS).flatMap(([workload, checker]) =>
      Object.entries(checker.check({ nodes: [], concurrency: 1 }, handwritten()))
        .filter(([, value]) => typeof value === 'object')
        .map(([rule]) => `${workload} ${rule}`),
    );
    expect([...broken].sort()).toEqual(rules.filter((rule) => !OF_FEEDS.test(rule)).sort());
    for (const workload of Object.keys(CHECKERS)) {
      const verdicts = SHARED.filter((shared) => shared.workload === workload).map(
        ({ expected }) => expected['valid?'],
      );
      expect(new Set(verdicts)).toEqual(new Set([true, false, 'unknown']));
    }
  });

  it.each(SHARED.map((shared) => [shared.file, shared] as const))('%s', (_file, shared) => {
    const verdict = judge(shared);
    expect(verdict['valid?']).toBe(shared.expected['valid?']);
    expect(rulesOf(verdict)).toEqual([...shared.expected.broken].sort());
  });
});
