/** How many operations were completed in a second, by outcome. */

import type { History } from '../history/history.ts';
import type { FaultSpan } from './fault-spans.ts';
import { type Markup, markup } from './markup.ts';
import {
  EXTENT,
  LinearScale,
  niceStep,
  place,
  timeDigits,
  writeCount,
  writeCounted,
  writeDuration,
  writeNumber,
  writeRunTime,
  writeTime,
} from './scales.ts';
import { renderTimeChart, TABLE_ROWS_MAX, type TimeAxis, thinOut } from './time-chart.ts';

const WINDOWS_MAX = 120;
/** Fewer operations, or a shorter run, have no meaningful rate. */
const OPERATIONS_MIN = 5;
const RUN_NS_MIN = 1e8;
const LINES = { ok: 'line line-ok solid', fail: 'line line-fail dashed', info: 'line line-info dotted' } as const;
type Outcome = keyof typeof LINES;
const OUTCOMES: readonly Outcome[] = ['ok', 'fail', 'info'];

/** Nothing for a run in which nothing was completed, and a sentence for one that was too short. */
export function renderRateChart(history: History, axis: TimeAxis, spans: readonly FaultSpan[]): Markup | undefined {
  const width = niceStep(axis.end / WINDOWS_MAX);
  const count = Math.ceil(axis.end / width);
  const counts = { ok: new Float64Array(count), fail: new Float64Array(count), info: new Float64Array(count) };
  const totals = { ok: 0, fail: 0, info: 0 };
  for (let index = 0; index < history.length; index++) {
    const type = history.typeAt(index);
    if (type === 'invoke' || history.isNemesisAt(index)) continue;
    const window = Math.min(Math.floor(history.timeAt(index) / width), count - 1);
    counts[type][window] = (counts[type][window] as number) + 1;
    totals[type]++;
  }
  const present = OUTCOMES.filter((type) => totals[type] > 0);
  if (present.length === 0) return undefined;
  const total = present.reduce((sum, type) => sum + totals[type], 0);
  if (total < OPERATIONS_MIN || axis.end < RUN_NS_MIN) {
    const was = total === 1 ? 'was' : 'were';
    return markup`<p>${writeCounted(total, 'operation')} ${was} completed in ${writeRunTime(axis.end)}: too ${total < OPERATIONS_MIN ? 'few' : 'short a time'} for operations a second.</p>`;
  }
  const rateOf = (type: Outcome, window: number) => (counts[type][window] as number) / (width / 1e9);
  const windows = Array.from({ length: count }, (_, window) => window);
  const highest = Math.max(...present.flatMap((type) => windows.map((window) => rateOf(type, window))));
  const scale = new LinearScale(highest);
  const lines = present.map((type) => {
    const steps = windows.map((window) => {
      const y = place(EXTENT - scale.at(rateOf(type, window)));
      const x = axis.at(window * width);
      return window === 0 ? `M${x} ${y}H${axis.at(width)}` : `V${y}H${axis.at((window + 1) * width)}`;
    });
    return markup`<path class="${LINES[type]}" d="${steps.join('')}"/>
`;
  });
  const seconds = axis.end / 1e9;
  return renderTimeChart(
    {
      id: 'rate',
      title: 'Operations completed a second',
      summary: `${present.map((type) => `${writeCount(totals[type])} ${type}`).join(', ')} in ${writeRunTime(axis.end)}: ${writeNumber(total / seconds)} a second on average.`,
      verticalTitle: 'operations a second',
      verticalTicks: scale.ticks((value) => writeNumber(value)),
      plot: markup`${lines}`,
      legend: present.map((type) => ({ kind: LINES[type], text: type })),
      note: `Counted in windows of ${writeDuration(width)}${count > TABLE_ROWS_MAX ? '; the figures are means of several' : ''}.`,
      table: {
        columns: ['from', ...present.map((type) => `${type}/s`)],
        rows: thinOut(
          windows.map((window) => ({ from: window * width, rates: present.map((type) => rateOf(type, window)) })),
          (several) => ({
            from: several[0]?.from ?? 0,
            rates: present.map(
              (_, index) => several.reduce((sum, { rates }) => sum + (rates[index] as number), 0) / several.length,
            ),
          }),
        ).map(({ from, rates }) => [writeTime(from, timeDigits(width)), ...rates.map((rate) => writeNumber(rate))]),
      },
    },
    axis,
    spans,
  );
}
