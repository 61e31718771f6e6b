/**
 * Messages between clients, nodes and services around the moment, page by page: a space-time diagram after L. Lamport
 * ("Time, Clocks, and the Ordering of Events in a Distributed System", 1978). Time goes down, and a line across is a
 * message. Faults, and the operations that prove the verdict, stand between the messages.
 *
 * All rows are equally far apart, because the order of events matters, not their times.
 */

import { invocationsOf } from '../checkers/pairs.ts';
import type { History } from '../history/history.ts';
import { ExactNumber } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { isRecord } from '../protocol/message.ts';
import type { FaultSpan } from './fault-spans.ts';
import { type Markup, markup } from './markup.ts';
import { MessageColumns } from './message-columns.ts';
import { describeOperation, writeValue } from './operation-words.ts';
import type { MessageEntry, RunRecord } from './run-record.ts';
import { writeCount, writeCounted, writeInstant } from './scales.ts';
import { renderTable } from './time-chart.ts';

const PAGE_ROWS = 56;
/** If the last page had no more rows than this, they are put on the page before. */
const REST_ROWS_MAX = PAGE_ROWS / 4;
const EVENTS_BEFORE_MAX = 5 * PAGE_ROWS;
const EVENTS_AFTER_MAX = PAGE_ROWS;
const NOTICES_MAX = 6 * PAGE_ROWS;

const ROW_PX = 20;
const COLUMN_PX = 120;
const GUTTER_PX = 132;
const HEAD_PX = 34;
const LABEL_LENGTH_MAX = 19;
/** The size of the text of notices, px. */
const CHARACTER_PX = 7;
const BODY_LENGTH_MAX = 400;

export interface SpaceTimeOptions {
  readonly messagesAround: RunRecord['messagesAround'];
  readonly nodes: readonly string[];
  readonly spans: readonly FaultSpan[];
  readonly history: History;
  readonly concurrency: number;
  /** Completions that prove the verdict. */
  readonly proofs: ReadonlySet<number>;
  /** ns; undefined: the diagram begins with the first message. */
  readonly moment: number | undefined;
  /** Separates two diagrams on one page. */
  readonly id: string;
}

interface MessageRow {
  readonly kind: 'message';
  readonly time: number;
  readonly entry: MessageEntry;
}

interface NoticeRow {
  readonly kind: 'fault' | 'proof';
  readonly time: number;
  readonly text: string;
}

/** A line across the page. */
type Row = MessageRow | NoticeRow;

/** What all pages of a diagram have in common. */
interface Diagram {
  readonly columns: MessageColumns;
  /** The fate of a message after the page on which it was sent. */
  readonly later: (id: number) => 'later' | 'lost-later' | 'unseen';
  /** When the last shown event happened, ns. */
  readonly endTime: number;
}

export function renderSpaceTime(options: SpaceTimeOptions): Markup {
  const { messagesAround, moment, id } = options;
  const { entries, count, endTime, leftOut } = messagesAround(moment, EVENTS_BEFORE_MAX, EVENTS_AFTER_MAX);
  const [firstEntry, lastEntry] = [entries[0], entries.at(-1)];
  if (firstEntry === undefined || lastEntry === undefined) return markup`<p>No messages were recorded.</p>`;
  const messages = entries.flatMap((entry): MessageRow | [] =>
    entry.event === 'delay' || entry.event === 'duplicate' ? [] : { kind: 'message', time: entry.time, entry },
  );
  // Notices long before the first shown message, or after the last one, would seem to be close to it.
  const notices = listNotices(options).filter(({ time }) => time >= firstEntry.time && time <= lastEntry.time);
  const near = nearest(notices, moment ?? firstEntry.time);
  const rows = mergeRows(messages, near);
  const pages = paginate(rows);
  const momentRow = moment === undefined ? 0 : rows.filter(({ time }) => time <= moment).length - 1;
  const openRow = rows[Math.max(momentRow, 0)] as Row;
  const diagram = {
    columns: new MessageColumns(entries, options),
    later: laterFates(entries),
    endTime: lastEntry.time,
  };
  const missed = leftOut > 0 && moment !== undefined && moment > endTime;
  return markup`<p>${
    entries.length < count
      ? `${writeCount(entries.length)} of ${writeCount(count)} recorded events, around ${moment === undefined ? 'the beginning' : writeInstant(moment)}`
      : `${count > 1 ? 'All ' : ''}${writeCounted(count, 'recorded event')}`
  }${entries.length > messages.length && `: ${writeCount(messages.length)} with a line, ${countLineless(entries)} without`}.${
    leftOut > 0 &&
    ` The log ends at ${writeInstant(endTime)}; ${writeCounted(leftOut, 'event')} after that ${leftOut === 1 ? 'was' : 'were'} not recorded${missed ? ', nor was the moment itself: --messages N records more' : ''}.`
  }${near.length < notices.length && ` Of ${writeCount(notices.length)} notices of faults and proofs, the ${writeCount(near.length)} nearest have a line.`}</p>
<div class="filter" data-filter="messages" hidden></div>
${pages.map((page, index) => renderPage(page, page.includes(openRow), `${id}-${index}`, diagram))}`;
}

