/**
 * The common parts of all charts over time: the frame with its axes, the faults behind the data, legend, notes, and the
 * same figures as a table for readers who see no picture.
 */

import type { FaultSpan } from './fault-spans.ts';
import { type Content, type Markup, markup } from './markup.ts';
import { EXTENT, labelsWithRoom, niceStep, place, sticksOut, type Tick, timeDigits, writeTime } from './scales.ts';

/** Steps of the time axis. */
const TICKS_MAX = 6;

/** The least width of a plot, px: on a narrow screen, and on a wide one (`40rem` in `page.css`). */
const NARROW_PX = 230;
const WIDE_PX = 490;

/** A fault of no duration must be visible as well, also one at the end. */
const SPAN_WIDTH_MIN = 1;
/** With more faults than this the charts show them without words. The list of faults has the words. */
export const NAMED_SPANS_MAX = 400;
export const TABLE_ROWS_MAX = 24;

/** The time axis of all charts of a run. */
export class TimeAxis {
  /** ns; the first operation is at 0. */
  readonly end: number;
  readonly ticks: readonly Tick[];

  /**
   * @param write for the value at a tick, ns
   * @param begin the value at the left end, ns; ticks are at round numbers
   */
  constructor(end: number, write?: (nanoseconds: number) => string, begin = 0) {
    this.end = Math.max(end, 1);
    const digits = timeDigits(this.end / TICKS_MAX);
    const writeTick = write ?? ((nanoseconds: number) => writeTime(nanoseconds, digits));
    const step = niceStep(this.end / TICKS_MAX);
    const first = Math.ceil((begin / step) * (1 - 1e-15));
    const count = Math.floor(((begin + this.end) / step) * (1 + 1e-15)) - first + 1;
    this.ticks = Array.from({ length: count }, (_, index) => (first + index) * step)
      .map((time) => ({ at: place(((time - begin) / this.end) * EXTENT), text: writeTick(time) }))
      .filter(({ at, text }, index, all) => at >= 0 && at <= EXTENT && all[index - 1]?.text !== text);
  }

  at(nanoseconds: number): number {
    return place((Math.min(Math.max(nanoseconds, 0), this.end) / this.end) * EXTENT);
  }
}

export interface LegendEntry {
  /** The class of the mark that stands for it. */
  readonly kind: string;
  readonly text: string;
}

export interface TimeChart {
  readonly id: string;
  readonly title: string;
  /** The content of the picture, in one or two sentences with the important figures. */
  readonly summary: string;
  /** The vertical axis, with its unit. */
  readonly verticalTitle: string;
  readonly verticalTicks: readonly Tick[];
  /** Paths and rectangles, `EXTENT` wide and high, y downwards. */
  readonly plot: Content;
  readonly legend: readonly LegendEntry[];
  /** How the picture was sampled, if it does not show every single thing. */
  readonly note?: string | undefined;
  readonly table: FigureTable;
}

export interface FigureTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export function renderTimeChart(chart: TimeChart, axis: TimeAxis, spans: readonly FaultSpan[]): Markup {
  const { id, title, summary, verticalTitle, verticalTicks, plot, legend, note, table } = chart;
  return markup`<figure class="chart" id="${id}" aria-labelledby="${id}-title">
<figcaption><h3 id="${id}-title">${title}</h3><p id="${id}-summary">${summary}</p></figcaption>
<p class="vertical-title">${verticalTitle}</p>
<div class="frame">
<div class="vertical-axis" aria-hidden="true">${verticalTicks.map(
    ({ at, text }) => markup`<span style="bottom:${at / 10}%">${text}</span>`,
  )}</div>
<div class="plot-box">${renderSpanNames(axis, spans)}
<svg class="plot" data-plot="time" data-end="${axis.end}" viewBox="0 0 ${EXTENT} ${EXTENT}" preserveAspectRatio="none" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-summary">
${renderSpans(axis, spans)}<path class="grid" d="${verticalTicks.map(({ at }) => `M0 ${EXTENT - at}h${EXTENT}`).join('')}"/>
${plot}</svg></div>
${renderHorizontalAxis(axis)}
</div>
${renderLegend(legend)}${note !== undefined && markup`<p class="note">${note}</p>`}
<details class="figures"><summary>${title}: the figures</summary>${renderTable(title, table)}</details>
</figure>
`;
}

/**
 * The axis below a plot.
 *
 * @param zooms whether scripts write it again when they zoom
 */
export function renderHorizontalAxis({ ticks }: TimeAxis, zooms = true): Markup {
  return markup`<div class="horizontal-axis"${zooms && markup` data-axis="time"`} aria-hidden="true">${fitLabels(
    ticks,
    true,
  ).map(
    ({ at, text, kind }) =>
      markup`<span${kind !== '' && markup` class="${kind}"`} style="left:${at / 10}%">${text}</span>`,
  )}</div>`;
}

