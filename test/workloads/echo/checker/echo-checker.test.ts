/** Echo: what comes back is what was sent. */

import { describe, expect, it } from 'vitest';
import { compose } from '../../../../src/checkers/checker.ts';
import type { History } from '../../../../src/history/history.ts';
import { parseExact } from '../../../../src/protocol/exact-json.ts';
import { echoChecker } from '../../../../src/workloads/echo/checker/echo-checker.ts';
import {
  fail,
  type HandwrittenOperation,
  handwritten,
  info,
  invoke,
  nemesis,
  ok,
  THREE_NODES,
  withoutEvidence,
} from '../../../support/histories.ts';

const VALID = { 'valid?': true, 'error-count': 0, errors: [] };

function check(history: History) {
  return withoutEvidence(echoChecker().check(THREE_NODES, history));
}

function answer(echo: unknown): unknown {
  return { type: 'echo_ok', in_reply_to: 1, echo };
}

function rejection(sent: unknown, received: unknown) {
  return {
    'valid?': false,
    'error-count': 1,
    errors: [['Expected a message with :echo', sent, 'But received', received]],
  };
}

describe('echo', () => {
  it('accepts a run without operations', () => {
    expect(check(handwritten())).toEqual(VALID);
    expect(check(handwritten(nemesis('start-partition', 'one')))).toEqual(VALID);
  });

  it('accepts what comes back as it was sent, with operations interleaved', () => {
    const history = handwritten(
      invoke(0, 'echo', 'a'),
      invoke(1, 'echo', { deep: [1, null, 'x'] }),
      nemesis('start-partition', 'one'),
      ok(1, 'echo', answer({ deep: [1, null, 'x'] })),
      ok(0, 'echo', answer('a')),
      invoke(0, 'echo', null),
      ok(0, 'echo', answer(null)),
      invoke(1, 'echo', { b: 1, a: 2 }),
      ok(1, 'echo', answer({ a: 2, b: 1 })),
    );
    expect(check(history)).toEqual(VALID);
  });

  it('accepts an indefinite end and none at all', () => {
    expect(check(handwritten(invoke(0, 'echo', 'a'), info(0, 'echo', 'a'), invoke(1, 'echo', 'b')))).toEqual(VALID);
  });

  it('rejects another echo', () => {
    const history = handwritten(invoke(0, 'echo', 'a'), ok(0, 'echo', answer('b')));
    expect(check(history)).toEqual(rejection('a', answer('b')));
  });

  it("rejects another client's echo", () => {
    const history = handwritten(
      invoke(0, 'echo', 'a'),
      invoke(1, 'echo', 'b'),
      ok(0, 'echo', answer('b')),
      invoke(0, 'echo', 'c'),
      ok(1, 'echo', answer('b')),
      ok(0, 'echo', answer('c')),
    );
    expect(check(history)).toEqual(rejection('a', answer('b')));
  });

  it('rejects a reply without an echo', () => {
    const body = { type: 'echo_ok', in_reply_to: 1 };
    expect(check(handwritten(invoke(0, 'echo', 'a'), ok(0, 'echo', body)))).toEqual(rejection('a', body));
    expect(check(handwritten(invoke(0, 'echo', 'a'), ok(0, 'echo', 'a')))).toEqual(rejection('a', 'a'));
    expect(check(handwritten(invoke(0, 'echo', 'a'), ok(0, 'echo', null)))).toEqual(rejection('a', null));
  });

  it('rejects 1.0 for 1', () => {
    const body = parseExact('{"type": "echo_ok", "in_reply_to": 1, "echo": {"n": [1.0]}}');
    expect(check(handwritten(invoke(0, 'echo', { n: [1] }), ok(0, 'echo', body)))).toEqual(rejection({ n: [1] }, body));
  });

  it('rejects the text of a number for the number', () => {
    expect(check(handwritten(invoke(0, 'echo', 1), ok(0, 'echo', answer('1'))))).toEqual(rejection(1, answer('1')));
  });

  it('rejects a definite failure, as Maelstrom does', () => {
    expect(check(handwritten(invoke(0, 'echo', 'a'), fail(0, 'echo', 'a')))).toEqual({
      ...rejection('a', 'a'),
      'refused-count': 1,
    });
  });

  it('counts all errors and lists 48', () => {
    const operations: HandwrittenOperation[] = [];
    for (let number = 0; number < 100; number++)
      operations.push(invoke(0, 'echo', number), ok(0, 'echo', answer('no')));
    const result = check(handwritten(...operations));
    expect(result).toMatchObject({ 'valid?': false, 'error-count': 100 });
    expect((result.errors as unknown[][]).map((error) => error[1])).toEqual(
      Array.from({ length: 48 }, (_, number) => number),
    );
  });

  it('finds a history unknown in which a process overlaps itself or completes nothing', () => {
    const checker = compose({ echo: echoChecker() });
    expect(checker.check(THREE_NODES, handwritten(invoke(0, 'echo', 'a'), invoke(0, 'echo', 'b')))['valid?']).toBe(
      'unknown',
    );
    expect(checker.check(THREE_NODES, handwritten(ok(0, 'echo', answer('a'))))['valid?']).toBe('unknown');
  });
});

