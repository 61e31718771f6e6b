/**
 * A log with what each process sent and polled: offsets from left to right, a row for each operation. What the first
 * anomaly names is marked.
 */

import type { CheckResult } from '../checkers/checker.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { shortJson } from '../protocol/short-json.ts';
import { nodeOf } from '../search/smaller-runs.ts';
import {
  busiestKey,
  collectEvents,
  findAnomaly,
  isLogResult,
  type LogAnomaly,
  type LogCell,
  type LogEvent,
} from './log-events.ts';
import { type Markup, markup } from './markup.ts';
import { writeValue } from './operation-words.ts';
import type { RunRecord } from './run-record.ts';
import { writeCount, writeCounted, writeInstant } from './scales.ts';
import { renderTable } from './time-chart.ts';

const ROWS_MAX = 48;
const COLUMNS_MAX = 40;
/** This share of the columns is before what is marked. */
const SHARE_BEFORE = 0.6;
const MESSAGE_LENGTH_MAX = 5;
const TITLE_CELLS_MAX = 12;
const LISTED_LENGTH_MAX = 400;

/** Pixels. */
const GUTTER = 250;
const COLUMN = 38;
const ROW = 20;
const HEAD = 24;

type Run = Pick<RunRecord, 'history' | 'nodes' | 'concurrency'>;

export interface LogSection {
  readonly key: string;
  /** Whether something is wrong with the log. */
  readonly isBad: boolean;
  readonly content: Markup;
}

/** Nothing for a run of another workload, and for one without messages. */
export function renderLog({
  results: { workload },
  ...run
}: Run & { readonly results: CheckResult }): LogSection | undefined {
  if (!isLogResult(workload)) return undefined;
  const anomaly = findAnomaly(workload);
  const key = anomaly?.key ?? busiestKey(run.history);
  if (key === undefined) return undefined;
  const events = collectEvents(run.history, key);
  if (events.length === 0) return undefined;
  const picture = new LogPicture(events, anomaly, run);
  return { key, isBad: anomaly !== undefined, content: picture.render(key) };
}

/** A row, with what its process did before it with the same log. */
interface Row {
  readonly event: LogEvent;
  readonly process: number;
  readonly isProof: boolean;
}

class LogPicture {
  readonly #events: readonly LogEvent[];
  readonly #anomaly: LogAnomaly | undefined;
  readonly #run: Run;
  /** By offset: all messages that were seen there, by their canonical keys. */
  readonly #log: ReadonlyMap<number, ReadonlyMap<string, unknown>>;
  /** The offsets that have a column, ascending. */
  readonly #offsets: readonly number[];
  readonly #columns: ReadonlyMap<number, number>;
  readonly #rows: readonly Row[];

  constructor(events: readonly LogEvent[], anomaly: LogAnomaly | undefined, run: Run) {
    this.#events = events;
    this.#anomaly = anomaly;
    this.#run = run;
    this.#log = gatherLog(events);
    this.#offsets = this.#chooseOffsets();
    this.#columns = new Map(this.#offsets.map((offset, column) => [offset, column]));
    this.#rows = this.#chooseRows();
  }

