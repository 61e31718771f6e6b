import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { parseExact } from '../../src/protocol/exact-json.ts';
import { formatAdvice, formatResults, formatVerdict, formatWarnings } from '../../src/report/result-block.ts';

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

  it('shows long lists of numbers and long values by their ends', () => {
    const lost = Array.from({ length: 10_000 }, (_, index) => index);
    const read = { type: 'ok', f: 'read', value: lost };
    const shown = '[0,1,2,…,9997,9998,9999] (10000 elements)';
    expect(block({ workload: { lost, short: [1, 2, 3], errs: [read] } })).toEqual([
      'workload',
      `  lost          ${shown}`,
      '  short         [1,2,3]',
      '  errs',
      `    - {"type":"ok","f":"read","value":${shown}}`,
    ]);
  });

  it('counts what a checker left out of a list or a map as well', () => {
    const examples = Array.from({ length: 8 }, (_, index) => ({ index }));
    const duplicated = Object.fromEntries(Array.from({ length: 48 }, (_, index) => [`id-${index}`, 2]));
    const lines = block({
      rule: { count: 120, examples },
      all: { count: 8, examples },
      workload: { 'duplicated-count': 300, duplicated, 'worst-count': 10, worst: examples },
    });
    expect(lines.filter((line) => line.includes('…'))).toEqual([
      '    … and 112 more',
      '    … and 292 more',
      '    … and 2 more',
    ]);
  });

  it('counts anomalies of a type that are not listed', () => {
    const G1a = Array.from({ length: 9 }, (_, element) => ({ element }));
    const result = { 'anomaly-counts': { G1a: 590 }, anomalies: { G1a, internal: G1a } };
    const lines = block({ workload: result });
    expect(lines.filter((line) => line.includes('…'))).toEqual(['      … and 582 more', '      … and 1 more']);
  });

  it('has quantiles in ascending order', () => {
    expect(block({ latencies: { 0: 1, 0.5: 2, 0.95: 3, 1: 4 } })).toEqual(['latencies       0 1, 0.5 2, 0.95 3, 1 4']);
  });

  it('keeps every digit of big integers, and control characters off the terminal', () => {
    expect(
      block({ range: parseExact('[9007199254740993,9007199254740995]'), errors: [{ line: '\x1b[2J\x9b' }] }),
    ).toEqual(['range           [9007199254740993,9007199254740995]', 'errors', '  - {"line":"\\u001b[2J\\u009b"}']);
    expect(block({ error: 'one\ntwo', 'k\x07': 1 })).toEqual(['error           one ⏎ two', 'k\\u0007         1']);
  });

  it('leaves out proofs and summaries, of all checkers or of one', () => {
    const proofs = [{ problem: 'bad', facts: {}, operations: [1], operationCount: 1 }];
    const workload = { ...BAD, count: 3, proofs, summary: 'It was bad.' } as const;
    expect(block({ workload, detail: { summary: 'kept' } })).toEqual([
      'workload        valid? false, count 3',
      'detail          summary kept',
    ]);
    expect(block(workload)).toEqual(['valid?          false', 'count           3']);
  });
});

describe('the warnings', () => {
  it('tell what the clients left alone, and nothing of a run without it', () => {
    const clients = { 'valid?': true, count: 3, warning: 'No client talked to n2.' } as const;
    expect(formatWarnings({ clients, 'valid?': true })).toBe('Warning: No client talked to n2.\n');
    expect(formatWarnings({ clients: { 'valid?': true }, 'valid?': true })).toBe('');
    expect(block({ clients })).toEqual(['clients         valid? true, count 3']);
  });
});

