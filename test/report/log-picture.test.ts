import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { History } from '../../src/history/history.ts';
import { renderLog } from '../../src/report/log-picture.ts';
import { kafkaChecker } from '../../src/workloads/kafka/checker/kafka-checker.ts';
import { fail, handwritten, invoke, ok } from '../support/histories.ts';
import { openPage } from '../support/pages.ts';
import { read, recordOf } from '../support/records.ts';
import type { MarkupElement } from '../support/strict-markup.ts';

const RUN = { nodes: ['n0', 'n1', 'n2'], concurrency: 3 };

function send(process: number, key: string, offset: number, message: unknown) {
  return [invoke(process, 'send', [['send', key, message]]), ok(process, 'send', [['send', key, [offset, message]]])];
}

function poll(process: number, logs: Readonly<Record<string, readonly (readonly [number, unknown])[]>>) {
  return [invoke(process, 'poll', [['poll']]), ok(process, 'poll', [['poll', logs]])];
}

function logOf(history: History, workload?: CheckResult) {
  const judged = workload ?? kafkaChecker({ strict: false }).check({ nodes: RUN.nodes, concurrency: 3 }, history);
  return renderLog({ ...RUN, history, results: { workload: judged, 'valid?': judged['valid?'] } });
}

/** The texts of all boxes: `polled 12`, `sent wrong 13`. */
function boxesOf(root: MarkupElement): string[] {
  return root.all('.cell').map((cell) => `${cell.classes.slice(2).join(' ')} ${cell.one('text').text}`);
}

const SKIPPED = handwritten(
  ...send(0, 'k', 0, 11),
  ...send(0, 'k', 1, 12),
  ...send(1, 'k', 2, 13),
  ...poll(2, { k: [[0, 11]] }),
  ...poll(2, { k: [[2, 13]], other: [[0, 5]] }),
  ...send(1, 'other', 0, 5),
  ...poll(0, {
    k: [
      [0, 11],
      [1, 12],
      [2, 13],
    ],
  }),
);

