/**
 * The operations of clients around the moment, page by page: a timeline with a row for each client, and the same as a
 * table. Operations that prove the verdict are marked in both.
 */

import { indexInvocations } from '../checkers/pairs.ts';
import type { History } from '../history/history.ts';
import { nodeOf } from '../search/smaller-runs.ts';
import { OUTCOME_WORDS } from './latency-charts.ts';
import { type Markup, markup } from './markup.ts';
import { describeAnswer, describeOperation, writeValue } from './operation-words.ts';
import { EXTENT, place, writeCount, writeCounted, writeDuration, writeInstant } from './scales.ts';
import { renderHorizontalAxis, renderLegend, TimeAxis } from './time-chart.ts';

const PAGE_LENGTH = 120;
const PAGES_MAX = 10;
/** An operation of no duration must be visible as well, also at the end of a page. */
const WIDTH_MIN = 2;
/** This share of the shown operations lies before the moment, if both sides have enough. */
const SHARE_BEFORE = 0.6;

interface Row {
  readonly invocation: number;
  /** Undefined: the run was cut off. */
  readonly completion: number | undefined;
}

export interface OperationPagesOptions {
  readonly history: History;
  readonly concurrency: number;
  readonly nodes: readonly string[];
  /** The end of the time axis, ns. */
  readonly end: number;
  /** ns; undefined: the page begins with the first operation. */
  readonly moment: number | undefined;
  /** Completions that prove the verdict. */
  readonly proofs: ReadonlySet<number>;
}

export function renderOperationPages(options: OperationPagesOptions): Markup {
  const { history, moment } = options;
  const count = countInvocations(history);
  if (count === 0) return markup`<p>No client asked for anything.</p>`;
  const shownMax = PAGE_LENGTH * PAGES_MAX;
  const at = moment === undefined ? 0 : placeOf(moment, options);
  const start = Math.max(0, Math.min(Math.floor(at - shownMax * SHARE_BEFORE), count - shownMax));
  const rows: Row[] = [];
  let place = 0;
  for (const row of indexInvocations(history)) {
    if (place >= start + shownMax) break;
    if (place++ >= start) rows.push(row);
  }
  const pages = Array.from({ length: Math.ceil(rows.length / PAGE_LENGTH) }, (_, page) =>
    rows.slice(page * PAGE_LENGTH, (page + 1) * PAGE_LENGTH),
  );
  const open = Math.min(Math.max(Math.floor((at - start) / PAGE_LENGTH), 0), pages.length - 1);
  return markup`<p>${
    rows.length < count
      ? `${writeCount(rows.length)} of ${writeCount(count)} operations, around ${moment === undefined ? 'the beginning' : writeInstant(moment)}; history.jsonl has all of them.`
      : `${count > 1 ? 'All ' : ''}${writeCounted(count, 'operation')}.`
  }</p>
${renderLegend([
  { kind: 'line line-ok bar', text: OUTCOME_WORDS.ok },
  { kind: 'line line-fail bar dashed', text: OUTCOME_WORDS.fail },
  { kind: 'line line-info bar dotted', text: OUTCOME_WORDS.info },
])}
<div class="filter" data-filter="operations" hidden></div>
${pages.map((page, index) => renderPage(page, index === open, options))}`;
}

function countInvocations(history: History): number {
  let count = 0;
  for (let index = 0; index < history.length; index++)
    if (history.typeAt(index) === 'invoke' && !history.isNemesisAt(index)) count++;
  return count;
}

/**
 * The index of the operation that proves the verdict at the moment. It may have begun long before. Without one, the
 * last operation that had begun by then.
 */
function placeOf(moment: number, { history, proofs }: OperationPagesOptions): number {
  let place = 0;
  let begun = 0;
  for (const { invocation, completion } of indexInvocations(history)) {
    if (completion !== undefined && proofs.has(completion) && history.timeAt(completion) === moment) return place;
    if (history.timeAt(invocation) <= moment) begun = place;
    place++;
  }
  return begun;
}

