/**
 * Messages between clients, nodes and services around the moment, page by page: a space-time diagram after L. Lamport ("Time, Clocks, and the Ordering of Events in
 * a Distributed System", 1978), time downwards, a line across for every message. Faults, and the operations that prove the verdict, stand between the messages.
 *
 * Rows are equally far apart, whatever time lies between them: what happened in which order is what matters.
 */

import { invocationsOf } from '../checkers/pairs.ts';
import type { History } from '../history/history.ts';
import { ExactNumber } from '../protocol/exact-json.ts';
import { isRecord } from '../protocol/message.ts';
import type { FaultSpan } from './fault-spans.ts';
import { type Content, type Markup, markup } from './markup.ts';
import { describeOperation, writeValue } from './operation-words.ts';
import type { MessageEntry, RunRecord } from './run-record.ts';
import { writeCount, writeInstant } from './scales.ts';
import { renderTable } from './time-chart.ts';

const PAGE_ROWS = 56;
const ROWS_BEFORE_MAX = 5 * PAGE_ROWS;
const ROWS_AFTER_MAX = PAGE_ROWS;
/** Clients beyond this number share a column. */
const CLIENT_COLUMNS_MAX = 4;
const CLIENTS = 'clients';
const HARNESS = 'harness';

const ROW_PX = 20;
const COLUMN_PX = 120;
const GUTTER_PX = 132;
const HEAD_PX = 34;
const LABEL_LENGTH_MAX = 20;
const BODY_LENGTH_MAX = 400;

export interface SpaceTimeOptions {
  readonly messagesAround: RunRecord['messagesAround'];
  readonly nodes: readonly string[];
  readonly spans: readonly FaultSpan[];
  readonly history: History;
  readonly concurrency: number;
  /** Completions that prove the verdict. */
  readonly proofs: ReadonlySet<number>;
  /** ns; undefined: the beginning is as good as anything. */
  readonly moment: number | undefined;
  /** Tells two diagrams of one page apart. */
  readonly id: string;
}

/** A line across the page. */
type Row =
  | { readonly kind: 'message'; readonly time: number; readonly entry: MessageEntry }
  | { readonly kind: 'fault' | 'proof'; readonly time: number; readonly text: string };

export function renderSpaceTime(options: SpaceTimeOptions): Markup {
  const { messagesAround, moment, id } = options;
  const { entries, count, endTime, leftOut } = messagesAround(moment, ROWS_BEFORE_MAX, ROWS_AFTER_MAX);
  if (entries.length === 0) return markup`<p>No messages were recorded.</p>`;
  const rows = gatherRows(entries, options);
  const momentRow = moment === undefined ? 0 : rows.filter(({ time }) => time <= moment).length;
  const start = Math.max(0, Math.min(momentRow - ROWS_BEFORE_MAX, rows.length - ROWS_BEFORE_MAX - ROWS_AFTER_MAX));
  const shown = rows.slice(start, start + ROWS_BEFORE_MAX + ROWS_AFTER_MAX);
  const pages = Array.from({ length: Math.ceil(shown.length / PAGE_ROWS) }, (_, page) =>
    shown.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS),
  );
  const open = Math.min(Math.max(Math.floor((momentRow - 1 - start) / PAGE_ROWS), 0), pages.length - 1);
  const missed = leftOut > 0 && moment !== undefined && moment > endTime;
  return markup`<p>${
    entries.length < count
      ? `${writeCount(entries.length)} of ${writeCount(count)} recorded events, around ${moment === undefined ? 'the beginning' : writeInstant(moment)}.`
      : `All ${writeCount(count)} recorded events.`
  } ${
    leftOut > 0 &&
    `The log ends at ${writeInstant(endTime)}; ${writeCount(leftOut)} events after that were not recorded${missed ? ', nor was the moment itself: --messages N records more' : ''}.`
  }</p>
<div class="filter" data-filter="messages" hidden></div>
${pages.map((page, index) => renderPage(page, index === open, `${id}-${index}`, options))}`;
}

