/** How long the elements of a set took until every read had them, over time. */

import type { JudgedElement } from '../checkers/set-full.ts';
import type { History } from '../history/history.ts';
import type { FaultSpan } from './fault-spans.ts';
import type { Markup } from './markup.ts';
import { writeValue } from './operation-words.ts';
import { LogScale, niceStep, timeDigits, writeCount, writeDuration, writeTime } from './scales.ts';
import { renderScatter, type ScatterPoint, TYPES } from './scatter.ts';
import { renderTimeChart, type TimeAxis } from './time-chart.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;
/** Latencies are whole ms. Those of zero are drawn here, ns. */
const DRAWN_MIN = NANOSECONDS_PER_MILLISECOND;
const VALUE_LENGTH_MAX = 60;
const WINDOWS_MAX = 20;

const WORDS = { ok: 'stable', fail: 'lost', info: 'never read' } as const;
const LEGEND = {
  ok: 'stable: no later read lacks it',
  fail: 'lost: it was known, and is missing in the end',
  info: 'never read: it may not have been added',
} as const;

/** An element, at the time of its add. */
interface Point extends ScatterPoint {
  readonly judged: JudgedElement;
}

/** Nothing for a run in which nothing was added. */
export function renderStableLatencies(
  history: History,
  elements: readonly JudgedElement[],
  axis: TimeAxis,
  spans: readonly FaultSpan[],
): Markup | undefined {
  if (elements.length === 0) return undefined;
  const points = elements.map((judged) => pointOf(history, judged));
  const greatest = points.reduce((most, { latency }) => Math.max(most, latency), DRAWN_MIN);
  const scale = new LogScale(DRAWN_MIN, greatest * 1.0001);
  const byType = (wanted: Point['type']) => points.filter(({ type }) => type === wanted);
  const present = TYPES.filter((type) => byType(type).length > 0);
  const { plot, note } = renderScatter({
    axis,
    scale,
    points: { count: points.length, [Symbol.iterator]: () => points[Symbol.iterator]() },
    drawnMin: DRAWN_MIN,
    noun: 'elements',
    words: WORDS,
    tell,
  });
  return renderTimeChart(
    {
      id: 'stable-latency',
      title: 'Until every read has an element',
      summary: `From the moment at which an element was known, that is acknowledged or seen, to the last read that lacks it, at the time of its add: ${present.map((type) => describe(type, byType(type))).join('; ')}.`,
      verticalTitle: 'latency, logarithmic; all below 1 ms at the bottom',
      verticalTicks: scale.ticks(writeDuration),
      plot,
      legend: present.map((type) => ({ kind: type, text: LEGEND[type] })),
      note,
      table: tableOf(points, axis),
    },
    axis,
    spans,
  );
}

function pointOf(history: History, judged: JudgedElement): Point {
  const { element, outcome, known, stableLatency } = judged;
  const time = history.timeAt(element.firstAdded);
  if (outcome === 'stable')
    return { judged, type: 'ok', time, latency: (stableLatency as number) * NANOSECONDS_PER_MILLISECOND };
  const from = history.timeAt(known ?? element.firstAdded);
  const to = element.lastAbsent < 0 ? from : history.timeAt(element.lastAbsent);
  return { judged, type: outcome === 'lost' ? 'fail' : 'info', time, latency: Math.max(0, to - from) };
}

function tell({ judged, type, latency, time }: Point): string {
  const { element, stableLatency } = judged;
  const after = type === 'ok' ? `stable after ${stableLatency} ms` : `${WORDS[type]}, ${writeDuration(latency)} later`;
  return `${writeValue(element.value, VALUE_LENGTH_MAX)} · ${after} · added at ${writeTime(time)}`;
}

function describe(type: Point['type'], points: readonly Point[]): string {
  const count = `${writeCount(points.length)} ${WORDS[type]}`;
  if (type !== 'ok') return count;
  const sorted = sortedLatencies(points);
  return `${count}, half of them within ${writeDuration(medianOf(sorted))}, the slowest after ${writeDuration(sorted.at(-1) as number)}`;
}

function sortedLatencies(points: readonly Point[]): Float64Array {
  return Float64Array.from(points, ({ latency }) => latency).sort();
}

/** As `set-full` has its quantiles. */
function medianOf(sorted: Float64Array): number {
  return sorted[Math.floor(sorted.length / 2)] as number;
}

function tableOf(points: readonly Point[], axis: TimeAxis) {
  const width = niceStep(axis.end / WINDOWS_MAX);
  const windows = new Map<number, Point[]>();
  for (const point of points) {
    const window = Math.floor(point.time / width);
    const there = windows.get(window);
    if (there === undefined) windows.set(window, [point]);
    else there.push(point);
  }
  return {
    columns: ['added from', 'elements', 'stable', 'median', 'slowest', 'lost', 'never read'],
    rows: [...windows]
      .sort(([one], [other]) => one - other)
      .map(([window, there]) => {
        const [stable, lost, unread] = TYPES.map((wanted) => there.filter(({ type }) => type === wanted)) as [
          Point[],
          Point[],
          Point[],
        ];
        const sorted = sortedLatencies(stable);
        return [
          writeTime(window * width, timeDigits(width)),
          writeCount(there.length),
          writeCount(stable.length),
          ...(sorted.length === 0 ? ['', ''] : [medianOf(sorted), sorted.at(-1) as number].map(writeDuration)),
          writeCount(lost.length),
          writeCount(unread.length),
        ];
      }),
  };
}