describe('the verdict', () => {
  it('is one sentence when all is well', () => {
    expect(formatVerdict({ stats: { 'valid?': true }, 'valid?': true })).toBe(
      'Everything looks good! The run is valid.',
    );
  });

  it('says that it is unknown, and why', () => {
    const stats = { 'valid?': 'unknown', summary: 'No operation was completed.', count: 0, 'by-f': {} } as const;
    expect(formatVerdict({ stats, 'valid?': 'unknown' })).toBe('Verdict unknown. No operation was completed.');
  });

  it('has the summary of the protocol first, for it may explain the rest', () => {
    const results = {
      stats: { ...BAD, summary: 'No operation succeeded.' },
      other: { ...BAD, summary: 'Other.' },
      availability: { ...BAD, summary: 'Only 0.25 were ok.' },
      workload: { ...BAD, summary: '1 answer was wrong.' },
      protocol: { ...BAD, summary: 'n0 printed a line that is not JSON: debug.' },
    };
    expect(invalid(results)).toBe(
      'The run is INVALID. n0 printed a line that is not JSON: debug. 1 answer was wrong. ' +
        'Only 0.25 were ok. No operation succeeded. Other.',
    );
  });

  it('is one line, for all output of nodes', () => {
    const protocol = { ...BAD, summary: 'bad: \x1b[2J\n\ufeff{"a":\u00a01}.' };
    expect(invalid({ protocol })).toBe('The run is INVALID. bad: \\u001b[2J ⏎ \\ufeff{"a":\\u00a01}.');
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
      const byF = { echo: { ...BAD, errors }, read: { 'valid?': true, errors } };
      const stats = { ...BAD, summary: never, 'by-f': byF };
      expect(invalid({ stats })).toBe(`The run is INVALID. ${answered} ${never}`);
    });

    it('tells three kinds at most', () => {
      const many = Object.fromEntries(
        Array.from({ length: 9 }, (_, code) => [`error 100${code}`, { count: code + 1 }]),
      );
      const stats = { ...BAD, summary: never, 'by-f': { echo: { ...BAD, errors: many } } };
      const told = [9, 8, 7].map((count) => `${count} requests "echo" were answered with error 100${count - 1}. `);
      expect(invalid({ stats })).toBe(`The run is INVALID. ${told.join('')}${never}`);
    });

    it('tells those of what works as well where too little was ok', () => {
      const stats = { 'valid?': true, count: 301, 'by-f': { echo: { 'valid?': true, errors } } } as const;
      expect(invalid({ stats, availability: { ...BAD, summary: 'Only 0.5 of all operations were ok.' } })).toBe(
        `The run is INVALID. ${answered} Only 0.5 of all operations were ok.`,
      );
      expect(invalid({ stats, order: BAD })).toBe('The run is INVALID. The checker order says false.');
    });

    it('leaves those out with which nodes refused what the workload counts as wrong: its summary tells them', () => {
      const refusal = 'error 10 (not-supported)';
      const proof = {
        problem: 'bad',
        facts: { errors: { [refusal]: { count: 420 } } },
        operations: [],
        operationCount: 0,
      };
      const workload = { ...BAD, summary: '420 echoes were refused.', proofs: [{ ...proof, rule: 'refused' }] };
      const stats = { ...BAD, summary: never, 'by-f': { echo: { ...BAD, errors } } };
      const other = '1 request "echo" was answered with error 1234.';
      expect(invalid({ stats, workload })).toBe(`The run is INVALID. ${other} 420 echoes were refused. ${never}`);
      expect(invalid({ stats, workload: { ...workload, proofs: [proof] } })).toBe(
        `The run is INVALID. ${answered} 420 echoes were refused. ${never}`,
      );
    });
  });

  it('tells what services did not understand, unless all is well', () => {
    const summary = 'n0 sent lin-kv a request of the type "delete": {"type":"delete"}.';
    const services = { 'valid?': true, count: 1, summary } as const;
    expect(invalid({ services, recovery: BAD })).toBe(
      'The run is INVALID. n0 sent lin-kv a request of the type "delete": {"type":"delete"}. The checker recovery says false.',
    );
    expect(formatVerdict({ services, 'valid?': true })).toBe('Everything looks good! The run is valid.');
  });

  it('says what went wrong within a checker, in one sentence, and names one it does not know', () => {
    const crashed = { 'valid?': 'unknown', error: 'Error: process 1 overlaps itself\n    at pairs.ts:1' } as const;
    const order = { 'valid?': false } as const;
    expect(formatVerdict({ latency: crashed, workload: crashed, order, 'valid?': false })).toBe(
      'The run is INVALID. Error: process 1 overlaps itself. Error: process 1 overlaps itself. The checker order says false.',
    );
  });

  it('does not ask a result for a verdict that it does not have', () => {
    expect(formatVerdict({ stats: { count: 2 }, workload: { 'valid?': false, error: 'lost' }, 'valid?': false })).toBe(
      'The run is INVALID. Lost.',
    );
  });
});

describe('advice', () => {
  const cas = { 'valid?': false, count: 3, 'ok-count': 0, 'fail-count': 3, 'info-count': 0 };
  const read = { 'valid?': true, count: 20, 'ok-count': 20, 'fail-count': 0, 'info-count': 0 };

  it('is given where a kind of operation never succeeded, and others did', () => {
    const stats = { 'valid?': false, count: 23, 'ok-count': 20, 'by-f': { cas, read } } as const;
    expect(formatAdvice({ stats, 'valid?': false })).toBe(
      'Advice: of 3 "cas" none succeeded. In a short run that may be chance: make it longer (--time-limit), or ask more often (--rate).\n',
    );
  });

  it('is not given where all is well, where nothing works, and where faults left no chance', () => {
    const stats = { 'valid?': true, count: 20, 'ok-count': 20, 'by-f': { read } } as const;
    expect(formatAdvice({ stats, 'valid?': true })).toBe('');
    expect(formatAdvice({ stats: { ...stats, 'ok-count': 0, 'by-f': { cas } }, 'valid?': false })).toBe('');
    const blocked = { ...cas, 'valid?': 'unknown' } as const;
    expect(formatAdvice({ stats: { ...stats, 'by-f': { blocked, read } }, 'valid?': 'unknown' })).toBe('');
    expect(formatAdvice({ 'valid?': true })).toBe('');
  });
});
