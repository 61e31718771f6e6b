/**
 * The end of an order of operations, and the one that does not fit: every operation as a bar from its invocation to its
 * completion, with its number in the order where it took effect. Only the order of events counts, so each has a column.
 */

import type { Order } from '../checkers/proof.ts';
import type { History } from '../history/history.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { type Markup, markup } from './markup.ts';

const REASON_LENGTH_MAX = 300;
const LABEL_LENGTH_MAX = 14;

/** Pixels. */
const GUTTER = 90;
const COLUMN = 40;
const ROW = 46;
const MARGIN = 12;
const BAR_TOP = 20;
const BAR_HEIGHT = 18;
const RADIUS = 9;
/** How far an effect is behind the beginning of its operation, and behind the effect before it, in columns. */
const AFTER_BEGIN = 0.45;
const AFTER_EFFECT = 0.1;

export interface OrderPictureOptions {
  readonly order: Order;
  /** Other operations that were open when the misfit ended: completions, or invocations of what never ended. */
  readonly others: readonly number[];
  readonly history: History;
  /** By completion. */
  readonly invocations: ReadonlyMap<number, number>;
  /** An operation, with its client and time. */
  readonly tell: (operation: number) => Markup;
}

export function renderOrder(options: OrderPictureOptions): Markup {
  const { order, tell } = options;
  const { steps, misfit } = order;
  return markup`<figure class="order" aria-label="An order of operations, and the one that does not fit">
<div class="scroll" tabindex="0" role="region" aria-label="An order of operations">${renderBars(options)}</div>
<ol>${steps.map(
    ({ operation, text, state }) => markup`<li>${tell(operation)}<p>${text}: it is ${state}</p></li>
`,
  )}<li class="misfit">${tell(misfit.operation)}<p><b>${misfit.text} does not fit</b>: ${excerpt(misfit.reason, REASON_LENGTH_MAX)}</p></li></ol></figure>`;
}

interface Bar {
  readonly process: number;
  readonly label: string;
  /** Indices in the history; the end is absent for what never ended. */
  readonly begin: number;
  readonly end: number | undefined;
  /** From 1; absent if it has none. */
  readonly number: number | undefined;
  readonly kind: 'ok' | 'info' | 'misfit';
}

function listBars({ order, others, history, invocations }: OrderPictureOptions): readonly Bar[] {
  const { steps, misfit } = order;
  const barOf = (operation: number, label: string, kind: Bar['kind'], number?: number): Bar => ({
    process: history.processAt(operation),
    label: excerpt(label, LABEL_LENGTH_MAX),
    begin: invocations.get(operation) ?? operation,
    end: history.typeAt(operation) === 'invoke' || history.typeAt(operation) === 'info' ? undefined : operation,
    number,
    kind,
  });
  const placed = new Set([...steps.map(({ operation }) => operation), misfit.operation]);
  return [
    ...steps.map(({ operation, text }, index) => barOf(operation, text, 'ok', index + 1)),
    ...others
      .filter((operation) => !placed.has(operation))
      .map((operation) => barOf(operation, history.functionAt(operation), 'info')),
    barOf(misfit.operation, misfit.text, 'misfit'),
  ];
}

function renderBars(options: OrderPictureOptions): Markup {
  const bars = listBars(options);
  const events = [...new Set(bars.flatMap(({ begin, end }) => [begin, ...(end === undefined ? [] : [end])]))];
  events.sort((one, other) => one - other);
  const columns = new Map(events.map((event, column) => [event, column]));
  const xOf = (column: number) => Math.round((GUTTER + MARGIN + column * COLUMN) * 10) / 10;
  const from = ({ begin }: Bar) => columns.get(begin) as number;
  const to = ({ end }: Bar) => (end === undefined ? events.length : (columns.get(end) as number));
  const processes = [...new Set(bars.map(({ process }) => process))].sort((one, other) => one - other);
  const yOf = ({ process }: Bar) => processes.indexOf(process) * ROW;
  const points = effectsOf(bars, from, to).map(([bar, column]) => ({ bar, x: xOf(column), y: middleOf(yOf(bar)) }));
  const width = xOf(events.length) + MARGIN + COLUMN;
  const height = processes.length * ROW + MARGIN;
  const told = bars.map(
    ({ number, label, kind }) => `${number ?? (kind === 'misfit' ? 'does not fit' : 'open')}: ${label}`,
  );
  return markup`<svg class="order-bars" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${told.join(', ')}">
${processes.map((process, row) => markup`<text class="process" x="0" y="${row * ROW + BAR_TOP + 13}">process ${process}</text><path class="life" d="M${GUTTER} ${middleOf(row * ROW)}H${width - MARGIN}"/>`)}
${bars.map((bar) => {
  const [x, y] = [xOf(from(bar)), yOf(bar)];
  return markup`<rect class="interval ${bar.kind}" x="${x}" y="${y + BAR_TOP}" width="${xOf(to(bar)) - x}" height="${BAR_HEIGHT}"/><text x="${x}" y="${y + 14}">${bar.label}</text>
`;
})}<path class="line thin" d="M${points.map(({ x, y }) => `${x} ${y}`).join('L')}"/>
${points.map(({ bar, x, y }) => markup`<circle cx="${x}" cy="${y}" r="${RADIUS}"/><text class="number" x="${x}" y="${y}">${bar.number}</text>`)}
</svg>`;
}

function middleOf(top: number): number {
  return top + BAR_TOP + BAR_HEIGHT / 2;
}

/** The column at which each numbered operation took effect: within its bar, and after the one before it. */
function effectsOf(
  bars: readonly Bar[],
  from: (bar: Bar) => number,
  to: (bar: Bar) => number,
): readonly (readonly [Bar, number])[] {
  let last = Number.NEGATIVE_INFINITY;
  return bars.flatMap((bar) => {
    if (bar.number === undefined) return [];
    last = Math.min(Math.max(last + AFTER_EFFECT, from(bar) + AFTER_BEGIN), Math.max(to(bar) - AFTER_EFFECT, last));
    return [[bar, last] as const];
  });
}
