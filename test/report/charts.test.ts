import { describe, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import type { OperationType } from '../../src/history/operation.ts';
import { renderLatencyCharts } from '../../src/report/latency-charts.ts';
import { renderRateChart } from '../../src/report/rate-chart.ts';
import { renderTimeChart, TimeAxis, thinOut } from '../../src/report/time-chart.ts';
import { fail, type HandwrittenOperation, handwritten, info, invoke, nemesis, ok } from '../support/histories.ts';
import { longHistory, read } from '../support/records.ts';
import type { MarkupElement } from '../support/strict-markup.ts';

const END = 1e9;

/** Operations `[type, begun at, took]`, in ms, each by a process of its own. */
function operations(...list: readonly (readonly [Exclude<OperationType, 'invoke'>, number, number])[]): History {
  const make = { ok, fail, info };
  const all: HandwrittenOperation[] = list.flatMap(([type, atMs, tookMs], process) => [
    invoke(process, 'read', process, atMs),
    make[type](process, 'read', process, atMs + tookMs),
  ]);
  return handwritten(...all.sort((one, other) => (one.atMs as number) - (other.atMs as number)));
}

function latencyCharts(history: History, end = END): MarkupElement {
  return read(renderLatencyCharts(history, new TimeAxis(end), []));
}

/** Where the marks of a plot are and what is told of each. */
function marksOf(root: MarkupElement) {
  return root.all('.mark').flatMap((mark) => {
    const path = mark.name === 'path' ? mark : mark.all('path')[0];
    const title = mark.all('title')[0]?.text;
    return title === undefined ? [] : `${mark.classes[1]} ${path?.attributes.get('d')} ${title}`;
  });
}

describe('the time axis', () => {
  it('has at most seven ticks, none beyond the end, and no two that read the same', () => {
    for (const end of [0, 1, 30, 999, 1e3, 4.2e6, 1e6, 1e7, 59e6, 1e9, 30.1e9, 61e9, 3600e9, 1e15]) {
      const { ticks } = new TimeAxis(end);
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(ticks.every(({ at }) => at >= 0 && at <= 1000)).toBe(true);
      expect(new Set(ticks.map(({ text }) => text)).size).toBe(ticks.length);
    }
    expect(new TimeAxis(1e6).ticks.map(({ text }) => text)).toEqual([
      '0 s',
      '0.0002 s',
      '0.0004 s',
      '0.0006 s',
      '0.0008 s',
      '0.001 s',
    ]);
  });

  it('writes no two ticks the same where its unit is too coarse', () => {
    expect(new TimeAxis(10, () => 'now').ticks).toEqual([{ at: 0, text: 'now' }]);
  });

  it('holds what lies outside at its ends', () => {
    const axis = new TimeAxis(200);
    expect([-5, 0, 50, 200, 300].map((time) => axis.at(time))).toEqual([0, 0, 250, 1000, 1000]);
  });
});

describe('a chart over time', () => {
  const chart = {
    id: 'test',
    title: '<b>"Title"</b>',
    summary: 'What & why',
    verticalTitle: 'things',
    verticalTicks: [{ at: 0, text: '0' }],
    plot: undefined,
    legend: [{ kind: 'ok', text: 'ok' }],
    table: { columns: ['from', 'count'], rows: [['0 s', 3]] },
  } as const;

  it('has its faults behind the data, each with its words', () => {
    const spans = [{ kind: 'kill', whom: '</title>n1', from: 0, to: 500 }];
    const root = read(renderTimeChart(chart, new TimeAxis(1000), spans));
    expect(root.one('h3').text).toBe('<b>"Title"</b>');
    expect(root.one('rect.fault').attributes.get('width')).toBe('500');
    expect(root.one('title').text).toBe('kill </title>n1: 0 s to 0 s');
    expect(root.one('.fault-names').text).toBe('kill');
    expect(root.texts('td')).toEqual(['3']);
    expect(root.all('.note')).toEqual([]);
  });

  it('stays small under a hundred thousand faults of any length', () => {
    const spans = Array.from({ length: 100_000 }, (_, index) => ({
      kind: 'pause',
      whom: 'n1',
      from: index * 10,
      to: index * 10 + (index % 5_000 === 0 ? 30_000 : 1),
    }));
    expect(renderTimeChart(chart, new TimeAxis(1e6), spans).text.length).toBeLessThan(100_000);
  });

  it('has a table of two dozen rows at most', () => {
    for (const length of [0, 1, 24, 25, 100, 1000]) {
      const rows = Array.from({ length }, (_, index) => 1 + index);
      const few = thinOut(rows, (several) => several.reduce((sum, value) => sum + value, 0));
      expect(few.length).toBeLessThanOrEqual(24);
      expect(few.reduce((sum, value) => sum + value, 0)).toBe((length * (length + 1)) / 2);
    }
  });
});

describe('the latency charts', () => {
  it('are not there for a run in which nothing was completed', () => {
    const axis = new TimeAxis(END);
    const histories = [new History(), handwritten(invoke(0, 'read')), handwritten(nemesis('kill', ['n1']))];
    for (const history of histories) {
      expect(renderLatencyCharts(history, axis, [])).toBeUndefined();
      expect(renderRateChart(history, axis, [])).toBeUndefined();
    }
  });

  it('have a mark for every operation, at its invocation and as high as it took long', () => {
    const root = latencyCharts(operations(['ok', 0, 1], ['fail', 250, 10], ['info', 500, 100]));
    expect(marksOf(root.one('#latency'))).toEqual([
      'ok M0 1000h0 #1 read 0 ok · 1 ms · at 0 s',
      'fail M250 500h0 #3 read 1 fail · 10 ms · at 0.25 s',
      'info M500 0h0 #5 read 2 info · 100 ms · at 0.5 s',
    ]);
    expect(root.one('#latency-summary').text).toBe(
      'From invocation to completion, at the time of the invocation: 1 ok, the slowest 1 ms; 1 fail, the slowest 10 ms; 1 info, the slowest 100 ms.',
    );
    expect(
      root
        .one('#latency')
        .one('.vertical-axis')
        .all('span')
        .map(({ text }) => text),
    ).toEqual(['1 ms', '10 ms', '100 ms']);
  });

  it('tell the truth about an operation that took no time', () => {
    const root = latencyCharts(operations(['ok', 500, 0]));
    expect(marksOf(root.one('#latency'))).toEqual(['ok M500 1000h0 #1 read 0 ok · 0 ns · at 0.5 s']);
    expect(root.one('#latency').texts('td')).toEqual(['1', '0 ns']);
    expect(root.one('#quantiles').texts('td')).toEqual(['1', '0 ns', '0 ns', '0 ns', '0 ns']);
  });

  it('have marks side by side where all took the same', () => {
    const root = latencyCharts(operations(['ok', 0, 3], ['ok', 100, 3], ['ok', 200, 3]));
    const heights = root
      .one('#latency')
      .all('path.mark')
      .map(({ attributes }) => attributes.get('d')?.split(' ')[1])
      .filter((height) => height !== '10h0');
    expect(new Set(heights).size).toBe(1);
    expect(root.one('#latency').one('.vertical-axis').texts('span')).toEqual(['1 ms', '10 ms']);
  });

  it('have quantiles of what was ok, in windows, with no line where nothing was', () => {
    const root = latencyCharts(operations(['ok', 0, 1], ['ok', 1, 3], ['ok', 500, 9], ['fail', 700, 99]));
    const quantiles = root.one('#quantiles');
    expect(quantiles.texts('th').slice(6)).toEqual(['0 s', '0.5 s']);
    expect(quantiles.texts('td')).toEqual(['2', '1 ms', '3 ms', '3 ms', '3 ms', '1', '9 ms', '9 ms', '9 ms', '9 ms']);
    expect(quantiles.one('svg.plot').one('path.solid').attributes.get('d')).toMatch(/^M0 1000H10M500 [\d.]+H510$/);
    expect(quantiles.one('#quantiles-summary').text).toContain('half of what began at 0.5 s took 9 ms or more');
  });

  it('have no quantiles where nothing was ok', () => {
    expect(latencyCharts(operations(['info', 0, 5])).all('#quantiles')).toEqual([]);
  });

  it('count in cells beyond two thousand operations, and say so', () => {
    const history = longHistory({ operationCount: 2001, concurrency: 10 });
    const root = latencyCharts(history, history.timeAt(history.length - 1)).one('#latency');
    const counted = root
      .one('svg.plot')
      .all('title')
      .map(({ text }) => Number(text.split(' ')[0]));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(2001);
    expect(root.one('.note').text).toBe(
      '2,001 operations are counted in 125 × 40 cells; a larger mark stands for ten times as many.',
    );
    const exact = longHistory({ operationCount: 2000, concurrency: 10 });
    expect(latencyCharts(exact, 1e12).one('#latency').all('.note')).toEqual([]);
  });

  it('count in larger cells where there would be too many marks', () => {
    const history = longHistory({ operationCount: 30_000, concurrency: 100, badShare: 300, decades: 4 });
    const root = latencyCharts(history, history.timeAt(history.length - 1)).one('#latency');
    const titles = root.one('svg.plot').all('title');
    expect(titles.length).toBeLessThan(3000);
    expect(titles.reduce((sum, { text }) => sum + Number(text.split(' ')[0]?.replace(',', '')), 0)).toBe(30_000);
    expect(root.one('.note').text).toMatch(/counted in (90 × 30|75 × 22|60 × 16) cells/);
  });
});

describe('the rate chart', () => {
  const rateChart = (history: History, end = END) => read(renderRateChart(history, new TimeAxis(end), []));

  it('counts completions a second, by outcome', () => {
    const root = rateChart(
      operations(['ok', 0, 1], ['ok', 1, 1], ['fail', 500, 1], ['fail', 600, 1], ['fail', 700, 1]),
    );
    expect(root.one('#rate-summary').text).toBe('2 ok, 3 fail in 1 s: 5 a second on average.');
    expect(root.one('.note').text).toBe('Counted in windows of 10 ms; the figures are means of several.');
    // Two in 10 ms are 200 a second, at the top; then none.
    expect(root.one('svg.plot').one('path.line-ok').attributes.get('d')).toMatch(/^M0 0H10V1000H20V1000H30/);
    expect(root.one('svg.plot').all('path.line-info')).toEqual([]);
  });

  it('gives way to a sentence for a few operations, and for a run that is too short for a rate', () => {
    expect(rateChart(operations(['ok', 0, 0.05]), 50e3).text).toBe(
      '1 operation was completed in 50 µs: too few for operations a second.',
    );
    expect(rateChart(operations(...Array(4).fill(['ok', 0, 1])), 3600.4e9).text).toBe(
      '4 operations were completed in 3600.4 s: too few for operations a second.',
    );
    expect(rateChart(operations(...Array(2000).fill(['ok', 0, 1])), 30e6).text).toBe(
      '2,000 operations were completed in 30 ms: too short a time for operations a second.',
    );
  });

  it('stands for the shortest run, with times that are told apart', () => {
    const root = rateChart(operations(...Array(5).fill(['ok', 0, 2])), 100e6);
    expect(root.one('#rate-summary').text).toBe('5 ok in 100 ms: 50 a second on average.');
    const [head, ...from] = root.texts('th').filter((text) => text !== 'ok/s');
    expect(head).toBe('from');
    expect(new Set(from).size).toBe(from.length);
  });

  it('counts what completes at the very end in the last window', () => {
    const root = rateChart(operations(...Array(5).fill(['ok', 0, 1000])));
    expect(root.one('svg.plot').one('path.line-ok').attributes.get('d')).toMatch(/V1000H990V0H1000$/);
  });
});
