/**
 * How long operations took: every one of them over time, and the quantiles of those that were ok.
 */

import { Latencies } from '../checkers/latency.ts';
import { indexPairs } from '../checkers/pairs.ts';
import type { History } from '../history/history.ts';
import type { FaultSpan } from './fault-spans.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';
import { describeOperation } from './operation-words.ts';
import { EXTENT, LogScale, niceStep, place, writeCount, writeDuration, writeTime } from './scales.ts';
import { renderMark, renderTimeChart, type TimeAxis, thinOut } from './time-chart.ts';

/** Up to so many operations each is a mark of its own; beyond, they are counted in cells. */
const MARKS_MAX = 2000;
const COLUMNS = 125;
const ROWS = 40;
const WINDOWS_MAX = 100;
/** A latency of nothing at all has no place on a logarithmic axis. */
const LATENCY_NS_MIN = 1000;
const TYPES = ['ok', 'fail', 'info'] as const;
const QUANTILES = [
  { percent: 50, name: 'p50', line: 'line solid' },
  { percent: 95, name: 'p95', line: 'line dashed' },
  { percent: 99, name: 'p99', line: 'line dotted' },
  { percent: 100, name: 'max', line: 'line thin' },
] as const;

interface Point {
  readonly invocation: number;
  readonly completion: number;
  readonly type: (typeof TYPES)[number];
  /** ns, when it began. */
  readonly time: number;
  readonly latency: number;
}

/** Both charts; nothing for a run in which nothing was completed. */
export function renderLatencyCharts(history: History, axis: TimeAxis, spans: readonly FaultSpan[]): Markup | undefined {
  let count = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  for (const { latency } of points(history)) {
    count++;
    min = Math.min(min, latency);
    max = Math.max(max, latency);
  }
  if (count === 0) return undefined;
  const scale = new LogScale(min, Math.max(max, min * 1.0001));
  return markup`${renderScatter(history, { axis, scale, count }, spans)}${renderQuantiles(history, { axis, scale }, spans)}`;
}

function* points(history: History): IterableIterator<Point> {
  for (const { invocation, completion } of indexPairs(history)) {
    const time = history.timeAt(invocation);
    const latency = Math.max(history.timeAt(completion) - time, LATENCY_NS_MIN);
    yield { invocation, completion, type: history.typeAt(completion) as Point['type'], time, latency };
  }
}

function renderScatter(
  history: History,
  { axis, scale, count }: { axis: TimeAxis; scale: LogScale; count: number },
  spans: readonly FaultSpan[],
): Markup {
  const counts = { ok: 0, fail: 0, info: 0 };
  const slowest = { ok: 0, fail: 0, info: 0 };
  for (const { type, latency } of points(history)) {
    counts[type]++;
    slowest[type] = Math.max(slowest[type], latency);
  }
  const single = count <= MARKS_MAX;
  const present = TYPES.filter((type) => counts[type] > 0);
  const described = present.map(
    (type) => `${writeCount(counts[type])} ${type}, the slowest ${writeDuration(slowest[type])}`,
  );
  return renderTimeChart(
    {
      id: 'latency',
      title: 'Latency of every operation',
      summary: `From invocation to completion, at the time of the invocation: ${described.join('; ')}.`,
      verticalTitle: 'latency, logarithmic',
      verticalTicks: scale.ticks(writeDuration),
      plot: single ? renderPoints(history, axis, scale) : renderCells(history, axis, scale),
      legend: present.map((type) => ({ kind: type, text: OUTCOME_WORDS[type] })),
      note: single
        ? undefined
        : `${writeCount(count)} operations are counted in ${COLUMNS} × ${ROWS} cells; a larger mark stands for ten times as many.`,
      table: {
        columns: ['outcome', 'operations', 'slowest'],
        rows: present.map((type) => [type, writeCount(counts[type]), writeDuration(slowest[type])]),
      },
    },
    axis,
    spans,
  );
}

export const OUTCOME_WORDS: Readonly<Record<Point['type'], string>> = {
  ok: 'ok: it happened',
  fail: 'fail: it did not, and never will',
  info: 'info: nobody knows',
};