/** Everything that gets a line, in the order of time. */
function gatherRows(entries: readonly MessageEntry[], { spans, history, proofs }: SpaceTimeOptions): Row[] {
  const others: Row[] = spans.flatMap(({ kind, whom, from, to }) => [
    { kind: 'fault' as const, time: from, text: `${kind} begins: ${whom}` },
    { kind: 'fault' as const, time: to, text: `${kind} ends: ${whom}` },
  ]);
  const invocations = invocationsOf(history, proofs);
  for (const completion of proofs) {
    const invocation = invocations.get(completion) ?? completion;
    const text = `proves it: ${describeOperation(history, invocation, completion)}`;
    others.push({ kind: 'proof', time: history.timeAt(completion), text });
  }
  others.sort((one, other) => one.time - other.time);
  const rows: Row[] = [];
  let next = 0;
  for (const entry of entries) {
    if (entry.event === 'delay' || entry.event === 'duplicate') continue;
    while (next < others.length && (others[next] as Row).time < entry.time) rows.push(others[next++] as Row);
    rows.push({ kind: 'message', time: entry.time, entry });
  }
  // What came long before the first message that is shown, or after the last one, would only seem to be next to it.
  const [from, to] = [entries[0]?.time ?? 0, entries.at(-1)?.time ?? 0];
  return [...rows, ...others.slice(next)].filter(({ time }) => time >= from && time <= to);
}

function renderPage(rows: readonly Row[], open: boolean, id: string, options: SpaceTimeOptions): Markup {
  const columns = new Columns(rows, options);
  const width = GUTTER_PX + columns.names.length * COLUMN_PX;
  const height = HEAD_PX + (rows.length + 1) * ROW_PX;
  const first = rows[0] as Row;
  const last = rows.at(-1) as Row;
  const name = `${writeInstant(first.time)} to ${writeInstant(last.time)}`;
  const lines = drawMessages(rows, columns, height);
  return markup`<details class="page"${open && markup` open`}><summary>${name}: ${rows.length} events</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Messages, ${name}">
<svg class="space-time" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Messages between ${columns.names.join(', ')}; the list below says the same">
<defs><marker id="${id}-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 1L10 5L0 9z"/></marker></defs>
${rows.map((row, index) => renderNotice(row, yOf(index), width))}
${columns.names.map((column) => {
  const x = columns.x(column);
  return markup`<text class="column" x="${x}" y="20">${column}</text><path class="life" d="M${x} ${HEAD_PX - 6}V${height - 4}"/>
`;
})}
${lines.map((line) => renderLine(line, `${id}-arrow`))}
${rows.map((row, index) => (index === 0 || row.time !== (rows[index - 1] as Row).time) && markup`<text class="when" x="${GUTTER_PX - 40}" y="${yOf(index) + 4}">${writeInstant(row.time)}</text>`)}
</svg></div>
<details class="figures"><summary>Messages, ${name}: the list</summary>${renderTable(`Messages, ${name}`, {
    columns: ['at', 'what', 'from', 'to', 'message'],
    rows: rows.map((row) =>
      row.kind === 'message'
        ? [
            writeInstant(row.time),
            EVENT_WORDS[row.entry.event],
            row.entry.src,
            row.entry.dest,
            writeValue(row.entry.body, BODY_LENGTH_MAX),
          ]
        : [writeInstant(row.time), row.text, '', '', ''],
    ),
  })}</details></details>
`;
}

const EVENT_WORDS: Readonly<Record<MessageEntry['event'], string>> = {
  send: 'sent',
  receive: 'received',
  drop: 'lost',
  delay: 'delayed',
  duplicate: 'copied',
};

function yOf(row: number): number {
  return HEAD_PX + (row + 0.5) * ROW_PX;
}

/** Who has a column: clients first, then nodes in their order, then services. */
class Columns {
  /** What stands above the columns. */
  readonly names: readonly string[];
  readonly #share: boolean;
  readonly #nodes: ReadonlySet<string>;
  readonly #concurrency: number;