/** Events that only announce the fate of a message have no line of their own. */
function countLineless(entries: readonly MessageEntry[]): string {
  const events = (['delay', 'duplicate'] as const).flatMap((event) => {
    const count = entries.filter((entry) => entry.event === event).length;
    return count === 0 ? [] : writeCounted(count, event);
  });
  return events.join(' and ');
}

/** Everything that stands between messages, in the order of time. */
function listNotices({ spans, history, proofs }: SpaceTimeOptions): readonly NoticeRow[] {
  const notices: NoticeRow[] = spans.flatMap(({ kind, whom, from, to }) => [
    { kind: 'fault' as const, time: from, text: `${kind} begins: ${whom}` },
    { kind: 'fault' as const, time: to, text: `${kind} ends: ${whom}` },
  ]);
  const invocations = invocationsOf(history, proofs);
  for (const completion of proofs) {
    const invocation = invocations.get(completion) ?? completion;
    const text = `proves it: ${describeOperation(history, invocation, completion)}`;
    notices.push({ kind: 'proof', time: history.timeAt(completion), text });
  }
  return notices.sort((one, other) => one.time - other.time);
}

/** At most as many as allowed, in the order of time. */
function nearest(notices: readonly NoticeRow[], moment: number): readonly NoticeRow[] {
  if (notices.length <= NOTICES_MAX) return notices;
  const distance = ({ time }: NoticeRow) => Math.abs(time - moment);
  const near = new Set([...notices].sort((one, other) => distance(one) - distance(other)).slice(0, NOTICES_MAX));
  return notices.filter((notice) => near.has(notice));
}

/** In the order of time. At equal times messages come first. */
function mergeRows(messages: readonly MessageRow[], notices: readonly NoticeRow[]): readonly Row[] {
  const rows: Row[] = [];
  let next = 0;
  for (const message of messages) {
    while (next < notices.length && (notices[next] as Row).time < message.time) rows.push(notices[next++] as Row);
    rows.push(message);
  }
  return [...rows, ...notices.slice(next)];
}

/** No page begins with a notice that belongs to the page before, and no page has only a few last rows. */
function paginate(rows: readonly Row[]): readonly (readonly Row[])[] {
  const pages: (readonly Row[])[] = [];
  for (let start = 0; start < rows.length; ) {
    let end = start + PAGE_ROWS;
    const endMax = end + REST_ROWS_MAX;
    while (end < endMax && end < rows.length && rows[end]?.kind !== 'message') end++;
    if (rows.length <= end + REST_ROWS_MAX) end = rows.length;
    pages.push(rows.slice(start, end));
    start = end;
  }
  return pages;
}

/**
 * The fates of messages after they were sent, from the shown part of the log. A message that comes twice, or is lost
 * and comes, does come.
 */
function laterFates(entries: readonly MessageEntry[]): Diagram['later'] {
  const idsOf = (event: MessageEntry['event']) =>
    new Set(entries.flatMap((entry) => (entry.event === event ? entry.id : [])));
  const [received, lost] = [idsOf('receive'), idsOf('drop')];
  return (id) => (received.has(id) ? 'later' : lost.has(id) ? 'lost-later' : 'unseen');
}

