/** How long operations took: each of them over time, and the quantiles of the successful ones. */

import { Latencies } from '../checkers/latency.ts';
import { indexPairs } from '../checkers/pairs.ts';
import type { History } from '../history/history.ts';
import type { FaultSpan } from './fault-spans.ts';
import type { Markup } from './markup.ts';
import { markup } from './markup.ts';
import { describeOperation } from './operation-words.ts';
import { EXTENT, LogScale, niceStep, place, timeDigits, writeCount, writeDuration, writeTime } from './scales.ts';
import { renderScatter, type ScatterPoint, TYPES } from './scatter.ts';
import { renderTimeChart, TABLE_ROWS_MAX, type TimeAxis, thinOut } from './time-chart.ts';

/** The length of a value in the title of a mark. */
const TITLE_VALUE_LENGTH_MAX = 60;
const WINDOWS_MAX = 100;
/** A latency of zero has no place on a logarithmic axis. It is drawn here. */
const DRAWN_LATENCY_NS_MIN = 1000;
const NAMES = { ok: 'ok', fail: 'fail', info: 'info' } as const;
const QUANTILES = [
  { percent: 50, name: 'p50', line: 'line solid' },
  { percent: 95, name: 'p95', line: 'line dashed' },
  { percent: 99, name: 'p99', line: 'line dotted' },
  { percent: 100, name: 'max', line: 'line thin' },
] as const;

/** Its time is that of the invocation. */
interface Point extends ScatterPoint {
  readonly invocation: number;
  readonly completion: number;
}

/** Both charts; nothing for a run in which nothing was completed. */
export function renderLatencyCharts(history: History, axis: TimeAxis, spans: readonly FaultSpan[]): Markup | undefined {
  const points = new Points(history);
  if (points.count === 0) return undefined;
  const min = drawn(points.min);
  const scale = new LogScale(min, Math.max(points.max, min * 1.0001));
  return markup`${renderOperations(history, { axis, scale, points }, spans)}${renderQuantiles({ axis, scale, points }, spans)}`;
}

/** Every completed operation, in columns: a run of millions is read several times. */
class Points implements Iterable<Point> {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly #invocations: Int32Array;
  readonly #completions: Int32Array;
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
    this.#invocations = new Int32Array(history.length / 2 + 1);
    this.#completions = new Int32Array(history.length / 2 + 1);
    let count = 0;
    let min = Number.POSITIVE_INFINITY;
    let max = 0;
    for (const { invocation, completion } of indexPairs(history)) {
      this.#invocations[count] = invocation;
      this.#completions[count++] = completion;
      const latency = this.#latency(invocation, completion);
      min = Math.min(min, latency);
      max = Math.max(max, latency);
    }
    this.count = count;
    this.min = min;
    this.max = max;
  }

  *[Symbol.iterator](): Iterator<Point> {
    for (let index = 0; index < this.count; index++) {
      const invocation = this.#invocations[index] as number;
      const completion = this.#completions[index] as number;
      yield {
        invocation,
        completion,
        type: this.#history.typeAt(completion) as Point['type'],
        time: this.#history.timeAt(invocation),
        latency: this.#latency(invocation, completion),
      };
    }
  }

  #latency(invocation: number, completion: number): number {
    return this.#history.timeAt(completion) - this.#history.timeAt(invocation);
  }
}

function drawn(latency: number): number {
  return Math.max(latency, DRAWN_LATENCY_NS_MIN);
}

interface Frame {
  readonly axis: TimeAxis;
  readonly scale: LogScale;
  readonly points: Points;
}

function renderOperations(history: History, frame: Frame, spans: readonly FaultSpan[]): Markup {
  const { axis, scale, points } = frame;
  const counts = { ok: 0, fail: 0, info: 0 };
  const slowest = { ok: 0, fail: 0, info: 0 };
  for (const { type, latency } of points) {
    counts[type]++;
    slowest[type] = Math.max(slowest[type], latency);
  }
  const tell = ({ invocation, completion, latency, time }: Point) =>
    `${describeOperation(history, invocation, completion, TITLE_VALUE_LENGTH_MAX)} · ${writeDuration(latency)} · at ${writeTime(time)}`;
  const drawnMin = DRAWN_LATENCY_NS_MIN;
  const { plot, note } = renderScatter({ ...frame, drawnMin, noun: 'operations', words: NAMES, tell });
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
      plot,
      legend: present.map((type) => ({ kind: type, text: OUTCOME_WORDS[type] })),
      note,
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
  info: 'info: undecided',
};

function renderQuantiles({ axis, scale, points }: Frame, spans: readonly FaultSpan[]): Markup | undefined {
  const width = niceStep(axis.end / WINDOWS_MAX);
  const digits = timeDigits(width);
  const windows = Array.from({ length: Math.ceil(axis.end / width) }, () => new Latencies());
  for (const { type, time, latency } of points)
    if (type === 'ok') windows[Math.min(Math.floor(time / width), windows.length - 1)]?.add(latency);
  const filled = windows.flatMap((latencies, index) =>
    latencies.count === 0 ? [] : { latencies, from: index * width },
  );
  if (filled.length === 0) return undefined;
  const lines = QUANTILES.map(({ percent, line }) => {
    let before = Number.NEGATIVE_INFINITY;
    const steps = filled.map(({ latencies, from }) => {
      // A window without a successful operation has no line.
      const joined = from - before < width * 1.5;
      before = from;
      const y = place(EXTENT - scale.at(drawn(latencies.percentile(percent))));
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
      summary: `In windows of ${writeDuration(width)}. The slowest window in the middle: half of what began at ${writeTime(worst.from, digits)} took ${writeDuration(worst.latencies.percentile(50))} or more.`,
      verticalTitle: 'latency, logarithmic',
      verticalTicks: scale.ticks(writeDuration),
      plot: markup`${lines}`,
      legend: QUANTILES.map(({ name, line }) => ({ kind: line, text: name })),
      table: {
        columns: ['from', 'operations', ...QUANTILES.map(({ name }) => name)],
        rows: thinOut(filled, (several) =>
          several.reduce((one, other) => (other.latencies.max > one.latencies.max ? other : one)),
        ).map(({ latencies, from }) => [
          writeTime(from, digits),
          writeCount(latencies.count),
          ...QUANTILES.map(({ percent }) => writeDuration(latencies.percentile(percent))),
        ]),
      },
      note:
        filled.length > TABLE_ROWS_MAX
          ? 'Of the figures, the windows with the slowest operations are listed.'
          : undefined,
    },
    axis,
    spans,
  );
}
