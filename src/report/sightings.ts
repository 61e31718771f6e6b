/**
 * Who had an element of a set when: for the elements that were lost or late, and each node, the reads that have it and
 * those that lack it.
 */

import { indexPairs } from '../checkers/pairs.ts';
import type { JudgedElement } from '../checkers/set-full.ts';
import type { History } from '../history/history.ts';
import { SharedList } from '../history/shared-list.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { nodeOf } from '../search/smaller-runs.ts';
import { type Markup, markup } from './markup.ts';
import { writeValue } from './operation-words.ts';
import type { RunRecord } from './run-record.ts';
import { EXTENT, place, writeCount, writeCounted, writeDuration, writeInstant } from './scales.ts';
import { renderHorizontalAxis, renderLegend, renderTable, TimeAxis } from './time-chart.ts';

/** Each of the shown elements has a bit, so no more than eight in all. */
const LOST_MAX = 5;
const LATE_MAX = 3;
/** With more changes in a lane, neighbours are drawn as one. */
const STRETCHES_MAX = 80;
const NODES_MAX = 24;
const VALUE_LENGTH_MAX = 60;
/** The time after the last read that lacks a late element, as a share of the time before it. */
const AFTERWARDS = 0.25;
/** A read of no duration must be visible as well. */
const WIDTH_MIN = 2;

type Place = Pick<RunRecord, 'history' | 'nodes' | 'concurrency'>;

/** Nothing if no element was lost or late. */
export function renderSightings(elements: readonly JudgedElement[], run: Place): Markup | undefined {
  const lost = elements.filter(({ outcome }) => outcome === 'lost');
  const late = elements.filter(({ stableLatency }) => (stableLatency ?? 0) > 0);
  if (lost.length + late.length === 0) return undefined;
  const worst = [...late].sort((one, other) => (other.stableLatency as number) - (one.stableLatency as number));
  const shown = [...lost.slice(0, LOST_MAX), ...worst.slice(0, LATE_MAX)];
  const reads = collectReads(run, shown);
  return markup`<p>${countAll(lost, late)} Each row has the reads of a node that ended after the add.</p>
${renderLegend([
  { kind: 'line line-ok bar', text: 'reads that have it' },
  { kind: 'line line-fail bar dashed', text: 'reads that lack it' },
])}
${shown.map((judged, bit) => renderElement(judged, readsOf(judged, bit, reads), run))}`;
}

function countAll(lost: readonly JudgedElement[], late: readonly JudgedElement[]): string {
  const shownOf = (all: readonly unknown[], max: number, which: string) =>
    all.length > max ? `; ${which} ${max} are shown` : '';
  const parts = [
    lost.length > 0 && `${writeCounted(lost.length, 'element')} lost${shownOf(lost, LOST_MAX, 'the first')}.`,
    late.length > 0 && `${writeCounted(late.length, 'element')} late${shownOf(late, LATE_MAX, 'the slowest')}.`,
  ];
  return parts.filter((part) => part !== false).join(' ');
}

/** An ok read, in the order of the completions. */
interface Read {
  readonly invocation: number;
  readonly completion: number;
  readonly worker: number;
  /** A bit for each of the shown elements that it has. */
  readonly has: number;
}

interface Sighting extends Omit<Read, 'has'> {
  readonly has: boolean;
}

function collectReads({ history, concurrency }: Place, shown: readonly JudgedElement[]): readonly Read[] {
  const keys = shown.map(({ element }) => canonicalKey(element.value));
  const bits = new Map(keys.map((key, bit) => [key, 1 << bit]));
  const bitOf = (value: unknown) => bits.get(canonicalKey(value)) ?? 0;
  const chunkBits = history.sharedChunks.map((chunk) => chunk.reduce((has, value) => has | bitOf(value), 0));
  const reads: Read[] = [];
  for (const { invocation, completion } of indexPairs(history)) {
    if (history.typeAt(completion) !== 'ok' || history.functionAt(completion) !== 'read') continue;
    const list = history.listAt(completion) ?? [];
    let has = 0;
    if (list instanceof SharedList) for (const chunk of list.chunks) has |= chunkBits[chunk] as number;
    else for (const value of list) has |= bitOf(value);
    reads.push({ invocation, completion, worker: history.processAt(completion) % concurrency, has });
  }
  return reads;
}

/** The reads that could have an element, in the order of the invocations. */
function readsOf({ element }: JudgedElement, bit: number, reads: readonly Read[]): readonly Sighting[] {
  return reads
    .filter(({ completion }) => completion > element.firstAdded)
    .map(({ has, ...read }) => ({ ...read, has: ((has >> bit) & 1) === 1 }))
    .sort((one, other) => one.invocation - other.invocation);
}

function renderElement(judged: JudgedElement, reads: readonly Sighting[], run: Place): Markup {
  const { element, outcome } = judged;
  const { history, nodes, concurrency } = run;
  const from = history.timeAt(element.firstAdded);
  const last = reads.reduce((latest, { completion }) => Math.max(latest, history.timeAt(completion)), from);
  // What follows when a late element is everywhere shows nothing new.
  const lacked = element.lastAbsent < 0 ? from : history.timeAt(element.lastAbsent);
  const to = outcome === 'lost' ? last : Math.min(last, lacked + (lacked - from) * AFTERWARDS);
  const name = `${writeValue(element.value, VALUE_LENGTH_MAX)}: ${outcome === 'lost' ? 'lost' : 'late'}`;
  const lanes = nodes
    .slice(0, NODES_MAX)
    .map((node) => ({ node, reads: reads.filter(({ worker }) => nodeOf(run, worker) === node) }));
  const frame = { history, from, span: Math.max(to - from, 1), known: judged.known };
  const adder = history.processAt(element.firstAdded) % concurrency;
  return markup`<figure class="chart sightings"><figcaption><h3>${name}</h3><p>${describe(judged, history)} Client ${adder} added it at ${nodeOf(run, adder)}.</p></figcaption>
<div class="lanes operations">${lanes.map((lane) => renderLane(lane.node, lane.reads, frame))}${renderHorizontalAxis(new TimeAxis(frame.span, writeInstant, from), false)}</div>
${nodes.length > NODES_MAX && markup`<p class="note">The first ${NODES_MAX} of ${writeCount(nodes.length)} nodes.</p>`}
<details class="figures"><summary>${name}: the figures</summary>${renderTable(name, {
    columns: ['node', 'reads', 'with it', 'without it', 'first with it', 'last with it', 'last without it'],
    rows: lanes.map((lane) => [lane.node, ...figuresOf(lane.reads, history)]),
  })}</details></figure>
`;
}