describe('what proves wrong echoes', () => {
  const evidence = (...operations: readonly HandwrittenOperation[]) => {
    const { proofs, summary } = echoChecker().check(THREE_NODES, handwritten(...operations));
    return { proofs, summary };
  };
  const wrong = [invoke(0, 'echo', 'a'), ok(0, 'echo', { echo: parseExact('9007199254740993') })];
  const refused = [invoke(1, 'echo', 'b'), fail(1, 'echo', 'b')];
  const right = [invoke(2, 'echo', 'c'), ok(2, 'echo', answer('c'))];
  const WRONG = 'A refused echo counts as a wrong answer.';

  it('is nothing in a valid run', () => {
    expect(evidence(...right)).toEqual({});
  });

  it('is the wrong answer, with what it answers', () => {
    expect(evidence(...right, ...wrong)).toEqual({
      proofs: [
        {
          problem: '{"echo":9007199254740993} was answered to "a"',
          facts: {},
          operations: [3],
          operationCount: 1,
        },
      ],
      summary: '1 answer was wrong, for instance {"echo":9007199254740993} to "a".',
    });
    expect(evidence(...wrong, ...wrong).summary).toBe(
      '2 answers were wrong, for instance {"echo":9007199254740993} to "a".',
    );
  });

  it('tells the first of several wrong answers', () => {
    const other = [invoke(0, 'echo', 'z'), ok(0, 'echo', 'y')];
    const { proofs, summary } = evidence(...wrong, ...other);
    expect(proofs?.map(({ operations }) => operations)).toEqual([[1], [3]]);
    expect(summary).toBe('2 answers were wrong, for instance {"echo":9007199254740993} to "a".');
  });

  it('is one proof for all that were refused', () => {
    expect(evidence(...wrong, ...refused)).toMatchObject({
      proofs: [{ rule: 'refused', problem: '1 echo was refused', operations: [3], operationCount: 1 }, {}],
      summary: `1 answer was wrong, for instance {"echo":9007199254740993} to "a". 1 echo was refused. ${WRONG}`,
    });
    const { proofs, summary } = evidence(...Array.from({ length: 40 }, () => refused).flat());
    expect(summary).toBe(`40 echoes were refused. ${WRONG}`);
    expect(proofs).toMatchObject([{ problem: '40 echoes were refused', operationCount: 40 }]);
    expect(proofs?.[0]?.operations).toEqual(Array.from({ length: 16 }, (_, index) => 2 * index + 1));
    expect(proofs?.[0]?.facts).toEqual({});
  });

  const refusedWith = (...error: readonly unknown[]) => [invoke(1, 'echo', 'b'), { ...fail(1, 'echo', 'b'), error }];

  it('has the error, where all were refused with one', () => {
    const { proofs, summary } = evidence(...refusedWith('abort', null));
    expect(proofs?.[0]?.facts).toEqual({ errors: { 'error 14 (abort)': { count: 1 } } });
    expect(summary).toBe(`1 echo was refused with error 14 (abort). ${WRONG}`);
  });

  it('has all errors of what was refused, and tells three of them', () => {
    const names = ['timeout', 'not-supported', 'abort', 'crash'];
    const { proofs, summary } = evidence(...names.flatMap((name) => refusedWith(name, null)));
    const errors = ['error 0 (timeout)', 'error 10 (not-supported)', 'error 14 (abort)', 'error 13 (crash)'];
    expect(proofs?.[0]?.facts).toEqual({ errors: Object.fromEntries(errors.map((what) => [what, { count: 1 }])) });
    const told = errors.slice(0, 3).map((what) => `1 echo was refused with ${what}.`);
    expect(summary).toBe(`${told.join(' ')} ${WRONG}`);
  });

  it('tells the errors of what was refused, the most frequent first', () => {
    const busy = refusedWith('temporarily-unavailable', 'busy');
    const { proofs, summary } = evidence(...refusedWith('not-supported', null), ...busy, ...busy);
    expect(summary).toBe(
      '2 echoes were refused with error 11 (temporarily-unavailable), for instance "busy". ' +
        `1 echo was refused with error 10 (not-supported). ${WRONG}`,
    );
    expect(proofs?.[0]?.facts).toEqual({
      errors: {
        'error 10 (not-supported)': { count: 1 },
        'error 11 (temporarily-unavailable)': { count: 2, text: 'busy' },
      },
    });
  });

  it('is two dozen proofs at most, and quotes the beginning of long values', () => {
    const long = 'x'.repeat(1000);
    const many = Array.from({ length: 40 }, () => [invoke(0, 'echo', long), ok(0, 'echo', long)]).flat();
    const { proofs, summary } = evidence(...many);
    expect(proofs).toHaveLength(24);
    expect(proofs?.[0]?.problem).toBe(`"${'x'.repeat(159)}… was answered to "${'x'.repeat(159)}…`);
    expect(summary).toBe(`40 answers were wrong, for instance "${'x'.repeat(199)}… to "${'x'.repeat(199)}….`);
  });
});
