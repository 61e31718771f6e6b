import { describe, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import { parseExact } from '../../src/protocol/exact-json.ts';
import type { MessageEntry } from '../../src/report/run-record.ts';
import { renderSpaceTime, type SpaceTimeOptions } from '../../src/report/space-time.ts';
import { handwritten, invoke, ok } from '../support/histories.ts';
import { message, messagesOf, read } from '../support/records.ts';
import type { MarkupElement } from '../support/strict-markup.ts';

const MS = 1e6;

function diagramOf(log: readonly MessageEntry[], options: Partial<SpaceTimeOptions> = {}): MarkupElement {
  return read(
    renderSpaceTime({
      messagesAround: messagesOf(log),
      nodes: ['n0', 'n1'],
      concurrency: 10,
      spans: [],
      history: new History(),
      proofs: new Set(),
      moment: undefined,
      id: 'test',
      ...options,
    }),
  );
}

/** The lines of a diagram: how they end, and what is told of them. */
function linesOf(root: MarkupElement): readonly string[] {
  return root
    .all('g.message')
    .map(({ classes, children }) => `${classes.slice(2).join(' ')}: ${(children[0] as MarkupElement).text}`);
}

/** The list of a page, row by row. */
function listOf(root: MarkupElement): readonly string[] {
  return root.all('tbody').flatMap((body) =>
    body.all('tr').map((row) =>
      row.children
        .map((cell) => (typeof cell === 'string' ? '' : cell.text))
        .join('|')
        .replace(/\|+$/, ''),
    ),
  );
}

/** `count` messages from n0 to n1, sent each ms. */
const sent = (count: number) =>
  Array.from({ length: count }, (_, id) => message(id, `send ${id} n0 n1`, { type: 'gossip' }));

describe('the diagram of messages', () => {
  it('says so where no messages were recorded', () => {
    expect(diagramOf([]).text).toBe('No messages were recorded.');
  });

  it('has a line for a message from where it was sent to where it arrived', () => {
    const root = diagramOf([
      message(0, 'send 0 n0 n1', { type: 'read', key: 'hot', msg_id: 1 }),
      message(0.5, 'receive 0 n0 n1', { type: 'read', key: 'hot', msg_id: 1 }),
      message(1, 'send 1 n1 n0', { type: 'error', code: 20, in_reply_to: 1 }),
      message(2, 'receive 1 n1 n0', { type: 'error', code: 20, in_reply_to: 1 }),
    ]);
    expect(root.texts('text.column')).toEqual(['n0', 'n1']);
    expect(linesOf(root)).toEqual([
      'arrives: n0 → n1: {"type":"read","key":"hot","msg_id":1}',
      'arrives reply error: n1 → n0: {"type":"error","code":20,"in_reply_to":1}',
    ]);
    expect(root.all('path.arrow').map(({ attributes }) => attributes.get('d'))).toEqual([
      'M192 44L312 64',
      'M312 84L192 104',
    ]);
    expect([...root.texts('text.rightward'), ...root.texts('text.leftward')]).toEqual(['read hot', 'error 20']);
    expect(listOf(root)[1]).toBe('0.5 ms|received|n0|→ n1|{"type":"read","key":"hot","msg_id":1}');
    expect(root.text).toContain('All 4 recorded events.');
  });

  it('tells what is lost, comes twice, and comes later from what arrives', () => {
    const root = diagramOf([
      message(0, 'send 0 n0 n1', { type: 'lost' }),
      message(1, 'drop 0 n0 n1', { type: 'lost' }),
      message(2, 'send 1 n0 n1', { type: 'twice' }),
      message(2, 'duplicate 1 n0 n1', { type: 'twice' }),
      message(2, 'delay 1 n0 n1', { type: 'twice' }),
      message(3, 'receive 1 n0 n1', { type: 'twice' }),
      message(4, 'receive 1 n0 n1', { type: 'twice' }),
      message(5, 'send 2 n0 n1', { type: 'slow' }),
      message(6, 'receive 9 n1 n0', { type: 'early' }),
    ]);
    expect(linesOf(root)).toEqual([
      'lost: n0 → n1, lost: {"type":"lost"}',
      'arrives: n0 → n1: {"type":"twice"}',
      'arrives: n0 → n1: {"type":"twice"}',
      'arrives: n1 → n0: {"type":"early"}',
      'unseen: n0 → n1, not seen to arrive by 6 ms: {"type":"slow"}',
    ]);
    expect(root.all('path.cross')).toHaveLength(1);
    // The copy has no name of its own, and neither has what was sent before the page began.
    expect(root.texts('text.rightward')).toEqual(['lost', 'twice', 'slow']);
    expect(root.texts('text.leftward')).toEqual([]);
    expect(listOf(root).map((row) => row.split('|')[1])).toEqual([
      'sent',
      'lost',
      'sent',
      'received',
      'received',
      'sent',
      'received',
    ]);
  });

  it('begins anew on the next page with what arrives there', () => {
    const log = [
      ...sent(80),
      message(80, 'drop 4 n0 n1', { type: 'gossip' }),
      message(81, 'receive 3 n0 n1', { type: 'gossip' }),
    ];
    const pages = diagramOf(log).all('details.page');
    expect(pages.map((page) => page.all('svg').length)).toEqual([1, 1]);
    const [first = [], second = []] = pages.map(linesOf);
    expect(first).toHaveLength(56);
    expect(first.slice(2, 5)).toEqual([
      'unseen: n0 → n1, not seen to arrive by 81 ms: {"type":"gossip"}',
      'later: n0 → n1, arrives later: {"type":"gossip"}',
      'lost-later: n0 → n1, lost later: {"type":"gossip"}',
    ]);
    expect(second.slice(0, 2)).toEqual([
      'lost: n0 → n1, lost: {"type":"gossip"}',
      'arrives: n0 → n1: {"type":"gossip"}',
    ]);
  });

  it('has no page for a few last lines, and none that begins with a notice', () => {
    const history = handwritten(invoke(0, 'read', null, 1), ok(0, 'read', 'old', 55));
    const pagesOf = (count: number) =>
      diagramOf(sent(count), { history, proofs: new Set([1]), moment: 55 * MS }).all('details.page');
    expect(pagesOf(56).map((page) => listOf(page).length)).toEqual([57]);
    expect(pagesOf(70).map((page) => listOf(page).length)).toEqual([71]);
    const [open, next] = pagesOf(72);
    expect(open?.attributes.has('open')).toBe(true);
    expect(listOf(open as MarkupElement).at(-1)).toBe('55 ms|proves it: #1 read ok "old"');
    expect(listOf(next as MarkupElement)).toHaveLength(16);
  });

  it('has the same columns on every page', () => {
    const log = [message(0, 'send 999 c2 n0'), ...sent(80), message(90, 'send 1000 n0 lin-kv')];
    for (const page of diagramOf(log).all('details.page'))
      expect(page.texts('text.column')).toEqual(['client 0', 'n0', 'n1', 'lin-kv']);
  });

  it('tells of each mark which rows stand for the same', () => {
    const root = diagramOf(
      [
        message(0, 'send 0 n0 n1'),
        message(1, 'send 1 n1 n0'),
        message(3, 'receive 1 n1 n0'),
        message(4, 'receive 0 n0 n1'),
        message(5, 'receive 0 n0 n1'),
      ],
      { spans: [{ kind: 'kill', whom: 'n1', from: 2 * MS, to: 9 * MS }] },
    );
    expect(root.all('g.mark').map(({ attributes, text }) => `${attributes.get('data-rows')}: ${text}`)).toEqual([
      '2: kill begins: n1kill begins: n1',
      '1 3: n1 → n0: {}',
      '0 4: n0 → n1: {}',
      '0 5: n0 → n1: {}',
    ]);
  });

  it('names clients by their worker, before the nodes, and services behind', () => {
    const root = diagramOf([
      message(0, 'send 0 c0 n1', { type: 'init' }),
      message(1, 'send 1 c4 n0'),
      message(2, 'send 2 c3 n0'),
      message(3, 'send 3 n1 seq-kv'),
      message(4, 'send 4 n1 lin-kv'),
    ]);
    expect(root.texts('text.column')).toEqual(['harness', 'client 1', 'client 2', 'n0', 'n1', 'lin-kv', 'seq-kv']);
    expect(listOf(root)[1]).toBe('1 ms|sent|client 2 (c4)|→ n0|{}');
    expect(linesOf(root)[1]).toBe('unseen: client 2 (c4) → n0, not seen to arrive by 4 ms: {}');
  });

  it('gives more than four clients one column together', () => {
    const from = (clients: number) =>
      diagramOf(Array.from({ length: clients }, (_, index) => message(index, `send ${index} c${index + 2} n0`)));
    expect(from(4).texts('text.column')).toEqual(['client 0', 'client 1', 'client 2', 'client 3', 'n0']);
    expect(from(5).texts('text.column')).toEqual(['clients', 'n0']);
    const starts = from(5)
      .all('path.arrow')
      .map(({ attributes }) => attributes.get('d')?.split(' ')[0]);
    expect(new Set(starts)).toEqual(new Set(['M192']));
    expect(
      from(1000)
        .texts('text.column')
        .filter((name) => name === 'clients'),
    ).toHaveLength(6);
  });

  it('does not take a node for a client because of its name', () => {
    const root = diagramOf([message(0, 'send 0 c7 n1'), message(1, 'receive 0 c7 n1')], { nodes: ['c7', 'n1'] });
    expect(root.texts('text.column')).toEqual(['c7', 'n1']);
  });

  it('has faults and proofs between the messages, as far as messages reach', () => {
    const history = handwritten(invoke(0, 'read', null, 1), ok(0, 'read', 'old', 3));
    const span = (kind: string, fromMs: number, toMs: number) => ({
      kind,
      whom: 'n1',
      from: fromMs * MS,
      to: toMs * MS,
    });
    const root = diagramOf([message(0, 'send 0 n0 n1'), message(2, 'send 1 n0 n1'), message(3, 'receive 1 n0 n1')], {
      history,
      proofs: new Set([1]),
      spans: [span('kill', 1, 99), span('pause', -5, 2)],
      moment: 3 * MS,
    });
    expect(listOf(root)).toEqual([
      '0 ms|sent|n0|→ n1|{}',
      '1 ms|kill begins: n1',
      '2 ms|sent|n0|→ n1|{}',
      '2 ms|pause ends: n1',
      '3 ms|received|n0|→ n1|{}',
      '3 ms|proves it: #1 read ok "old"',
    ]);
    expect(root.all('g.notice').map(({ classes }) => classes[2])).toEqual(['of-fault', 'of-fault', 'of-proof']);
  });

  it('survives what only logs of others hold', () => {
    const root = diagramOf([
      message(0, 'send 0 n0 n1', { type: { toString: 1 }, key: ['a'] }),
      message(1, 'send 1 n0 n0', { type: 7, key: { toString: null } }),
      message(2, 'send 2 n0 n1', parseExact('{"type":"t","key":9007199254740993}') as Record<string, unknown>),
      message(3, 'send 3 n0 n1', { type: 'x'.repeat(1e6), key: 'y' }),
      message(4, 'send 4 n0 n1', { type: `${'x'.repeat(18)}😀${'x'.repeat(9)}` }),
    ]);
    expect([...root.texts('text.rightward')]).toEqual([
      '["a"]',
      '7',
      't 9007199254740993',
      `${'x'.repeat(19)}…`,
      `${'x'.repeat(18)}…`,
    ]);
  });
});

describe('a long log', () => {
  it('is shown around the moment, with the page of the moment open', () => {
    const root = diagramOf(sent(5000), { moment: 2500 * MS });
    const pages = root.all('details.page');
    expect(root.text).toMatch(/^336 of 5,000 recorded events, around 2,500 ms\./);
    expect(pages.map(({ attributes }) => attributes.has('open'))).toEqual([false, false, false, false, true, false]);
    expect(listOf(pages[4] as MarkupElement).at(-1)).toMatch(/^2,500 ms\|/);
    expect(listOf(root)).toHaveLength(336);
  });

  it('is shown from its beginning where there is no moment', () => {
    const root = diagramOf(sent(400));
    expect(root.text).toMatch(/^336 of 400 recorded events, around the beginning\./);
    expect(listOf(root)[0]).toMatch(/^0 ms\|/);
    expect(root.all('details.page')[0]?.attributes.has('open')).toBe(true);
  });

  it('says where it ends, and that the moment came after that', () => {
    const ended = (momentMs: number) =>
      diagramOf([], { messagesAround: messagesOf(sent(10), 1234), moment: momentMs * MS }).all('p')[0]?.text;
    expect(diagramOf(sent(1), { messagesAround: messagesOf(sent(1), 1) }).all('p')[0]?.text).toBe(
      '1 recorded event. The log ends at 0 ms; 1 event after that was not recorded.',
    );
    expect(ended(5)).toBe('All 10 recorded events. The log ends at 9 ms; 1,234 events after that were not recorded.');
    expect(ended(50)).toBe(
      'All 10 recorded events. The log ends at 9 ms; 1,234 events after that were not recorded, nor was the moment itself: --messages N records more.',
    );
  });

  it('shows every message to the end of the log, with anything between them', () => {
    const log = [
      ...sent(200),
      message(200, 'delay 7 n0 n1'),
      message(201, 'duplicate 8 n0 n1'),
      message(202, 'delay 9 n0 n1'),
      message(203, 'receive 9 n0 n1'),
    ];
    const spans = Array.from({ length: 40 }, (_, index) => ({
      kind: 'kill',
      whom: 'n1',
      from: index * MS,
      to: (100 + index) * MS,
    }));
    const root = diagramOf(log, { spans, moment: 150 * MS });
    expect(root.all('p')[0]?.text).toBe('All 204 recorded events: 201 with a line, 2 delays and 1 duplicate without.');
    expect(listOf(root)).toHaveLength(201 + 80);
    expect(listOf(root).at(-1)).toMatch(/^203 ms\|received/);
    const lines = root.all('summary').flatMap(({ text }) => /: (\d+) lines$/.exec(text)?.[1] ?? []);
    expect(lines.reduce((sum, count) => sum + Number(count), 0)).toBe(201 + 80);
  });

  it('does not grow with the faults and proofs between its messages', () => {
    const spans = Array.from({ length: 10_000 }, (_, index) => ({
      kind: 'kill',
      whom: 'n1',
      from: index,
      to: index + 1,
    }));
    const root = diagramOf(sent(2), { spans, moment: 0 });
    expect(listOf(root)).toHaveLength(2 + 336);
    expect(root.all('p')[0]?.text).toBe(
      'All 2 recorded events. Of 20,000 notices of faults and proofs, the 336 nearest have a line.',
    );
  });
});
