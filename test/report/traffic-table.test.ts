import { describe, expect, it } from 'vitest';
import type { TrafficEntry } from '../../src/harness/traffic.ts';
import { renderTrafficTable } from '../../src/report/traffic-table.ts';
import { read } from '../support/records.ts';

const entry = (src: string, dest: string, sent: number, arrived = sent, received = arrived): TrafficEntry => ({
  src,
  dest,
  sent,
  received,
  arrived,
});

const summaryOf = (traffic: readonly TrafficEntry[], nodes: readonly string[] = ['n0', 'n1']) =>
  read(renderTrafficTable(traffic, nodes)).all('p')[0]?.text;

/** The table, row by row. */
function tableOf(traffic: readonly TrafficEntry[], nodes: readonly string[] = ['n0', 'n1']) {
  return read(renderTrafficTable(traffic, nodes))
    .all('tr')
    .map((row) => row.children.map((cell) => (typeof cell === 'string' ? cell : cell.text)));
}

describe('the table of traffic', () => {
  it('says so if messages were not counted, and if none was sent', () => {
    expect(read(renderTrafficTable(undefined, ['n0'])).text).toBe('The messages of this run were not counted.');
    expect(read(renderTrafficTable([], ['n0'])).text).toBe('No message was sent.');
  });

  it('has clients first, then nodes in their order, then services', () => {
    const traffic = [
      entry('n1', 'seq-kv', 4),
      entry('n1', 'lin-kv', 2000),
      entry('clients', 'n1', 30),
      entry('n10', 'n1', 1, 0),
      entry('n1', 'n10', 2, 2, 5),
    ];
    expect(tableOf(traffic, ['n10', 'n1'])).toEqual([
      ['from \\ to', 'clients', 'n10', 'n1', 'lin-kv', 'seq-kv'],
      ['clients', '', '', '30', '', ''],
      ['n10', '', '', '11 lost', '', ''],
      ['n1', '', '23 twice', '', '2,000', '4'],
      ['lin-kv', '', '', '', '', ''],
      ['seq-kv', '', '', '', '', ''],
    ]);
    expect(summaryOf(traffic, ['n10', 'n1'])).toBe(
      '2,037 messages in all; the most, 2,000, from n1 to lin-kv. A cell says how many were sent, and below it how many of them never arrived (lost), and how many came twice.',
    );
  });

  it('tells what was lost and what came twice apart', () => {
    const traffic = [entry('n0', 'n1', 1000, 985, 990), entry('n1', 'n0', 10)];
    const cells = read(renderTrafficTable(traffic, ['n0', 'n1'])).all('td');
    expect(cells.map((cell) => cell.texts('small'))).toEqual([[], ['15 lost', '5 twice'], [], []]);
  });

  it('says of an older record that copies hide what was lost', () => {
    const traffic = [
      { src: 'n0', dest: 'n1', sent: 10, received: 7 },
      { src: 'n1', dest: 'n0', sent: 10, received: 12 },
    ];
    expect(read(renderTrafficTable(traffic, ['n0', 'n1'])).texts('small')).toEqual(['3 fewer', '2 more']);
    expect(summaryOf(traffic)).toContain('what came twice hides what was lost');
  });

  it('names the two between whom all messages went, of one as of many', () => {
    expect(summaryOf([entry('clients', 'n0', 1)])).toMatch(/^1 message in all, from clients to n0\. /);
    expect(summaryOf([entry('clients', 'n0', 12)])).toMatch(/^12 messages in all, from clients to n0\. /);
  });

  it('is the darker the more was sent', () => {
    const root = read(renderTrafficTable([entry('n0', 'n1', 200), entry('n1', 'n0', 50)], ['n0', 'n1']));
    expect(root.all('td').flatMap(({ attributes }) => attributes.get('style') ?? [])).toEqual([
      '--share:100%',
      '--share:25%',
    ]);
  });

  it('gives the twenty busiest a row of their own, and the others one together', () => {
    const nodes = Array.from({ length: 30 }, (_, index) => `n${index}`);
    const traffic = nodes.map((node, index) => entry('clients', node, 100 + index));
    const table = tableOf(traffic, nodes);
    const kept = Array.from({ length: 19 }, (_, index) => `n${index + 11}`);
    expect(table[0]).toEqual(['from \\ to', 'clients', ...kept, 'others']);
    // n0 to n10 had 100 to 110.
    expect(table[1]?.at(-1)).toBe('1,155');
    expect(table).toHaveLength(22);
    // What those without a row of their own share is more, and between no two.
    expect(summaryOf(traffic, nodes)).toMatch(/^3,435 messages in all; the most, 129, from clients to n29\. /);
  });

  it('takes names for names, with any characters', () => {
    const traffic = [entry('a b', 'c', 7), entry('a', 'b c', 9), entry('<i>', '"&', 1)];
    expect(tableOf(traffic, [])).toEqual([
      ['from \\ to', '"&', '<i>', 'a', 'a b', 'b c', 'c'],
      ['"&', '', '', '', '', '', ''],
      ['<i>', '1', '', '', '', '', ''],
      ['a', '', '', '', '', '9', ''],
      ['a b', '', '', '', '', '', '7'],
      ['b c', '', '', '', '', '', ''],
      ['c', '', '', '', '', '', ''],
    ]);
  });
});
