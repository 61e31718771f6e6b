import { describe, expect, it } from 'vitest';
import { judgeElements, setFullChecker } from '../../src/checkers/set-full.ts';
import { History } from '../../src/history/history.ts';
import { renderStableLatencies } from '../../src/report/set-charts.ts';
import { renderSightings } from '../../src/report/sightings.ts';
import { TimeAxis } from '../../src/report/time-chart.ts';
import { handwritten, info, invoke, ok } from '../support/histories.ts';
import { openPage } from '../support/pages.ts';
import { read, recordOf } from '../support/records.ts';
import type { MarkupElement } from '../support/strict-markup.ts';

const ADDS = new Set(['add', 'broadcast']);
const RUN = { nodes: ['n0', 'n1', 'n2'], concurrency: 3 };

/** 1 is lost, 2 is late at n1 by 300 ms, 3 is there at once, and of 4 nothing is known. */
const HISTORY = handwritten(
  invoke(0, 'broadcast', 1, 0),
  ok(0, 'broadcast', 1, 1),
  invoke(0, 'broadcast', 2, 100),
  ok(0, 'broadcast', 2, 101),
  invoke(0, 'broadcast', 4, 110),
  info(0, 'broadcast', 4, 120),
  invoke(1, 'read', null, 200),
  ok(1, 'read', [1], 201),
  invoke(2, 'read', null, 300),
  ok(2, 'read', [1, 2], 301),
  invoke(1, 'read', null, 401),
  ok(1, 'read', [], 402),
  invoke(2, 'broadcast', 3, 500),
  ok(2, 'broadcast', 3, 501),
  invoke(1, 'read', null, 900),
  ok(1, 'read', [2, 3], 901),
  invoke(2, 'read', null, 1000),
  ok(2, 'read', [2, 3], 1001),
);

function chartOf(history: History): MarkupElement {
  const end = history.timeAt(history.length - 1);
  return read(renderStableLatencies(history, judgeElements(history, ADDS), new TimeAxis(end), []));
}

function sightingsOf(history: History): MarkupElement {
  return read(renderSightings(judgeElements(history, ADDS), { ...RUN, history }));
}

/** Every tenth element is missing at n1 for good. */
function longSet(elementCount: number): History {
  const history = new History();
  const shown: number[] = [];
  for (let value = 0; value < elementCount; value++) {
    history.append({ time: 1e6 * value, process: 0, type: 'invoke', f: 'broadcast', value });
    history.append({ time: 1e6 * value + 1e5, process: 0, type: 'ok', f: 'broadcast', value });
    shown.push(value);
    if (value % 50 !== 0) continue;
    for (const process of [2, 1]) {
      const read = process === 1 ? shown.filter((element) => element % 10 !== 0) : [...shown];
      history.append({ time: 1e6 * value + 2e5 * (3 - process), process, type: 'invoke', f: 'read', value: null });
      history.append({ time: 1e6 * value + 2e5 * (3 - process) + 1e5, process, type: 'ok', f: 'read', value: read });
    }
  }
  return history;
}

describe('the chart of stable latencies', () => {
  it('has a mark for every element: at its add, and as high as reads lacked it', () => {
    const root = chartOf(HISTORY);
    expect(root.texts('title')).toEqual([
      '1 · lost, 999 ms later · added at 0 s',
      '2 · stable after 300 ms · added at 0.1 s',
      '4 · never read, 890 ms later · added at 0.11 s',
      '3 · stable after 0 ms · added at 0.5 s',
    ]);
    expect(root.one('#stable-latency-summary').text).toBe(
      'From the moment at which an element was known, that is acknowledged or seen, to the last read that lacks it, ' +
        'at the time of its add: 2 stable, half of them within 300 ms, the slowest after 300 ms; 1 lost; 1 never read.',
    );
    expect(root.one('.legend').texts('li')).toHaveLength(3);
    expect(root.one('table').texts('tr').slice(0, 2)).toEqual([
      'added fromelementsstablemedianslowestlostnever read',
      '0 s1010',
    ]);
  });

  it('counts many elements in cells, and stays small', () => {
    const history = longSet(6000);
    const markup = renderStableLatencies(history, judgeElements(history, ADDS), new TimeAxis(6e9), []);
    const root = read(markup);
    expect(root.one('.note').text).toMatch(/^6,000 elements are counted in \d+ × \d+ cells/);
    expect(markup?.text.length).toBeLessThan(400_000);
    const counted = root
      .texts('title')
      .map((title) => Number(/^([\d,]+) (stable|lost|never read) /.exec(title)?.[1]?.replaceAll(',', '')));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(6000);
  });

  it('is not there if nothing was added', () => {
    expect(renderStableLatencies(new History(), [], new TimeAxis(1), [])).toBeUndefined();
  });
});