function renderPoints(history: History, axis: TimeAxis, scale: LogScale): Markup {
  const marks: Markup[] = [];
  for (const { invocation, completion, type, time, latency } of points(history)) {
    const title = `${describeOperation(history, invocation, completion)} · ${writeDuration(latency)} · at ${writeTime(time)}`;
    marks.push(markup`${renderMark(type, axis.at(time), place(EXTENT - scale.at(latency)), title)}
`);
  }
  return markup`${marks}`;
}

/** What is frequent is drawn first, so that what is rare lies on top. */
function renderCells(history: History, axis: TimeAxis, scale: LogScale): Markup {
  const cells = { ok: new Map<number, number>(), fail: new Map<number, number>(), info: new Map<number, number>() };
  for (const { type, time, latency } of points(history)) {
    const column = Math.min(Math.floor((time / axis.end) * COLUMNS), COLUMNS - 1);
    const row = Math.min(Math.floor((scale.at(latency) / EXTENT) * ROWS), ROWS - 1);
    const cell = column * ROWS + row;
    cells[type].set(cell, (cells[type].get(cell) ?? 0) + 1);
  }
  return markup`${TYPES.map((type) =>
    [...cells[type]].map(([cell, count]) => {
      const x = ((Math.floor(cell / ROWS) + 0.5) / COLUMNS) * EXTENT;
      const y = (((cell % ROWS) + 0.5) / ROWS) * EXTENT;
      const title = `${writeCount(count)} ${type} · about ${writeDuration(scale.valueAt(y))} · around ${writeTime((x / EXTENT) * axis.end, 2)}`;
      return markup`${renderMark(`${type} many-${Math.min(3, Math.floor(Math.log10(count)))}`, place(x), place(EXTENT - y), title)}
`;
    }),
  )}`;
}

function renderQuantiles(
  history: History,
  { axis, scale }: { axis: TimeAxis; scale: LogScale },
  spans: readonly FaultSpan[],
): Markup | undefined {
  const width = niceStep(axis.end / WINDOWS_MAX);
  const windows = Array.from({ length: Math.ceil(axis.end / width) }, () => new Latencies());
  for (const { type, time, latency } of points(history))
    if (type === 'ok') windows[Math.min(Math.floor(time / width), windows.length - 1)]?.add(latency);
  const filled = windows.flatMap((latencies, index) =>
    latencies.count === 0 ? [] : { latencies, from: index * width },
  );
  if (filled.length === 0) return undefined;
  const lines = QUANTILES.map(({ percent, line }) => {
    let before = Number.NEGATIVE_INFINITY;
    const steps = filled.map(({ latencies, from }) => {
      // Across a window in which nothing was ok there is no line.
      const joined = from - before < width * 1.5;
      before = from;
      const y = place(EXTENT - scale.at(latencies.percentile(percent)));
      return `${joined ? `V${y}` : `M${axis.at(from)} ${y}`}H${axis.at(from + width)}`;
    });
    return markup`<path class="${line}" d="${steps.join('')}"/>
`;
  });
  const worst = filled.reduce((one, other) =>
    other.latencies.percentile(50) > one.latencies.percentile(50) ? other : one,
  );
  return renderTimeChart(
    {
      id: 'quantiles',
      title: 'Latency quantiles of what was ok',
      summary: `In windows of ${writeDuration(width)}. The slowest window in the middle: half of what began at ${writeTime(worst.from)} took ${writeDuration(worst.latencies.percentile(50))} or more.`,
      verticalTitle: 'latency, logarithmic',
      verticalTicks: scale.ticks(writeDuration),
      plot: markup`${lines}`,
      legend: QUANTILES.map(({ name, line }) => ({ kind: line, text: name })),
      table: {
        columns: ['from', 'operations', ...QUANTILES.map(({ name }) => name)],
        rows: thinOut(filled, (several) =>
          several.reduce((one, other) => (other.latencies.max > one.latencies.max ? other : one)),
        ).map(({ latencies, from }) => [
          writeTime(from),
          writeCount(latencies.count),
          ...QUANTILES.map(({ percent }) => writeDuration(latencies.percentile(percent))),
        ]),
      },
      note: filled.length > 24 ? 'Of the figures, the windows with the slowest operations are listed.' : undefined,
    },
    axis,
    spans,
  );
}