function renderPage(rows: readonly Row[], open: boolean, id: string, diagram: Diagram): Markup {
  const { columns } = diagram;
  const width = GUTTER_PX + columns.names.length * COLUMN_PX;
  const height = HEAD_PX + (rows.length + 1) * ROW_PX;
  const [from, to] = [rows[0] as Row, rows.at(-1) as Row].map(({ time }) => writeInstant(time));
  const name = from === to ? `${from}` : `${from} to ${to}`;
  const lines = drawMessages(rows, diagram, height);
  return markup`<details class="page"${open && markup` open`}><summary>${name}: ${writeCounted(rows.length, 'line')}</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Messages, ${name}">
<svg class="space-time" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Messages between ${columns.names.join(', ')}; the list below says the same">
<defs><marker id="${id}-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 1L10 5L0 9z"/></marker></defs>
${rows.map((row, index) => renderNotice(row, index, width))}
${columns.names.map((column, index) => {
  const x = xOf(index);
  return markup`<text class="column" x="${x}" y="20">${column}</text><path class="life" d="M${x} ${HEAD_PX - 6}V${height - 4}"/>
`;
})}
${lines.map((line) => renderLine(line, `${id}-arrow`, diagram))}
${rows.map((row, index) => (index === 0 || row.time !== (rows[index - 1] as Row).time) && markup`<text class="when" x="${GUTTER_PX - 40}" y="${yOf(index) + 4}">${writeInstant(row.time)}</text>`)}
</svg></div>
<details class="figures"><summary>Messages, ${name}: the list</summary>${renderTable(`Messages, ${name}`, {
    columns: ['at', 'what', 'from', 'to', 'message'],
    rows: rows.map((row) =>
      row.kind === 'message'
        ? [
            writeInstant(row.time),
            EVENT_WORDS[row.entry.event],
            columns.describe(row.entry.src),
            `→ ${columns.describe(row.entry.dest)}`,
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

function xOf(column: number): number {
  return GUTTER_PX + (column + 0.5) * COLUMN_PX;
}

interface Line {
  readonly entry: MessageEntry;
  readonly from: { readonly x: number; readonly y: number };
  readonly to: { readonly x: number; readonly y: number };
  /** Whether it arrives or is lost, and whether that is after the end of the page; neither if it is unknown. */
  readonly end: 'arrives' | 'lost' | ReturnType<Diagram['later']>;
  /** The rows of the page on which it was sent and arrived. */
  readonly rows: readonly number[];
  /** Whether it was sent on the page. Only then there is room for its name. */
  readonly named: boolean;
}

/** A line for every arrival, every loss, and every message that neither arrives nor is lost on this page. */
function drawMessages(rows: readonly Row[], { columns, later }: Diagram, height: number): Line[] {
  const lines: Line[] = [];
  const sent = new Map<number, { entry: MessageEntry; row: number; done: boolean }>();
  for (const [index, row] of rows.entries()) {
    if (row.kind !== 'message') continue;
    const { entry } = row;
    if (entry.event === 'send') {
      sent.set(entry.id, { entry, row: index, done: false });
      continue;
    }
    const origin = sent.get(entry.id);
    const y = yOf(index);
    const from = { x: xOf(columns.indexOf(entry.src)), y: origin === undefined ? HEAD_PX : yOf(origin.row) };
    const target = { x: xOf(columns.indexOf(entry.dest)), y };
    const lost = entry.event === 'drop';
    // A lost message gets two thirds of the way.
    const to = lost ? { x: from.x + ((target.x - from.x) * 2) / 3, y } : target;
    const ends = origin === undefined ? [index] : [origin.row, index];
    const named = origin !== undefined && !origin.done;
    lines.push({ entry, from, to, end: lost ? 'lost' : 'arrives', rows: ends, named });
    if (origin !== undefined) origin.done = true;
  }
  for (const { entry, row, done } of sent.values()) {
    if (done) continue;
    const from = { x: xOf(columns.indexOf(entry.src)), y: yOf(row) };
    const to = { x: xOf(columns.indexOf(entry.dest)), y: height };
    lines.push({ entry, from, to, end: later(entry.id), rows: [row], named: true });
  }
  return lines;
}

function renderLine(
  { entry, from, to, end, rows, named }: Line,
  marker: string,
  { columns, endTime }: Diagram,
): Markup {
  const reply = entry.body.in_reply_to !== undefined;
  const right = to.x >= from.x;
  const label = labelOf(entry);
  const ending = end === 'unseen' ? `, not seen to arrive by ${writeInstant(endTime)}` : END_WORDS[end];
  const title = `${columns.describe(entry.src)} → ${columns.describe(entry.dest)}${ending}: ${writeValue(entry.body, BODY_LENGTH_MAX)}`;
  return markup`<g class="mark message ${end}${reply && ' reply'}${entry.body.type === 'error' && ' error'}" data-rows="${rows.join(' ')}"><title>${title}</title><path class="hit" d="M${from.x} ${from.y}L${to.x} ${to.y}"/><path class="arrow" d="M${from.x} ${from.y}L${to.x} ${to.y}"${end === 'arrives' && markup` marker-end="url(#${marker})"`}/>${
    end === 'lost' && markup`<path class="cross" d="M${to.x - 5} ${to.y - 5}l10 10m0 -10l-10 10"/>`
  }${named && markup`<text class="${right ? 'rightward' : 'leftward'}" x="${from.x + (right ? 6 : -6)}" y="${from.y + 4}">${label}</text>`}</g>
`;
}

const END_WORDS: Readonly<Record<Exclude<Line['end'], 'unseen'>, string>> = {
  arrives: '',
  lost: ', lost',
  later: ', arrives later',
  'lost-later': ', lost later',
};

/** The type, and the key or the code if there is one. */
function labelOf({ body }: MessageEntry): string {
  const detail = body.key ?? body.code ?? body.request_id ?? '';
  return excerpt(`${labelText(body.type)} ${labelText(detail)}`.trim(), LABEL_LENGTH_MAX);
}

/** Logs of other harnesses may hold anything in place of a text. */
function labelText(value: unknown): string {
  return typeof value === 'string'
    ? value
    : isRecord(value) && !(value instanceof ExactNumber)
      ? ''
      : writeValue(value);
}

function renderNotice(row: Row, index: number, width: number): Markup | undefined {
  if (row.kind === 'message') return undefined;
  const y = yOf(index);
  return markup`<g class="mark notice of-${row.kind}" data-rows="${index}"><title>${row.text}</title><rect x="${GUTTER_PX - 36}" y="${y - ROW_PX / 2 + 1}" width="${width - GUTTER_PX + 32}" height="${ROW_PX - 2}"/><text x="${GUTTER_PX - 30}" y="${y + 4}">${excerpt(row.text, Math.floor((width - GUTTER_PX) / CHARACTER_PX))}</text></g>
`;
}