describe('the picture of a log', () => {
  it('shows what each process sent and polled, and marks what the anomaly names', () => {
    const log = logOf(SKIPPED);
    expect([log?.key, log?.isBad]).toEqual(['k', true]);
    const root = read(log?.content);
    expect(root.texts('p')).toEqual([
      'poll-skip of the message 12: marked in the log and where it was sent and polled. 3 offsets, 3 sends, 3 polls with messages.',
    ]);
    expect(boxesOf(root)).toEqual([
      'place 11',
      'place wrong 12',
      'place 13',
      // process 0
      'sent 11',
      'sent wrong 12',
      'polled 11',
      'polled wrong 12',
      'polled 13',
      // process 1
      'sent 13',
      // process 2
      'polled 11',
      'polled 13',
    ]);
    expect(root.all('.proof-row')).toHaveLength(2);
    const rows = root.one('table').texts('tr');
    expect(rows).toHaveLength(7);
    expect(rows.at(-1)).toBe('9 msprocess 2 at n2poll, proves it2: 13');
    expect(root.texts('title')).toContain('process 0 at n0 sent 12 at offset 1, 3 ms');
  });

  it('shows what a poll leaves out between two messages', () => {
    const history = handwritten(
      ...[0, 1, 2].flatMap((offset) => send(0, 'k', offset, offset + 11)),
      ...poll(1, {
        k: [
          [0, 11],
          [2, 13],
        ],
      }),
    );
    const root = read(logOf(history)?.content);
    expect(root.texts('p')[0]).toMatch(/^lost-write of the message 12: /);
    expect(boxesOf(root).slice(-3)).toEqual(['missed ·', 'polled 11', 'polled 13']);
    expect(root.texts('title').at(-3)).toBe('process 1 at n1 polls past offset 1');
  });

  it('shows all messages of an offset that has more than one', () => {
    const history = handwritten(...send(0, 'k', 0, 11), ...send(1, 'k', 0, 12), ...poll(2, { k: [[0, 12]] }));
    const root = read(logOf(history)?.content);
    expect(root.texts('p')[0]).toMatch(/^inconsistent-offsets of messages 11, 12: /);
    expect(boxesOf(root)[0]).toBe('place wrong 11≠12');
  });

  it('has the busiest log if nothing is wrong', () => {
    const history = handwritten(
      ...send(0, 'a', 0, 1),
      ...send(0, 'b', 0, 1),
      ...poll(1, { a: [], b: [[0, 1]] }),
      ...poll(1, { a: [[0, 1]] }),
      ...poll(2, { b: [[0, 1]] }),
    );
    const log = logOf(history, { 'valid?': true, 'bad-error-types': [], 'error-types': [] });
    expect([log?.key, log?.isBad]).toEqual(['b', false]);
    const root = read(log?.content);
    expect(root.texts('p')).toEqual(['The log with the most operations: 1 offset, 1 send, 2 polls with messages.']);
    expect(root.all('.wrong')).toEqual([]);
  });

  it('has the log of a rule beyond Jepsen’s, and of what was never polled', () => {
    const clean = { 'valid?': true, 'bad-error-types': [], 'error-types': [] } as const;
    const example = { problem: 'bad', key: 'other', operation: 9 };
    const beyond = { 'valid?': false, 'poll-past-asked': { count: 1, examples: [example] } };
    const past = logOf(SKIPPED, { ...clean, beyond });
    expect([past?.key, past?.isBad]).toEqual(['other', true]);
    expect(read(past?.content).texts('p')[0]).toMatch(/^poll-past-asked: marked/);
    expect(read(past?.content).all('.proof-row')).toHaveLength(1);
    const unseen = { time: 1, unseen: { other: 1 }, messages: { other: [5] } };
    const never = logOf(SKIPPED, { 'valid?': false, 'bad-error-types': ['unseen'], 'error-types': ['unseen'], unseen });
    expect(read(never?.content).texts('p')[0]).toMatch(/^unseen of the message 5: marked/);
  });

  it('shows the part around the anomaly of a long log, and stays small', () => {
    const history = new History();
    const add = (process: number, type: 'invoke' | 'ok', f: string, value: unknown) =>
      history.append({ time: history.length * 1e5, process, type, f, value });
    for (let offset = 0; offset < 20_000; offset++) {
      add(0, 'invoke', 'send', [['send', 'k', offset]]);
      add(0, 'ok', 'send', [['send', 'k', [offset, offset]]]);
      if (offset % 100 !== 99 || offset === 11_099) continue;
      add(1, 'invoke', 'poll', [['poll']]);
      const polled = Array.from({ length: 100 }, (_, index) => [offset - 99 + index, offset - 99 + index]);
      add(1, 'ok', 'poll', [['poll', { k: polled }]]);
    }
    const log = logOf(history);
    const root = read(log?.content);
    expect(root.texts('p')[0]).toContain('20,000 offsets, 20,000 sends, 199 polls with messages.');
    expect(root.texts('p')[0]).toContain('Of these, 40 offsets and 41 operations are shown.');
    expect(root.texts('.column').map(Number)[24]).toBe(11_000);
    expect(log?.content.text.length).toBeLessThan(60_000);
  });

  it('takes anything for a message, and leaves out what is none', () => {
    const history = handwritten(
      ...send(0, '<b>', 0, '</svg><script>'),
      invoke(1, 'poll', [['poll']]),
      ok(1, 'poll', [['poll', { '<b>': [[0, '</svg><script>'], 'odd', [null, 1], [1, null]], x: 5 }], 'odd', null]),
      invoke(1, 'send', [['send', '<b>', 7]]),
      fail(1, 'send', [['send', '<b>', 7]]),
    );
    const root = read(logOf(history, { 'valid?': true, 'bad-error-types': [{}], 'error-types': 5 })?.content);
    expect(boxesOf(root)).toEqual(['place </svg…', 'place null', 'sent </svg…', 'polled </svg…', 'polled null']);
  });

  it('is not there for other workloads, and for logs without messages', () => {
    expect(logOf(SKIPPED, { 'valid?': true })).toBeUndefined();
    expect(logOf(new History(), { 'valid?': true, 'bad-error-types': [], 'error-types': [] })).toBeUndefined();
  });

  it('is part of the page: after the proofs if it is bad, else after what is over time', () => {
    const workload = kafkaChecker({ strict: false }).check({ nodes: RUN.nodes, concurrency: 3 }, SKIPPED);
    const titles = (result: CheckResult) =>
      openPage(recordOf(SKIPPED, { results: { workload: result, 'valid?': result['valid?'] } })).texts('h2');
    expect(
      titles(workload)
        .filter((title) => title !== 'What Jepsen does not see')
        .slice(0, 3),
    ).toEqual(['What proves it', 'The log of key k', 'Over time']);
    expect(titles({ 'valid?': true, 'bad-error-types': [], 'error-types': [] }).slice(0, 2)).toEqual([
      'Over time',
      'The log of key k',
    ]);
  });
});