function renderPage(rows: readonly Row[], open: boolean, options: OperationPagesOptions): Markup {
  const { history, concurrency, end } = options;
  const from = history.timeAt((rows[0] as Row).invocation);
  const to = Math.max(...rows.map(({ completion }) => (completion === undefined ? end : history.timeAt(completion))));
  const span = Math.max(to - from, 1);
  const workers = [...new Set(rows.map(({ invocation }) => history.processAt(invocation) % concurrency))].sort(
    (one, other) => one - other,
  );
  const name = `${writeInstant(from)} to ${writeInstant(to)}`;
  return markup`<details class="page"${open && markup` open`}><summary>${name}: ${writeCounted(rows.length, 'operation')}</summary>
<div class="lanes operations">${workers.map((worker) => {
    const own = [...rows.entries()].filter(
      ([, { invocation }]) => history.processAt(invocation) % concurrency === worker,
    );
    return markup`<span class="lane-name">client ${worker} → ${nodeOf(options, worker)}</span><svg class="lane" viewBox="0 0 ${EXTENT} ${EXTENT}" preserveAspectRatio="none" role="img" aria-label="client ${worker}: ${writeCounted(own.length, 'operation')}">${own.map(([index, row]) => renderBar(row, index, from, span, options))}</svg>
`;
  })}${renderHorizontalAxis(new TimeAxis(to - from, writeInstant, from), false)}</div>
${renderRows(name, rows, options)}</details>
`;
}

/** @param index of the row that stands for the same operation */
function renderBar(
  { invocation, completion }: Row,
  index: number,
  from: number,
  span: number,
  options: OperationPagesOptions,
): Markup {
  const { history, end, proofs } = options;
  const start = place(((history.timeAt(invocation) - from) / span) * EXTENT);
  const ended = completion === undefined ? end : history.timeAt(completion);
  const width = Math.max(place(((ended - from) / span) * EXTENT - start), WIDTH_MIN);
  const type = completion === undefined ? 'info' : history.typeAt(completion);
  const proof = completion !== undefined && proofs.has(completion);
  const title = `${describeOperation(history, invocation, completion)} · ${writeDuration(ended - history.timeAt(invocation))} · at ${writeInstant(history.timeAt(invocation))}`;
  return markup`<rect class="mark bar ${type}${proof && ' proof'}" data-rows="${index}" x="${place(Math.min(start, EXTENT - width))}" y="${proof ? 50 : 200}" width="${width}" height="${proof ? 900 : 600}"><title>${title}</title></rect>`;
}

function renderRows(
  name: string,
  rows: readonly Row[],
  { history, concurrency, proofs }: OperationPagesOptions,
): Markup {
  return markup`<div class="scroll tall" tabindex="0" role="region" aria-label="Operations, ${name}"><table class="operations"><caption>Operations, ${name}</caption>
<thead><tr>${['#', 'at', 'took', 'client', 'operation', 'outcome', 'answer'].map((column) => markup`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>${rows.map(({ invocation, completion }) => {
    const type = completion === undefined ? 'cut off' : history.typeAt(completion);
    const proof = completion !== undefined && proofs.has(completion);
    const at = history.timeAt(invocation);
    return markup`<tr class="${type === 'cut off' ? 'info' : type}${proof && ' proof'}"><th scope="row">${completion ?? invocation}</th><td>${writeInstant(at)}</td><td>${
      completion === undefined ? '' : writeDuration(history.timeAt(completion) - at)
    }</td><td>client ${history.processAt(invocation) % concurrency}</td><td>${history.functionAt(invocation)} <code>${writeValue(history.valueAt(invocation))}</code></td><td>${OUTCOME_SIGNS[type]} ${type}${proof && markup` <strong>proves it</strong>`}</td><td>${
      completion !== undefined && markup`<code>${describeAnswer(history, invocation, completion)}</code>`
    }</td></tr>
`;
  })}</tbody></table></div>`;
}

const OUTCOME_SIGNS: Readonly<Record<string, string>> = { ok: '●', fail: '■', info: '○', 'cut off': '○' };
