/** Latencies as marks over time: each a mark of its own, or, if there are too many, counted in cells. */

import { type Markup, markup } from './markup.ts';
import { EXTENT, type LogScale, place, writeCount, writeDuration, writeTime } from './scales.ts';
import { renderMark, type TimeAxis } from './time-chart.ts';

/** Up to this number each point is a mark of its own. More are counted in cells. */
const MARKS_MAX = 2000;
/** Columns and rows of cells. If the first grid gives too many marks, the next one is tried. */
const GRIDS = [
  { columns: 125, rows: 40 },
  { columns: 90, rows: 30 },
  { columns: 75, rows: 22 },
  { columns: 60, rows: 16 },
] as const;
const CELL_MARKS_MAX = 3000;

/** The kinds of marks. */
export const TYPES = ['ok', 'fail', 'info'] as const;

export interface ScatterPoint {
  readonly type: (typeof TYPES)[number];
  /** ns */
  readonly time: number;
  /** ns */
  readonly latency: number;
}

export interface Scatter<Point extends ScatterPoint> {
  readonly axis: TimeAxis;
  readonly scale: LogScale;
  /** Read several times. */
  readonly points: Iterable<Point> & { readonly count: number };
  /** What has no place on a logarithmic axis is drawn at this latency, ns. */
  readonly drawnMin: number;
  /** The points in a word. */
  readonly noun: string;
  /** What a type of points is called. */
  readonly words: Readonly<Record<ScatterPoint['type'], string>>;
  /** The title of a point. */
  readonly tell: (point: Point) => string;
}

/** The marks, and how they were counted if they are not all there. */
export function renderScatter<Point extends ScatterPoint>(
  scatter: Scatter<Point>,
): { readonly plot: Markup; readonly note?: string } {
  const { count } = scatter.points;
  if (count <= MARKS_MAX) return { plot: renderPoints(scatter) };
  const cells = countInCells(scatter);
  const { columns, rows } = cells.grid;
  return {
    plot: renderCells(cells, scatter),
    note: `${writeCount(count)} ${scatter.noun} are counted in ${columns} × ${rows} cells; a larger mark stands for ten times as many.`,
  };
}

function heightOf({ scale, drawnMin }: Pick<Scatter<ScatterPoint>, 'scale' | 'drawnMin'>, latency: number): number {
  return scale.at(Math.max(latency, drawnMin));
}

function renderPoints<Point extends ScatterPoint>({ points, axis, tell, ...heights }: Scatter<Point>): Markup {
  const marks: Markup[] = [];
  for (const point of points) {
    const y = place(EXTENT - heightOf(heights, point.latency));
    marks.push(markup`${renderMark(point.type, axis.at(point.time), y, tell(point))}
`);
  }
  return markup`${marks}`;
}

interface Cells {
  readonly grid: (typeof GRIDS)[number];
  /** Numbers of points by cell. */
  readonly counts: Readonly<Record<ScatterPoint['type'], ReadonlyMap<number, number>>>;
}

/** In the finest grid with few enough marks, or else in the coarsest. */
function countInCells<Point extends ScatterPoint>(scatter: Scatter<Point>): Cells {
  let cells: Cells | undefined;
  for (const grid of GRIDS) {
    cells = countInGrid(scatter, grid);
    const { ok, fail, info } = cells.counts;
    if (ok.size + fail.size + info.size <= CELL_MARKS_MAX) break;
  }
  return cells as Cells;
}

function countInGrid<Point extends ScatterPoint>(scatter: Scatter<Point>, grid: Cells['grid']): Cells {
  const { columns, rows } = grid;
  const counts = { ok: new Map<number, number>(), fail: new Map<number, number>(), info: new Map<number, number>() };
  for (const { type, time, latency } of scatter.points) {
    const column = Math.min(Math.floor((time / scatter.axis.end) * columns), columns - 1);
    const row = Math.min(Math.floor((heightOf(scatter, latency) / EXTENT) * rows), rows - 1);
    const cell = column * rows + row;
    counts[type].set(cell, (counts[type].get(cell) ?? 0) + 1);
  }
  return { grid, counts };
}

/** Frequent outcomes are drawn first, so that rare ones lie on top. */
function renderCells<Point extends ScatterPoint>(
  { grid, counts }: Cells,
  { axis, scale, words }: Scatter<Point>,
): Markup {
  const { columns, rows } = grid;
  return markup`${TYPES.map((type) =>
    [...counts[type]].map(([cell, count]) => {
      const x = ((Math.floor(cell / rows) + 0.5) / columns) * EXTENT;
      const y = (((cell % rows) + 0.5) / rows) * EXTENT;
      const title = `${writeCount(count)} ${words[type]} · about ${writeDuration(scale.valueAt(y))} · around ${writeTime((x / EXTENT) * axis.end, 2)}`;
      return markup`${renderMark(`${type} many-${Math.min(3, Math.floor(Math.log10(count)))}`, place(x), place(EXTENT - y), title)}
`;
    }),
  )}`;
}