  constructor(rows: readonly Row[], { nodes, concurrency }: Pick<SpaceTimeOptions, 'nodes' | 'concurrency'>) {
    this.#nodes = new Set(nodes);
    this.#concurrency = concurrency;
    const seen = new Set(rows.flatMap((row) => (row.kind === 'message' ? [row.entry.src, row.entry.dest] : [])));
    const clients = [...seen].filter((id) => isClient(id) && !this.#nodes.has(id) && this.#workerOf(id) >= 0);
    this.#share = clients.length > CLIENT_COLUMNS_MAX;
    const others = [...seen].filter((id) => !isClient(id) && !this.#nodes.has(id)).sort();
    const harness = [...seen].some((id) => this.#nameOf(id) === HARNESS) ? [HARNESS] : [];
    clients.sort((one, other) => this.#workerOf(one) - this.#workerOf(other));
    this.names = [
      ...new Set([
        ...harness,
        ...clients.map((id) => this.#nameOf(id)),
        ...nodes.filter((node) => seen.has(node)),
        ...others,
      ]),
    ];
  }

  x(id: string): number {
    return GUTTER_PX + (this.names.indexOf(this.#nameOf(id)) + 0.5) * COLUMN_PX;
  }

  /** The first clients of a network send `init`, one a node; then come the workers', and those that take the place of one that gave up. */
  #nameOf(id: string): string {
    if (!isClient(id) || this.#nodes.has(id)) return id;
    const worker = this.#workerOf(id);
    if (worker < 0) return HARNESS;
    if (this.#share) return CLIENTS;
    return worker < this.#concurrency ? `client ${worker}` : id;
  }

  #workerOf(id: string): number {
    return Number(id.slice(1)) - this.#nodes.size;
  }
}

function isClient(id: string): boolean {
  return /^c\d+$/.test(id);
}

interface Line {
  readonly entry: MessageEntry;
  readonly from: { readonly x: number; readonly y: number };
  readonly to: { readonly x: number; readonly y: number };
  /** Whether it arrives, is lost, or arrives after the end of the page. */
  readonly end: 'arrives' | 'lost' | 'later';
  /** Whether it was sent on the page: only then there is a place for its name. */
  readonly named: boolean;
}

/** A line for every arrival, every loss, and what was sent and neither arrives nor is lost on this page. */
function drawMessages(rows: readonly Row[], columns: Columns, height: number): Line[] {
  const lines: Line[] = [];
  const sent = new Map<number, { entry: MessageEntry; y: number; done: boolean }>();
  for (const [index, row] of rows.entries()) {
    if (row.kind !== 'message') continue;
    const { entry } = row;
    const y = yOf(index);
    if (entry.event === 'send') {
      sent.set(entry.id, { entry, y, done: false });
      continue;
    }
    const origin = sent.get(entry.id);
    const from = { x: columns.x(entry.src), y: origin?.y ?? HEAD_PX };
    const target = { x: columns.x(entry.dest), y };
    const lost = entry.event === 'drop';
    // What is lost gets two thirds of the way.
    const to = lost ? { x: from.x + ((target.x - from.x) * 2) / 3, y } : target;
    lines.push({ entry, from, to, end: lost ? 'lost' : 'arrives', named: origin !== undefined && !origin.done });
    if (origin !== undefined) origin.done = true;
  }
  for (const { entry, y, done } of sent.values()) {
    if (done) continue;
    const from = { x: columns.x(entry.src), y };
    lines.push({ entry, from, to: { x: columns.x(entry.dest), y: height }, end: 'later', named: true });
  }
  return lines;
}

function renderLine({ entry, from, to, end, named }: Line, marker: string): Markup {
  const reply = entry.body.in_reply_to !== undefined;
  const right = to.x >= from.x;
  const label = labelOf(entry);
  const ending = END_WORDS[end];
  const title = `${entry.src} → ${entry.dest}${ending}: ${writeValue(entry.body, BODY_LENGTH_MAX)}`;
  return markup`<g class="mark message ${end}${reply && ' reply'}${entry.body.type === 'error' && ' error'}"><title>${title}</title><path class="hit" d="M${from.x} ${from.y}L${to.x} ${to.y}"/><path class="arrow" d="M${from.x} ${from.y}L${to.x} ${to.y}"${end === 'arrives' && markup` marker-end="url(#${marker})"`}/>${
    end === 'lost' && markup`<path class="cross" d="M${to.x - 5} ${to.y - 5}l10 10m0 -10l-10 10"/>`
  }${named && markup`<text class="${right ? 'rightward' : 'leftward'}" x="${from.x + (right ? 6 : -6)}" y="${from.y + 4}">${label}</text>`}</g>
`;
}

const END_WORDS: Readonly<Record<Line['end'], string>> = { arrives: '', lost: ', lost', later: ', arrives later' };

/** The type, and the key or the code where there is one. */
function labelOf({ body }: MessageEntry): Content {
  const detail = body.key ?? body.code ?? body.request_id ?? '';
  const text = `${labelText(body.type)} ${labelText(detail)}`.trim();
  return text.length > LABEL_LENGTH_MAX ? `${text.slice(0, LABEL_LENGTH_MAX - 1)}…` : text;
}

/** Logs of others may hold anything in place of a text. */
function labelText(value: unknown): string {
  return typeof value === 'string'
    ? value
    : isRecord(value) && !(value instanceof ExactNumber)
      ? ''
      : writeValue(value);
}

function renderNotice(row: Row, y: number, width: number): Markup | undefined {
  if (row.kind === 'message') return undefined;
  return markup`<g class="mark notice of-${row.kind}"><title>${row.text}</title><rect x="${GUTTER_PX - 36}" y="${y - ROW_PX / 2 + 1}" width="${width - GUTTER_PX + 32}" height="${ROW_PX - 2}"/><text x="${GUTTER_PX - 30}" y="${y + 4}">${row.text.slice(0, Math.floor((width - GUTTER_PX) / 7))}</text></g>
`;
}
