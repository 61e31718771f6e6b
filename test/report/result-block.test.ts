import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { parseExact } from '../../src/protocol/exact-json.ts';
import { formatResults, formatVerdict } from '../../src/report/result-block.ts';

function block(results: Omit<CheckResult, 'valid?'>): string[] {
  return formatResults(results as CheckResult).split('\n');
}

/** The verdict on an invalid run with these results. */
function invalid(results: Readonly<Record<string, CheckResult>>): string {
  return formatVerdict({ ...results, 'valid?': false });
}

const BAD = { 'valid?': false } as const;

describe('the result block', () => {
  it('has a small result on one line and a nested one on lines of its own', () => {
    const counts = { count: 3, 'ok-count': 2 };
    expect(
      block({ availability: { 'valid?': true, 'ok-fraction': 2 / 3 }, stats: { ...counts, 'by-f': { echo: counts } } }),
    ).toEqual([
      'availability    valid? true, ok-fraction 0.666667',
      'stats',
      '  count         3',
      '  ok-count      2',
      '  by-f',
      '    echo        count 3, ok-count 2',
    ]);
  });

  it('says "none" for what is empty', () => {
    expect(block({ workload: { duplicated: {}, errors: [], range: [null, null], text: '' } })).toEqual([
      'workload',
      '  duplicated    none',
      '  errors        none',
      '  range         [null,null]',
      '  text          ',
    ]);
  });

  it('puts the values below each other when a name is long', () => {
    expect(block({ faults: { 'partition-seconds': 1.5, started: {} } })).toEqual([
      'faults',
      '  partition-seconds  1.5',
      '  started            none',
    ]);
  });

  it('cuts long lists and maps, and says how much is left out', () => {
    const violations = Array.from({ length: 10 }, (_, index) => ({ index }));
    const duplicated = Object.fromEntries(
      violations.map(({ index }) => [`id-${index}`, 2]).concat(Array.from({ length: 10 }, (_, n) => [`more-${n}`, 2])),
    );
    const lines = block({ violations, duplicated });
    expect(lines.slice(0, 2)).toEqual(['violations', '  - {"index":0}']);
    expect(lines.slice(8, 11)).toEqual(['  - {"index":7}', '  … and 2 more', 'duplicated']);
    expect(lines.slice(-2)).toEqual(['  id-7          2', '  … and 12 more']);
  });

  it('keeps every digit of big integers, and control characters off the terminal', () => {
    expect(
      block({ range: parseExact('[9007199254740993,9007199254740995]'), errors: [{ line: '\x1b[2J\x9b' }] }),
    ).toEqual(['range           [9007199254740993,9007199254740995]', 'errors', '  - {"line":"\\u001b[2J\\u009b"}']);
    expect(block({ error: 'one\ntwo', 'k\x07': 1 })).toEqual(['error           one ⏎ two', 'k\\u0007         1']);
  });
});