interface FittedLabel extends Tick {
  /** Its classes: `before` for a label to the left of its place, `fine` for one that narrow screens leave out. */
  readonly kind: string;
}

/**
 * Labels that neither overlap nor stick out at any width of the plot. Those without room are left out.
 *
 * @param mayTurn whether a label near the end may be written to the left of its place
 */
function fitLabels(labels: readonly Tick[], mayTurn: boolean): readonly FittedLabel[] {
  const isBefore = (label: Tick) => mayTurn && sticksOut(label, WIDE_PX);
  const always = new Set(labelsWithRoom(labels, NARROW_PX, isBefore));
  return labelsWithRoom(labels, WIDE_PX, isBefore).map((label) => {
    const kind = [isBefore(label) ? 'before' : '', always.has(label) ? '' : 'fine'].join(' ').trim();
    return { ...label, kind };
  });
}

export function renderLegend(legend: readonly LegendEntry[]): Markup {
  return markup`<ul class="legend">${legend.map(
    ({ kind, text }) =>
      markup`<li><svg class="swatch" viewBox="0 0 40 20" aria-hidden="true">${renderSwatch(kind)}</svg>${text}</li>`,
  )}</ul>`;
}

/** A table in a box that scrolls if the table is too wide. */
export function renderTable(caption: string, { columns, rows }: FigureTable): Markup {
  return markup`<div class="scroll tall" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${columns.map(
    (column) => markup`<th scope="col">${column}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ([first, ...others]) =>
      markup`<tr><th scope="row">${first}</th>${others.map((cell) => markup`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

/** Merges neighbouring rows until there are few enough to read. */
export function thinOut<T>(rows: readonly T[], merge: (rows: readonly T[]) => T): readonly T[] {
  const size = Math.ceil(rows.length / TABLE_ROWS_MAX);
  if (size <= 1) return rows;
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, index) =>
    merge(rows.slice(index * size, (index + 1) * size)),
  );
}

/** A fault in words. */
function describeSpan({ kind, whom, from, to }: FaultSpan): string {
  return `${kind} ${whom}: ${writeTime(from)} to ${writeTime(to)}`;
}

/** The faults behind the data. Overlapping ones get darker, up to a limit. */
function renderSpans(axis: TimeAxis, spans: readonly FaultSpan[]): Markup {
  return markup`<g class="faults">${drawSpans(axis, spans).map(({ from, to, title }) => {
    const width = place(Math.max(to - from, SPAN_WIDTH_MIN));
    return markup`<rect class="fault" x="${place(Math.min(from, EXTENT - width))}" y="0" width="${width}" height="${EXTENT}">${title !== undefined && markup`<title>${title}</title>`}</rect>
`;
  })}</g>`;
}

/**
 * Where faults are drawn, in the order in which they begin. If there are too many, faults that are too close to tell
 * apart become one.
 */
export function drawSpans(
  axis: TimeAxis,
  spans: readonly FaultSpan[],
): readonly { readonly from: number; readonly to: number; readonly title?: string }[] {
  if (spans.length <= NAMED_SPANS_MAX)
    return spans.map((span) => ({ from: axis.at(span.from), to: axis.at(span.to), title: describeSpan(span) }));
  const drawn: { from: number; to: number }[] = [];
  for (const { from, to } of spans) {
    const last = drawn.at(-1);
    if (last !== undefined && axis.at(from) <= last.to + 1) last.to = Math.max(last.to, axis.at(to));
    else drawn.push({ from: axis.at(from), to: axis.at(to) });
  }
  return drawn;
}

/** The names of the faults above the plot, if there is room for them. */
function renderSpanNames(axis: TimeAxis, spans: readonly FaultSpan[]): Markup {
  const names = fitLabels(
    spans.map(({ kind, from }) => ({ at: axis.at(from), text: kind })),
    false,
  );
  return markup`<div class="fault-names" aria-hidden="true">${names.map(
    ({ at, text, kind }) =>
      markup`<span${kind !== '' && markup` class="${kind}"`} style="left:${at / 10}%" data-at="${at}">${text}</span>`,
  )}</div>`;
}

/** A mark of a kind in a legend, in a box of 40 by 20. */
function renderSwatch(kind: string): Markup {
  if (kind.startsWith('line')) return markup`<path class="${kind}" d="M2 10h36"/>`;
  if (kind === 'fault') return markup`<rect class="fault" x="2" y="2" width="36" height="16"/>`;
  return renderMark(kind, 20, 10);
}

/** One operation: a dot for ok, a square for fail, a ring for info. Shapes make it clear for colour-blind readers. */
export function renderMark(kind: string, x: number, y: number, title?: Content): Markup {
  const inner = title !== undefined && markup`<title>${title}</title>`;
  const d = `M${x} ${y}h0`;
  if (kind.startsWith('info'))
    return markup`<g class="mark ${kind}">${inner}<path class="ring" d="${d}"/><path class="hole" d="${d}"/></g>`;
  return markup`<path class="mark ${kind}" d="${d}">${inner}</path>`;
}