describe('who had an element when', () => {
  it('is told of lost elements and of late ones, for each node', () => {
    const root = sightingsOf(HISTORY);
    expect(root.texts('p')[0]).toBe(
      '1 element lost. 1 element late. Each row has the reads of a node that ended after the add.',
    );
    expect(root.texts('h3')).toEqual(['1: lost', '2: late']);
    expect(root.all('figcaption').map((caption) => caption.one('p').text)).toEqual([
      'Added at 0 ms, acknowledged at 1 ms; the last read that has it began at 300 ms, and the last read that lacks it began at 1,000 ms. Client 0 added it at n0.',
      'Added at 100 ms, acknowledged at 101 ms; a read that began at 401 ms, 300 ms later, lacks it. Client 0 added it at n0.',
    ]);
    const [lost, late] = root.all('figure') as [MarkupElement, MarkupElement];
    expect(lost.all('svg.lane').map(({ attributes }) => attributes.get('aria-label'))).toEqual([
      'n0: 0 of 0 reads have it',
      'n1: 1 of 3 reads have it',
      'n2: 1 of 2 reads have it',
    ]);
    expect(lost.texts('title')).toEqual([
      'n1: 1 read with it · 200 ms to 201 ms · 1 ms',
      'n1: 2 reads without it · 401 ms to 901 ms · 500 ms',
      'n2: 1 read with it · 300 ms to 301 ms · 1 ms',
      'n2: 1 read without it · 1,000 ms to 1,001 ms · 1 ms',
    ]);
    // What follows when a late element is everywhere is not drawn.
    expect(late.texts('title')).toEqual([
      'n1: 2 reads without it · 200 ms to 402 ms · 202 ms',
      'n2: 1 read with it · 300 ms to 301 ms · 1 ms',
    ]);
    expect(late.texts('tr').slice(1)).toEqual(['n0000–––', 'n1312900 ms900 ms401 ms', 'n2220300 ms1,000 ms–']);
  });

  it('finds elements in lists whose parts are shared', () => {
    const root = sightingsOf(longSet(1000));
    expect(root.texts('p')[0]).toMatch(/^96 elements lost; the first 5 are shown\./);
    const [first] = root.all('figure') as [MarkupElement];
    expect(first.all('svg.lane').map(({ attributes }) => attributes.get('aria-label'))).toEqual([
      'n0: 0 of 0 reads have it',
      'n1: 0 of 20 reads have it',
      'n2: 20 of 20 reads have it',
    ]);
  });

  it('says of an element that final reads lack it', () => {
    const last = { ...ok(1, 'read', [], 30), 'final?': true as const };
    const history = handwritten(
      invoke(0, 'add', 'x', 0),
      ok(0, 'add', 'x', 1),
      { ...invoke(1, 'read', null, 20), 'final?': true as const },
      { ...invoke(2, 'read', null, 21), 'final?': true as const },
      last,
      { ...ok(2, 'read', ['x'], 31), 'final?': true as const },
    );
    expect(sightingsOf(history).one('figcaption').text).toContain('19 ms later, lacks it. 1 final read lacks it.');
  });

  it('stays small when elements come and go', () => {
    const history = new History();
    history.append({ time: 0, process: 0, type: 'invoke', f: 'add', value: 1 });
    history.append({ time: 1, process: 0, type: 'ok', f: 'add', value: 1 });
    for (let turn = 0; turn < 20_000; turn++) {
      history.append({ time: 2 + turn * 10, process: 1, type: 'invoke', f: 'read', value: null });
      history.append({ time: 7 + turn * 10, process: 1, type: 'ok', f: 'read', value: turn % 2 === 0 ? [1] : [] });
    }
    const markup = renderSightings(judgeElements(history, ADDS), { ...RUN, history });
    expect(markup?.text.length).toBeLessThan(30_000);
    expect(read(markup).texts('title')[0]).toMatch(/^n1: 125 reads with it, 125 reads without it/);
  });

  it('is not there if all is well', () => {
    const well = handwritten(
      invoke(0, 'add', 1, 0),
      ok(0, 'add', 1, 1),
      invoke(1, 'read', null, 2),
      ok(1, 'read', [1], 3),
    );
    expect(renderSightings(judgeElements(well, ADDS), { ...RUN, history: well })).toBeUndefined();
  });
});

describe('the page of a run with a set', () => {
  it('has both, and the page of another run has none', () => {
    const workload = setFullChecker({ add: 'broadcast', strict: false }).check(
      { nodes: RUN.nodes, concurrency: 3 },
      HISTORY,
    );
    const root = openPage(recordOf(HISTORY, { results: { workload, 'valid?': false } }));
    expect(root.texts('h2').slice(0, 3)).toEqual(['What proves it', 'Elements lost or late', 'Over time']);
    expect(root.all('#stable-latency')).toHaveLength(1);
    const other = openPage(recordOf(HISTORY, { results: { workload: { 'valid?': true }, 'valid?': true } }));
    expect(other.texts('h2')[0]).toBe('Over time');
    expect(other.all('#stable-latency')).toEqual([]);
  });
});