describe('the verdict', () => {
  it('is one sentence when all is well', () => {
    expect(formatVerdict({ stats: { 'valid?': true }, 'valid?': true })).toBe(
      'Everything looks good! The run is valid.',
    );
  });

  it('says that nobody can tell, and why', () => {
    const stats = { 'valid?': 'unknown', error: 'no operation was completed', count: 0, 'by-f': {} } as const;
    expect(formatVerdict({ stats, 'valid?': 'unknown' })).toBe(
      'Nobody can tell: the run is of unknown validity. No operation was completed.',
    );
  });

  it('has the breach of the protocol first, with the line, for it may explain the rest', () => {
    const violations = [
      { node: 'n0', rule: 'json', text: 'n0 printed a line that is not JSON', line: 'debug' },
      { text: 'other' },
    ];
    const stats = { ...BAD, count: 2, 'by-f': { echo: BAD, other: { 'valid?': true } } };
    const availability = { ...BAD, 'ok-fraction': 0.25 };
    expect(invalid({ stats, availability, protocol: { ...BAD, count: 7, violations } })).toBe(
      'The run is INVALID. n0 printed a line that is not JSON: debug (the first of 7 breaches of the protocol). ' +
        'Only 0.25 of all operations were ok. No operation of the kind "echo" ever succeeded.',
    );
  });

  it('shows a breach without a line, and one with a line of blanks, without a colon', () => {
    for (const line of [undefined, ' ']) {
      const violations = [{ text: 'n1 ended by itself: exit status 3', line }];
      expect(invalid({ protocol: { ...BAD, count: 1, violations } })).toBe(
        'The run is INVALID. n1 ended by itself: exit status 3.',
      );
    }
  });

  it('stays one line of bearable length, whatever a node printed', () => {
    const violations = [{ text: 'bad', line: `\x1b[2J\n${'x'.repeat(10_000)}` }];
    const verdict = invalid({ protocol: { ...BAD, count: 1, violations } });
    expect(verdict).toContain('bad: \\u001b[2J ⏎ xxx');
    expect(verdict).toMatch(/x…\.$/);
    expect(verdict.length).toBeLessThan(300);
  });

  it('gives an example of ids that were given out twice, even if they cannot be compared', () => {
    const workload = { ...BAD, 'duplicated-count': 2, duplicated: { 'n0-9': 2, 'n0-19': 2 }, error: 'not comparable' };
    expect(invalid({ workload })).toBe('The run is INVALID. 2 ids were given out more than once, for instance n0-9.');
    expect(invalid({ workload: { ...workload, 'duplicated-count': 1 } })).toContain(
      ' 1 id was given out more than once',
    );
  });

  it('gives an example of wrong answers', () => {
    const errors = [['Expected a message with :echo', 'a', 'But received', { echo: parseExact('9007199254740993') }]];
    expect(invalid({ workload: { ...BAD, 'error-count': 1, errors } })).toBe(
      'The run is INVALID. 1 answer was wrong, for instance {"echo":9007199254740993} to "a".',
    );
  });

  describe('on a run in which errors were answered', () => {
    const errors = {
      'error 10 (not-supported)': { count: 300, text: 'unknown type' },
      'error 1234': { count: 1 },
    };
    const never = 'No operation of the kind "echo" ever succeeded.';
    const answered =
      '300 requests "echo" were answered with error 10 (not-supported), for instance "unknown type". ' +
      '1 request "echo" was answered with error 1234.';

    it('tells them, the most frequent first', () => {
      const stats = { ...BAD, count: 301, 'by-f': { echo: { ...BAD, errors }, read: { 'valid?': true, errors } } };
      expect(invalid({ stats })).toBe(`The run is INVALID. ${answered} ${never}`);
    });

    it('tells three kinds at most', () => {
      const many = Object.fromEntries(
        Array.from({ length: 9 }, (_, code) => [`error 100${code}`, { count: code + 1 }]),
      );
      const stats = { ...BAD, count: 45, 'by-f': { echo: { ...BAD, errors: many } } };
      const told = [9, 8, 7].map((count) => `${count} requests "echo" were answered with error 100${count - 1}. `);
      expect(invalid({ stats })).toBe(`The run is INVALID. ${told.join('')}${never}`);
    });

    it('tells those of what works as well where too little was ok', () => {
      const stats = { 'valid?': true, count: 301, 'by-f': { echo: { 'valid?': true, errors } } } as const;
      expect(invalid({ stats, availability: { ...BAD, 'ok-fraction': 0.5 } })).toBe(
        `The run is INVALID. ${answered} Only 0.5 of all operations were ok.`,
      );
      expect(invalid({ stats, order: BAD })).toBe('The run is INVALID. The checker order says false.');
    });

    it('tells refused echoes from wrong ones', () => {
      const stats = { 'valid?': true, count: 301, 'by-f': { echo: { 'valid?': true, errors } } } as const;
      const refusal = ['Expected a message with :echo', 'a', 'But received', 'a'];
      const wrong = ['Expected a message with :echo', 'b', 'But received', { echo: 'c' }];
      const workload = { ...BAD, 'error-count': 302, 'refused-count': 300, errors: [refusal, wrong] };
      const refused = '300 echoes were refused, and a refused echo counts as a wrong answer.';
      expect(invalid({ stats, workload })).toBe(
        `The run is INVALID. ${answered} 2 answers were wrong, for instance {"echo":"c"} to "b". ${refused}`,
      );
      expect(invalid({ workload: { ...workload, 'error-count': 300, errors: [refusal] } })).toBe(
        `The run is INVALID. ${refused}`,
      );
      expect(invalid({ workload: { ...workload, 'error-count': 301, errors: [refusal] } })).toBe(
        `The run is INVALID. 1 answer was wrong. ${refused}`,
      );
    });
  });

  it('tells what services did not understand, unless all is well', () => {
    const requests = [{ text: 'n0 sent lin-kv a request of the type "delete"', line: '{"type":"delete"}', count: 1 }];
    const services = { 'valid?': true, count: 1, requests } as const;
    expect(invalid({ services, recovery: BAD })).toBe(
      'The run is INVALID. n0 sent lin-kv a request of the type "delete": {"type":"delete"}. The checker recovery says false.',
    );
    expect(formatVerdict({ services, 'valid?': true })).toBe('Everything looks good! The run is valid.');
  });

  it('shows what cannot be seen', () => {
    const violations = [{ text: 'bad', line: '\ufeff{"a":\u00a01}' }];
    expect(invalid({ protocol: { ...BAD, count: 1, violations } })).toBe(
      'The run is INVALID. bad: \\ufeff{"a":\\u00a01}.',
    );
  });

  it('says what went wrong within a checker, in one sentence, and names one it does not know', () => {
    const crashed = { 'valid?': 'unknown', error: 'Error: process 1 overlaps itself\n    at pairs.ts:1' } as const;
    const order = { 'valid?': false } as const;
    expect(formatVerdict({ latency: crashed, workload: crashed, order, 'valid?': false })).toBe(
      'The run is INVALID. Error: process 1 overlaps itself. Error: process 1 overlaps itself. The checker order says false.',
    );
  });
});
