import { describe, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import { parseExact } from '../../src/protocol/exact-json.ts';
import { type OperationPagesOptions, renderOperationPages } from '../../src/report/operation-pages.ts';
import { describeAnswer, describeOperation, writeValue } from '../../src/report/operation-words.ts';
import { fail, type HandwrittenOperation, handwritten, info, invoke, nemesis, ok } from '../support/histories.ts';
import { longHistory, read } from '../support/records.ts';
import type { MarkupElement } from '../support/strict-markup.ts';

function pagesOf(history: History, options: Partial<OperationPagesOptions> = {}): MarkupElement {
  const end = history.length === 0 ? 0 : history.timeAt(history.length - 1);
  const defaults = { nodes: ['n0', 'n1'], concurrency: 3, end, moment: undefined, proofs: new Set<number>() };
  return read(renderOperationPages({ history, ...defaults, ...options }));
}

/** What the rows of all tables say, cell by cell. */
function rowsOf(root: MarkupElement): readonly string[] {
  return root.all('tbody').flatMap((body) =>
    body.all('tr').map((row) =>
      row.children
        .map((cell) => (typeof cell === 'string' ? '' : cell.text))
        .join('|')
        .replace(/\|$/, ''),
    ),
  );
}

describe('an operation in words', () => {
  const describeFirst = (...operations: readonly HandwrittenOperation[]) =>
    describeOperation(handwritten(...operations), 0, operations.length > 1 ? 1 : undefined);

  it('is what was asked and what came back', () => {
    expect(describeFirst(invoke(0, 'redeem', { code: 'hot' }), ok(0, 'redeem', { outcome: 'redeemed' }))).toBe(
      '#1 redeem {"code":"hot"} ok {"outcome":"redeemed"}',
    );
    expect(describeFirst(invoke(0, 'generate'), ok(0, 'generate', 0))).toBe('#1 generate ok 0');
  });

  it('does not say a value again that only came back', () => {
    expect(describeFirst(invoke(0, 'add', 5), ok(0, 'add', 5))).toBe('#1 add 5 ok');
    expect(
      describeFirst(invoke(0, 'add', 5), { ...fail(0, 'add', 5), error: ['precondition-failed', 'too late'] }),
    ).toBe('#1 add 5 fail ["precondition-failed","too late"]');
  });

  it('says what differs beyond the part of a value that is shown', () => {
    const [long, longer] = ['x'.repeat(500), `${'x'.repeat(500)}y`];
    const history = handwritten(invoke(0, 'echo', long), ok(0, 'echo', longer));
    expect(describeAnswer(history, 0, 1)).toBe(`"${'x'.repeat(159)}…`);
  });

  it('was never completed where the run was cut off', () => {
    expect(describeFirst(invoke(0, 'read', 'k'))).toBe('#0 read "k": never completed');
  });

  it('has every digit of a number, and nothing for null', () => {
    expect(
      [parseExact('[9007199254740993,1.0]'), null, undefined, '', 0, false].map((value) => writeValue(value)),
    ).toEqual(['[9007199254740993,1.0]', '', '', '""', '0', 'false']);
  });
});

describe('the pages of operations', () => {
  it('say so where no client asked for anything', () => {
    expect(pagesOf(new History()).text).toBe('No client asked for anything.');
    expect(pagesOf(handwritten(nemesis('kill', ['n1']))).text).toBe('No client asked for anything.');
  });

  it('have a bar and a row for each operation, by client', () => {
    const history = handwritten(
      invoke(0, 'read', 'a', 0),
      invoke(4, 'write', 'b', 10),
      { ...info(4, 'write', 'b', 60), error: 'net-timeout' },
      ok(0, 'read', 7, 100),
    );
    const root = pagesOf(history);
    expect(root.texts('summary')).toEqual(['0 ms to 100 ms: 2 operations']);
    expect(root.texts('.lane-name')).toEqual(['client 0 → n0', 'client 1 → n1']);
    expect(
      root.all('rect').map(({ attributes, text }) => `${attributes.get('x')}+${attributes.get('width')} ${text}`),
    ).toEqual([
      '0+1000 #3 read "a" ok 7 · 100 ms · at 0 ms',
      '100+500 #2 write "b" info "net-timeout" · 50 ms · at 10 ms',
    ]);
    expect(rowsOf(root)).toEqual([
      '3|0 ms|100 ms|client 0|read "a"|● ok|7',
      '2|10 ms|50 ms|client 1|write "b"|○ info|"net-timeout"',
    ]);
  });

  it('show what the end of the run cut off as far as the end', () => {
    const root = pagesOf(handwritten(invoke(0, 'read', null, 0), invoke(1, 'read', null, 50), ok(1, 'read', 1, 100)));
    expect(root.all('rect').map(({ attributes }) => attributes.get('width'))).toEqual(['1000', '500']);
    expect(rowsOf(root)[0]).toBe('0|0 ms||client 0|read |○ cut off');
  });

  it('stand for a single operation that took no time', () => {
    const root = pagesOf(handwritten(invoke(0, 'read', null, 5), ok(0, 'read', 1, 5)));
    expect(root.one('p').text).toBe('1 operation.');
    expect(root.texts('summary')).toEqual(['5 ms to 5 ms: 1 operation']);
    expect(root.one('svg.lane').attributes.get('aria-label')).toBe('client 0: 1 operation');
    expect(root.one('rect').attributes.get('width')).toBe('2');
    expect(root.one('.horizontal-axis').texts('span')).toEqual(['5 ms']);
  });

  it('keep a bar within the plot that takes no time at the end of the page', () => {
    const root = pagesOf(
      handwritten(
        invoke(0, 'read', null, 0),
        ok(0, 'read', 1, 100),
        invoke(1, 'read', null, 100),
        ok(1, 'read', 1, 100),
      ),
    );
    expect(root.all('rect').map(({ attributes }) => `${attributes.get('x')}+${attributes.get('width')}`)).toEqual([
      '0+1000',
      '998+2',
    ]);
  });

  it('tell of each bar which row stands for the same operation', () => {
    const root = pagesOf(longHistory({ operationCount: 240, concurrency: 3 }));
    for (const page of root.all('details.page')) {
      const numbers = page.all('th').flatMap(({ attributes, text }) => (attributes.get('scope') === 'row' ? text : []));
      for (const bar of page.all('rect'))
        expect(bar.text).toMatch(new RegExp(`^#${numbers[Number(bar.attributes.get('data-rows'))]} `));
    }
  });

  it('have ticks at round times, wherever a page begins', () => {
    const root = pagesOf(handwritten(invoke(0, 'read', null, 603.935), ok(0, 'read', 1, 2104.5)));
    const ticks = root.one('.horizontal-axis').all('span');
    expect(ticks.map(({ text }) => text)).toEqual(['1,000 ms', '1,500 ms', '2,000 ms']);
    const places = ticks.map(({ attributes }) =>
      Number.parseFloat(attributes.get('style')?.slice('left:'.length) ?? ''),
    );
    expect(places.map(Math.round)).toEqual([26, 60, 93]);
  });

  it('mark what proves the verdict in the timeline and in the table', () => {
    const root = pagesOf(handwritten(invoke(0, 'read'), ok(0, 'read', 1), invoke(0, 'read'), ok(0, 'read', 2)), {
      proofs: new Set([3]),
    });
    expect(root.all('rect.proof').map(({ text }) => text)).toEqual(['#3 read ok 2 · 1 ms · at 2 ms']);
    expect(root.all('tr.proof').map(({ text }) => text)).toEqual(['32 ms1 msclient 0read ● ok proves it2']);
  });

  it('are ten around the moment, the one with the proof open, and say what is left out', () => {
    const history = longHistory({ operationCount: 5000, concurrency: 10 });
    const proof = [...Array(history.length).keys()].find(
      (index) => index > 6000 && history.typeAt(index) === 'ok',
    ) as number;
    const root = pagesOf(history, { concurrency: 10, moment: history.timeAt(proof), proofs: new Set([proof]) });
    const pages = root.all('details.page');
    expect(pages).toHaveLength(10);
    expect(rowsOf(root)).toHaveLength(1200);
    expect(root.children[0]).toMatchObject({ name: 'p' });
    expect(root.text).toMatch(/^1,200 of 5,000 operations, around [\d,.]+ ms; history.jsonl has all of them\./);
    const open = pages.filter(({ attributes }) => attributes.has('open'));
    expect(open).toHaveLength(1);
    expect(open[0]?.all('tr.proof')).toHaveLength(1);
    expect(pages.indexOf(open[0] as MarkupElement)).toBe(6);
  });

  it('have the proof on the open page however long it took, among a thousand clients', () => {
    const begun = Array.from({ length: 1000 }, (_, process) => invoke(process, 'read', null, process));
    const history = handwritten(...begun, ok(5, 'read', 1, 2000));
    const root = pagesOf(history, { concurrency: 1000, moment: 2000e6, proofs: new Set([1000]) });
    const [open, ...others] = root.all('details.page').filter(({ attributes }) => attributes.has('open'));
    expect(others).toEqual([]);
    expect(open?.all('tr.proof')).toHaveLength(1);
  });

  it('open the page of the last operation that had begun, where the moment is no proof', () => {
    const all = Array.from({ length: 240 }, (_, index) => [
      invoke(0, 'read', null, 2 * index),
      ok(0, 'read', 1, 2 * index + 1),
    ]).flat();
    const openAt = (operation: number) =>
      pagesOf(handwritten(...all), { moment: 2 * operation * 1e6 })
        .all('details.page')
        .findIndex(({ attributes }) => attributes.has('open'));
    expect([0, 119, 120, 239].map(openAt)).toEqual([0, 0, 1, 1]);
  });

  it('begin at the beginning where there is no moment', () => {
    const root = pagesOf(longHistory({ operationCount: 1201, concurrency: 2 }), { concurrency: 2 });
    expect(root.text).toMatch(/^1,200 of 1,201 operations, around the beginning;/);
    expect(rowsOf(root)[0]).toMatch(/^\d\|0 ms\|/);
  });
});
