import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { setFullChecker } from '../../src/checkers/set-full.ts';
import { History } from '../../src/history/history.ts';
import { renderPage } from '../../src/report/page.ts';
import type { RunRecord } from '../../src/report/run-record.ts';
import { echoChecker } from '../../src/workloads/echo/checker/echo-checker.ts';
import { uniqueIdsChecker } from '../../src/workloads/unique-ids/checker/unique-ids-checker.ts';
import { fail, handwritten, info, invoke, nemesis, ok, readRecording } from '../support/histories.ts';
import { openPage } from '../support/pages.ts';
import { ASSETS, longHistory, message, messagesOf, recordOf } from '../support/records.ts';
import { type MarkupElement, readMarkup } from '../support/strict-markup.ts';

const RECORDINGS = [
  'echo-garbage',
  'echo-wrong',
  'unique-ids-duplicates',
  'unique-ids-partition',
  'unique-ids-unavailable',
];

function recordOfRecording(name: string): RunRecord {
  const { history, results } = readRecording(name);
  return recordOf(history, { results: results as unknown as CheckResult, concurrency: 2, nodes: ['n0', 'n1', 'n2'] });
}

const titles = (root: MarkupElement) => root.texts('h2');

describe('a page', () => {
  it('forbids everything from outside before anything else is read', () => {
    const [, head] = openPage(recordOf(new History())).one('html').all('head')[0]?.all('meta') ?? [];
    expect(head?.attributes.get('http-equiv')).toBe('Content-Security-Policy');
    const policy = (head?.attributes.get('content') ?? '').split('; ');
    expect(policy[0]).toBe("default-src 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).toContain("form-action 'none'");
    expect(policy.join()).not.toMatch(/https?:|\*|'self'|unsafe-eval/);
  });

  it('holds style and script, which cannot end it', () => {
    const assets = { style: '/* </style> */', script: 'const text = "</script><b>";' };
    const root = readMarkup(renderPage(recordOf(new History()), assets));
    expect(root.texts('style')).toEqual(['/* <\\/style> */']);
    expect(root.texts('script')).toEqual(['const text = "<\\/script><b>";']);
  });

  it.each([
    [true, 'valid', '✓'],
    [false, 'invalid', '✗'],
    ['unknown', 'unknown', '?'],
  ] as const)('says first that a run is %s, and why', (validity, word, sign) => {
    const results: CheckResult = { stats: { 'valid?': validity, count: 0 }, 'valid?': validity };
    const root = openPage(
      recordOf(new History(), { results, verdict: 'It is so. And why? Because.', startedAt: '2026-01-02T03:04:05Z' }),
    );
    expect(root.one('html').attributes.get('data-verdict')).toBe(word);
    expect(root.one('h1').text).toBe(`${sign} It is so.`);
    expect(root.one('.reason').text).toBe('And why? Because.');
    expect(root.one('head').one('title').text).toBe(`${sign} unique-ids 2026-01-02T03:04:05Z · Snowstorm`);
  });

  it('shows what only rules beyond Jepsen find, also of a valid run', () => {
    const history = handwritten(...[invoke(0, 'add', 1), ok(0, 'add', 1), invoke(1, 'read'), ok(1, 'read', [1, 1])]);
    const workload = setFullChecker({ add: 'add', strict: false }).check({ nodes: ['n0'], concurrency: 2 }, history);
    const root = openPage(recordOf(history, { results: { workload, 'valid?': true } }));
    expect(titles(root)[0]).toBe('What Jepsen does not see');
    expect(root.one('ol.proofs').text).toContain('no-duplicates: a read shows 1 more than once');
  });

  it('tells the small run with its story, its proof and its messages', () => {
    const story = {
      origin: 'Seed 2, made small.',
      lines: [
        { atMs: 0.12345, who: 'client 0', what: 'asks' },
        { who: '', what: '… 5 more' },
        { atMs: 2, who: 'n0', what: 'answers', proof: true },
      ],
    };
    const messages = messagesOf([message(0, 'send 0 n0 n1'), message(1, 'receive 0 n0 n1')]);
    const shrunk = recordOf(handwritten(nemesis('kill', ['n1']), invoke(0, 'read')), {
      story,
      messagesAround: messages,
    });
    const root = openPage(recordOf(new History(), { shrunk, messagesAround: messages }));
    expect(titles(root).slice(0, 2)).toEqual(['The same failure, made small', 'Over time']);
    expect(root.one('ol.story').texts('li')).toEqual([
      '0.123 ms client 0 asks',
      '… 5 more',
      '2 ms n0 answers proves it',
    ]);
    expect(root.all('svg.space-time')).toHaveLength(2);
    expect(titles(openPage(shrunk)).slice(0, 2)).toEqual(['The story', 'Messages']);
  });

  it('says around which moment its messages are', () => {
    const read = [invoke(0, 'read'), ok(0, 'read', 1)];
    const around = (record: RunRecord) => {
      const section = openPage(record)
        .all('section')
        .find(({ attributes }) => attributes.get('aria-labelledby') === 'messages');
      return section?.all('p')[0]?.text;
    };
    const results = {
      workload: { 'valid?': false, proofs: [{ problem: 'bad', facts: {}, operations: [2], operationCount: 1 }] },
      'valid?': false,
    } as const;
    const history = handwritten(nemesis('kill', ['n1']), ...read);
    expect(around(recordOf(handwritten(...read)))).toBe('From the first message on.');
    expect(around(recordOf(history))).toBe('Around 0 ms, when the first fault began: kill.');
    expect(around(recordOf(history, { results }))).toBe('Around 2 ms, when the first proof was complete.');
  });

  it('counts the messages that were hit one by one', () => {
    const results = {
      faults: { 'valid?': true, started: { kill: 2, loss: 1234, constructor: 5, delay: 'x' } },
      'valid?': true,
    } as const;
    expect(openPage(recordOf(new History(), { results })).text).toContain('Messages hit one by one: loss 1,234.');
  });

  it('does not judge a history that no working harness writes', () => {
    expect(() => renderPage(recordOf(handwritten(ok(0, 'read', 1))), ASSETS)).toThrow('without an invocation');
  });
});

describe('a page is made of', () => {
  it.each(RECORDINGS)('the recording %s of the real harness', (name) => {
    const record = recordOfRecording(name);
    const root = openPage(record);
    // It names no proofs; our checkers do.
    expect(titles(root)).not.toContain('What proves it');
    const checker = name.startsWith('echo') ? echoChecker() : uniqueIdsChecker();
    const workload = checker.check({ nodes: record.nodes, concurrency: record.concurrency }, record.history);
    const judged = openPage({ ...record, results: { ...record.results, workload } });
    expect(titles(judged).includes('What proves it')).toBe(/duplicates|wrong/.test(name));
    const types = ['ok', 'fail', 'info'].map(
      (type) =>
        [...record.history].filter((operation) => operation.type === type && operation.process !== 'nemesis').length,
    );
    const plot = root.one('#latency').one('svg.plot');
    expect(['ok', 'fail', 'info'].map((type) => plot.all(`.${type}`).length)).toEqual(types);
    expect(root.all('.lane-name').some(({ text }) => text === 'partition')).toBe(/partition|unavailable/.test(name));
    expect(renderPage(record, ASSETS)).not.toMatch(/https?:|\bsrc=|url\(\s*["']?(?!#)|@import/);
  });

  const read = [invoke(0, 'read', 'k', 0), ok(0, 'read', 1, 0)];
  it.each<readonly [string, History, RegExp]>([
    ['nothing at all', new History(), /No operation was completed\..*No client asked/s],
    [
      'a nemesis alone',
      handwritten(nemesis('kill', ['n1']), nemesis('start', ['n1'])),
      /kill 1 ×.*No operation was completed/s,
    ],
    [
      'a run in which nothing was completed',
      handwritten(invoke(0, 'read'), invoke(1, 'read')),
      /No operation was completed\..*All 2 operations/s,
    ],
    ['one operation that took no time', handwritten(...read), /1 ok, the slowest 0 ns.*[^\d]1 operation\./s],
    [
      'operations that all failed',
      handwritten(invoke(0, 'read'), fail(0, 'read'), invoke(0, 'read'), info(0, 'read')),
      /1 fail, the slowest 1 ms; 1 info/,
    ],
    ['operations that were cut off', handwritten(...read, invoke(0, 'read', null, 5)), /cut off/],
    [
      'a fault that never ends',
      handwritten(nemesis('pause', ['n1'], 0), ...read, invoke(0, 'read', null, 9)),
      /pause n1: 0 s to 0\.009 s/,
    ],
  ])('%s', (_, history, text) => {
    expect(openPage(recordOf(history)).text).toMatch(text);
  });

  it('a thousand clients', () => {
    const root = openPage(recordOf(longHistory({ operationCount: 3000, concurrency: 1000 }), { concurrency: 1000 }));
    expect(root.all('section').flatMap((section) => section.texts('.lane-name'))[1]).toBe('client 1 → n1');
    expect(root.text).toContain('1,200 of 3,000 operations');
  });
});

describe('a page stays small', () => {
  const log = Array.from({ length: 3000 }, (_, index) =>
    message(index, `send ${index} n${index % 30} lin-kv`, { type: 'write', key: index }),
  );
  const nodes = Array.from({ length: 30 }, (_, index) => `n${index}`);
  const traffic = nodes.flatMap((src) => nodes.map((dest) => ({ src, dest, sent: 9, received: 9 })));

  it('for a run of 300,000 operations of all sizes and outcomes under thousands of faults', () => {
    const history = longHistory({ operationCount: 300_000, concurrency: 60, badShare: 250, decades: 3 });
    const end = history.timeAt(history.length - 1);
    for (let index = 0; index < 4000; index++)
      history.append({
        time: end + index,
        type: 'info',
        process: 'nemesis',
        f: index % 2 === 0 ? 'kill' : 'start',
        value: ['n1'],
      });
    const text = renderPage(
      recordOf(history, { nodes, concurrency: 60, messagesAround: messagesOf(log), traffic }),
      ASSETS,
    );
    expect(text.length).toBeLessThan(1_500_000);
    for (const said of [
      /300,000 operations are counted in \d+ × \d+ cells/,
      /1,200 of 300,000 operations, around [\d,.]+ ms/,
      /The first 300 of 2,000 faults/,
      /280 of 3,000 recorded events/,
      />others</,
    ])
      expect(said.test(text), String(said)).toBe(true);
  });

  it('for all answers of nodes', () => {
    const long = '"'.repeat(1000);
    const history = handwritten(
      ...Array.from({ length: 2000 }, () => [
        invoke(0, 'echo', long),
        { ...ok(0, 'echo', [long]), error: long },
      ]).flat(),
    );
    const proof = { problem: long, facts: { line: long }, operations: [1], operationCount: 1 };
    const results = {
      workload: { 'valid?': false, error: long, list: Array(100).fill(long), proofs: Array(100).fill(proof) },
      'valid?': false,
    } as const;
    const messages = messagesOf(log.map((entry) => ({ ...entry, body: { type: long, key: long } })));
    expect(renderPage(recordOf(history, { results, messagesAround: messages }), ASSETS).length).toBeLessThan(9_000_000);
  });
});
