/** The checker against definitions, on thousands of small histories. */

import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../../src/protocol/random.ts';
import { kafkaChecker } from '../../../../src/workloads/kafka/checker/kafka-checker.ts';
import { THREE_NODES } from '../../../support/histories.ts';
import { countByDefinition } from './definitions.ts';
import { randomLogHistory } from './random-logs.ts';

const HISTORIES = 600;
const KEYS = ['0', '1', '10'];
/** They depend on which of several messages at an offset counts, so logs with such offsets say nothing. */
const IN_ORDER = /poll|send/;

describe('histories of kafka from seeds', () => {
  it('have as many errors of each type as definitions say', () => {
    const found = new Map<string, number>();
    for (let seed = 0; seed < HISTORIES; seed++) {
      const history = randomLogHistory(new SeededRandom(`kafka ${seed}`));
      const result = kafkaChecker({ strict: false }).check(THREE_NODES, history);
      const defined = countByDefinition(history, KEYS);
      const isTorn = 'duplicate' in defined || 'inconsistent-offsets' in defined;
      const types = Object.keys({ ...result, ...defined }).filter(
        (type) => (type in PLAIN || IN_ORDER.test(type)) && !(isTorn && IN_ORDER.test(type)),
      );
      const counted = types.map((type) => [type, countOf(result[type])]);
      expect({ seed, counted }).toEqual({ seed, counted: types.map((type) => [type, defined[type] ?? 0]) });
      for (const [type, count] of counted)
        if (count !== 0) found.set(type as string, (found.get(type as string) ?? 0) + 1);
    }
    const seen = [...found].filter(([, histories]) => histories >= 10).map(([type]) => type);
    expect(seen.sort()).toEqual([...Object.keys(PLAIN), ...ORDERED].sort());
  });
});

const PLAIN = {
  G1a: true,
  duplicate: true,
  'inconsistent-offsets': true,
  'lost-write': true,
  'no-writer-of-value': true,
  unseen: true,
};
const ORDERED = ['int-nonmonotonic-poll', 'int-poll-skip', 'nonmonotonic-poll', 'nonmonotonic-send', 'poll-skip'];

function countOf(report: unknown): number {
  const { count, unseen = {} } = (report ?? {}) as { count?: number; unseen?: Record<string, number> };
  return count ?? Object.values(unseen).reduce((sum, number) => sum + number, 0);
}