function describe({ element, outcome, known, stableLatency }: JudgedElement, history: History): string {
  const { lastPresent, lastAbsent, acknowledged, missedByFinals } = element;
  const at = (index: number) => writeInstant(history.timeAt(index));
  const how = known === acknowledged ? 'acknowledged' : 'first seen';
  const head = `Added at ${at(element.firstAdded)}${known === undefined ? '' : `, ${how} at ${at(known)}`}`;
  if (outcome === 'lost') {
    const seen = lastPresent < 0 ? 'no read has it' : `the last read that has it began at ${at(lastPresent)}`;
    return `${head}; ${seen}, and the last read that lacks it began at ${at(lastAbsent)}.`;
  }
  const missed = missedByFinals.length;
  const finals = missed === 0 ? '' : ` ${writeCounted(missed, 'final read')} ${missed === 1 ? 'lacks' : 'lack'} it.`;
  return `${head}; a read that began at ${at(lastAbsent)}, ${stableLatency} ms later, lacks it.${finals}`;
}

function figuresOf(reads: readonly Sighting[], history: History): readonly string[] {
  const [having, lacking] = [reads.filter(({ has }) => has), reads.filter(({ has }) => !has)];
  const at = (read: Sighting | undefined) => (read === undefined ? '–' : writeInstant(history.timeAt(read.invocation)));
  return [
    ...[reads, having, lacking].map(({ length }) => writeCount(length)),
    at(having[0]),
    at(having.at(-1)),
    at(lacking.at(-1)),
  ];
}

interface Frame {
  readonly history: History;
  /** The left end, and the width, ns. */
  readonly from: number;
  readonly span: number;
  /** The operation since which the element is known. */
  readonly known: number | undefined;
}

/** Reads of one node, one after the other, that all have the element or all lack it. */
interface Stretch {
  readonly having: number;
  readonly lacking: number;
  /** ns */
  readonly from: number;
  readonly to: number;
}

function renderLane(node: string, reads: readonly Sighting[], frame: Frame): Markup {
  const having = reads.filter(({ has }) => has).length;
  const label = `${node}: ${writeCount(having)} of ${writeCounted(reads.length, 'read')} have it`;
  const { history, known } = frame;
  return markup`<span class="lane-name">${node}</span><svg class="lane" viewBox="0 0 ${EXTENT} ${EXTENT}" preserveAspectRatio="none" role="img" aria-label="${label}"><path class="grid" d="M0 ${EXTENT / 2}h${EXTENT}"/>${
    known !== undefined && markup`<path class="line thin" d="M${xOf(history.timeAt(known), frame)} 0v${EXTENT}"/>`
  }${stretchesOf(reads, frame).map((stretch) => renderStretch(node, stretch, frame))}</svg>
`;
}

function stretchesOf(reads: readonly Sighting[], { history, from, span }: Frame): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let before: boolean | undefined;
  for (const { invocation, completion, has } of reads) {
    const [begun, ended] = [history.timeAt(invocation), history.timeAt(completion)];
    if (begun > from + span) break;
    const one = { having: has ? 1 : 0, lacking: has ? 0 : 1, from: begun, to: ended };
    const last = stretches.at(-1);
    if (has === before && last !== undefined) stretches[stretches.length - 1] = join(last, one);
    else stretches.push(one);
    before = has;
  }
  const size = Math.ceil(stretches.length / STRETCHES_MAX);
  if (size <= 1) return stretches;
  return Array.from({ length: Math.ceil(stretches.length / size) }, (_, index) =>
    stretches.slice(index * size, (index + 1) * size).reduce(join),
  );
}

function join(one: Stretch, other: Stretch): Stretch {
  return {
    having: one.having + other.having,
    lacking: one.lacking + other.lacking,
    from: Math.min(one.from, other.from),
    to: Math.max(one.to, other.to),
  };
}

function renderStretch(node: string, { having, lacking, from, to }: Stretch, frame: Frame): Markup {
  const start = xOf(from, frame);
  const width = Math.max(place(xOf(to, frame) - start), WIDTH_MIN);
  const kind = lacking === 0 ? 'ok' : having === 0 ? 'fail' : 'info';
  const reads = [
    having > 0 && `${writeCounted(having, 'read')} with it`,
    lacking > 0 && `${writeCounted(lacking, 'read')} without it`,
  ];
  const title = `${node}: ${reads.filter((part) => part !== false).join(', ')} · ${writeInstant(from)} to ${writeInstant(to)} · ${writeDuration(to - from)}`;
  return markup`<rect class="mark bar ${kind}" x="${place(Math.min(start, EXTENT - width))}" y="200" width="${width}" height="600"><title>${title}</title></rect>`;
}

function xOf(time: number, { from, span }: Frame): number {
  return place((Math.min(Math.max(time - from, 0), span) / span) * EXTENT);
}