  render(key: string): Markup {
    const width = GUTTER + this.#offsets.length * COLUMN;
    const height = HEAD + (this.#rows.length + 1.5) * ROW;
    const label = `The log of key ${key}, with ${writeCounted(this.#rows.length, 'operation')} on it; the list below says the same`;
    return markup`<p>${this.#describe()}</p>
<ul class="log-legend"><li><span class="sent">7</span> sent</li><li><span class="polled">7</span> polled</li><li><span class="missed">·</span> left out by a poll</li>${this.#anomaly !== undefined && markup`<li><span class="wrong">7</span> ${this.#anomaly.rule}</li>`}</ul>
<div class="scroll" tabindex="0" role="region" aria-label="The log of key ${key}">
<svg class="space-time log" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
<text class="when" x="${GUTTER - 8}" y="16">offset</text>${this.#offsets.map((offset, column) => markup`<text class="column" x="${GUTTER + (column + 0.5) * COLUMN}" y="16">${offset}</text>`)}
<text class="when" x="${GUTTER - 8}" y="${HEAD + 15}">the log</text>${this.#offsets.map((offset) => this.#renderPlace(offset))}
${this.#rows.map((row, index) => this.#renderRow(row, index))}</svg></div>
<details class="figures"><summary>The log of key ${key}: the list</summary>${renderTable(`The log of key ${key}`, {
      columns: ['at', 'process', 'what', 'offset: message'],
      rows: this.#rows.map(({ event, process, isProof }) => [
        writeInstant(this.#run.history.timeAt(event.completion)),
        this.#nameOf(process),
        `${event.kind}${isProof ? ', proves it' : ''}`,
        excerpt(event.cells.map(writeCell).join(', '), LISTED_LENGTH_MAX),
      ]),
    })}</details>`;
  }

  #describe(): string {
    const sends = this.#events.filter(({ kind }) => kind === 'send').length;
    const counts = `${writeCounted(this.#log.size, 'offset')}, ${writeCounted(sends, 'send')}, ${writeCounted(this.#events.length - sends, 'poll')} with messages.`;
    const left = [
      this.#offsets.length < this.#log.size && `${this.#offsets.length} offsets`,
      this.#rows.length < this.#events.length && `${this.#rows.length} operations`,
    ].filter((part) => part !== false);
    const shown = left.length === 0 ? '' : ` Of these, ${left.join(' and ')} are shown.`;
    if (this.#anomaly === undefined) return `The log with the most operations: ${counts}${shown}`;
    const { rule, messages } = this.#anomaly;
    const marked =
      messages.size === 0
        ? ''
        : ` of ${messages.size === 1 ? 'the message' : 'messages'} ${[...messages].slice(0, TITLE_CELLS_MAX).join(', ')}`;
    return `${rule}${marked}: marked in the log and where it was sent and polled. ${counts}${shown}`;
  }

  #isWrong(message: unknown): boolean {
    return this.#anomaly?.messages.has(canonicalKey(message)) ?? false;
  }

  /** Those around the first message that is named. */
  #chooseOffsets(): readonly number[] {
    const all = [...this.#log.keys()].sort((one, other) => one - other);
    if (all.length <= COLUMNS_MAX) return all;
    const wrong = all.findIndex((offset) =>
      [...(this.#log.get(offset) ?? new Map()).values()].some((message) => this.#isWrong(message)),
    );
    const start = wrong < 0 ? 0 : Math.floor(wrong - COLUMNS_MAX * SHARE_BEFORE);
    const from = Math.max(0, Math.min(start, all.length - COLUMNS_MAX));
    return all.slice(from, from + COLUMNS_MAX);
  }

  /** Those that prove the anomaly, then what is nearest to them in time, by process. */
  #chooseRows(): readonly Row[] {
    const { history } = this.#run;
    const rows = this.#events
      .filter(({ cells }) => cells.some(({ offset }) => this.#columns.has(offset)))
      .map((event) => ({
        event,
        process: history.processAt(event.completion),
        isProof: this.#anomaly?.operations.has(event.completion) ?? false,
      }));
    const touches = ({ event }: Row) => event.cells.some(({ message }) => this.#isWrong(message));
    const first = rows.find(({ isProof }) => isProof) ?? rows.find(touches) ?? rows[0];
    const moment = first === undefined ? 0 : history.timeAt(first.event.completion);
    const rankOf = (row: Row) => (row.isProof ? 0 : touches(row) ? 1 : 2);
    const distance = ({ event }: Row) => Math.abs(history.timeAt(event.completion) - moment);
    return rows
      .sort((one, other) => rankOf(one) - rankOf(other) || distance(one) - distance(other))
      .slice(0, ROWS_MAX)
      .sort((one, other) => one.process - other.process || one.event.completion - other.event.completion);
  }

  /** What all operations together say of an offset. More than one message there contradict each other. */
  #renderPlace(offset: number): Markup {
    const messages = [...(this.#log.get(offset) as ReadonlyMap<string, unknown>).values()];
    const wrong = messages.length > 1 || messages.some((message) => this.#isWrong(message));
    const title = `offset ${offset}: ${messages.map((message) => writeValue(message)).join(' and ')}`;
    const text = messages.map(writeMessage).join('≠');
    return this.#renderBox({ offset, kind: `place${wrong ? ' wrong' : ''}`, text, row: 0, title });
  }

  #renderRow({ event, process, isProof }: Row, index: number): Markup {
    const { history } = this.#run;
    const row = index + 1.5;
    const y = HEAD + row * ROW;
    const before = this.#rows[index - 1];
    const shown = event.cells.filter(({ offset }) => this.#columns.has(offset));
    const right = GUTTER + this.#offsets.length * COLUMN;
    return markup`${before?.process !== process && markup`<path class="life" d="M0 ${y}H${right}"/><text x="4" y="${y + 15}">${excerpt(this.#nameOf(process), 20)}</text>`}${isProof && markup`<rect class="proof-row" x="124" y="${y + 1}" width="${right - 124}" height="${ROW - 2}"/>`}<text class="when" x="${GUTTER - 8}" y="${y + 15}">${writeInstant(history.timeAt(event.completion))} ${event.kind}</text>${
      event.kind === 'poll' &&
      this.#missedBy(event).map((offset) =>
        this.#renderBox({
          offset,
          kind: 'missed',
          text: '·',
          row,
          title: `${this.#nameOf(process)} polls past offset ${offset}`,
        }),
      )
    }${shown.map(({ offset, message }) =>
      this.#renderBox({
        offset,
        kind: `${event.kind === 'send' ? 'sent' : 'polled'}${this.#isWrong(message) ? ' wrong' : ''}`,
        text: writeMessage(message),
        row,
        title: `${this.#nameOf(process)} ${event.kind === 'send' ? 'sent' : 'polled'} ${writeValue(message)} at offset ${offset}, ${writeInstant(history.timeAt(event.completion))}`,
      }),
    )}
`;
  }

  /** The offsets between the first and the last of a poll that have a message and are not in it. */
  #missedBy({ cells }: LogEvent): readonly number[] {
    const there = new Set(cells.map(({ offset }) => offset));
    const least = cells.reduce((found, { offset }) => Math.min(found, offset), Number.POSITIVE_INFINITY);
    const most = cells.reduce((found, { offset }) => Math.max(found, offset), Number.NEGATIVE_INFINITY);
    return this.#offsets.filter((offset) => offset > least && offset < most && !there.has(offset));
  }

  #renderBox({
    offset,
    kind,
    text,
    row,
    title,
  }: {
    readonly offset: number;
    readonly kind: string;
    readonly text: string;
    readonly row: number;
    readonly title: string;
  }): Markup {
    const x = GUTTER + (this.#columns.get(offset) as number) * COLUMN;
    const y = HEAD + row * ROW;
    return markup`<g class="mark cell ${kind}"><title>${title}</title><rect x="${x + 1}" y="${y + 2}" width="${COLUMN - 2}" height="${ROW - 4}"/><text x="${x + COLUMN / 2}" y="${y + 14}">${excerpt(text, MESSAGE_LENGTH_MAX)}</text></g>`;
  }

  #nameOf(process: number): string {
    const worker = process % this.#run.concurrency;
    return `process ${writeCount(process)} at ${nodeOf(this.#run, worker)}`;
  }
}

function gatherLog(events: readonly LogEvent[]): ReadonlyMap<number, ReadonlyMap<string, unknown>> {
  const log = new Map<number, Map<string, unknown>>();
  for (const { cells } of events)
    for (const { offset, message } of cells) {
      const there = log.get(offset) ?? new Map<string, unknown>();
      log.set(offset, there.set(canonicalKey(message), message));
    }
  return log;
}

function writeMessage(message: unknown): string {
  return typeof message === 'string' ? message : shortJson(message ?? null, MESSAGE_LENGTH_MAX);
}

function writeCell({ offset, message }: LogCell): string {
  return `${offset}: ${writeValue(message)}`;
}
