/**
 * A run as one page that loads nothing: the verdict and its reasons, the proofs, then everything else, from the
 * overview to the single message.
 */

import { findProofs, findWarnings, momentOf, type NamedProof } from '../checkers/evidence.ts';
import { type JudgedElement, judgeElements } from '../checkers/set-full.ts';
import { isMessageFault } from '../harness/fault.ts';
import { isRecord } from '../protocol/message.ts';
import { renderFacts, renderFiles, renderOptions, renderResults } from './fact-sections.ts';
import { renderFaultLanes } from './fault-lanes.ts';
import { type FaultSpan, findFaultSpans } from './fault-spans.ts';
import { renderLatencyCharts } from './latency-charts.ts';
import { renderLog } from './log-picture.ts';
import { type Content, type Markup, markup, raw } from './markup.ts';
import { renderOperationPages } from './operation-pages.ts';
import { renderProofs } from './proof-section.ts';
import { renderRateChart } from './rate-chart.ts';
import type { RunRecord } from './run-record.ts';
import { writeInstant } from './scales.ts';
import { renderStableLatencies } from './set-charts.ts';
import { renderSightings } from './sightings.ts';
import { renderSpaceTime } from './space-time.ts';
import { renderStory } from './story-section.ts';
import { TimeAxis } from './time-chart.ts';
import { renderTrafficTable } from './traffic-table.ts';

/** Style and script of the page. Both are put into it. */
export interface PageAssets {
  readonly style: string;
  readonly script: string;
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Content;
}

/** Everything may be shown, nothing may be fetched. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** The whole HTML document. Throws for a history that no working harness writes. */
export function renderPage(record: RunRecord, assets: PageAssets): string {
  const { workload, results, verdict, startedAt } = record;
  const [headline = '', ...reasons] = splitSentence(verdict);
  const { word, sign } = VERDICTS[String(results['valid?'])] ?? UNKNOWN;
  const sections = listSections(record);
  return markup`<!DOCTYPE html>
<html lang="en" data-verdict="${word}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${sign} ${workload}${startedAt !== undefined && ` ${startedAt}`} · Snowstorm</title>
<style>${raw(assets.style.replaceAll('</', '<\\/'))}</style>
</head>
<body>
<a class="skip" href="#main">To the report</a>
<header>
<p class="program">Snowstorm <b>${workload}</b>${startedAt !== undefined && markup` <time datetime="${startedAt}">${startedAt}</time>`}</p>
<h1 class="verdict ${word}"><span aria-hidden="true">${sign}</span> ${headline}</h1>
${reasons.length > 0 && markup`<p class="reason">${reasons.join(' ')}</p>`}
${renderFacts(record)}
<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => markup`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
</header>
<main id="main">
${sections.map(
  ({ id, title, content }) => markup`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}
</section>
`,
)}</main>
<script>${raw(assets.script.replaceAll('</', '<\\/'))}</script>
</body>
</html>
`.text;
}

const UNKNOWN = { word: 'unknown', sign: '?' };
const VERDICTS: Readonly<Record<string, typeof UNKNOWN>> = {
  true: { word: 'valid', sign: '✓' },
  false: { word: 'invalid', sign: '✗' },
};

/** The main points of a run. */
function inspect({ results, history }: RunRecord) {
  const proofs = findProofs(results, history);
  const spans = findFaultSpans(history);
  return {
    proofs,
    proven: new Set(proofs.flatMap(({ operations }) => operations)),
    spans,
    /** When the first proof was complete, else when the first fault began; ns. */
    moment: momentOf(proofs, history) ?? spans[0]?.from,
  };
}

function splitSentence(text: string): readonly string[] {
  const end = /[.!] /.exec(text);
  return end === null ? [text] : [text.slice(0, end.index + 1), text.slice(end.index + 2)];
}

function listSections(record: RunRecord): readonly Section[] {
  const { history, results, nodes, concurrency, story, shrunk } = record;
  const { proofs, proven, spans, moment } = inspect(record);
  const warnings = findWarnings(results, history);
  const end = history.length === 0 ? 0 : history.timeAt(history.length - 1);
  const axis = new TimeAxis(end);
  const elements = elementsOf(record);
  const sightings = renderSightings(elements, record);
  const log = renderLog(record);
  const logSection = log && { id: 'log', title: `The log of key ${log.key}`, content: log.content };
  const small = shrunk === undefined ? undefined : renderShrunk(shrunk);
  const messages: Section = {
    id: 'messages',
    title: 'Messages',
    content: markup`<p>${describeMoment(proofs, spans, moment)}</p>${renderSpaceTime({ ...record, spans, proofs: proven, moment, id: 'run' })}`,
  };
  // In a small run every message is part of the story.
  return [
    ...(proofs.length > 0
      ? [{ id: 'proof', title: 'What proves it', content: renderProofs(proofs, history, record) }]
      : []),
    ...(warnings.length > 0
      ? [{ id: 'warnings', title: 'What Jepsen does not see', content: renderProofs(warnings, history, record) }]
      : []),
    ...(sightings === undefined ? [] : [{ id: 'elements', title: 'Elements lost or late', content: sightings }]),
    ...(logSection !== undefined && log?.isBad ? [logSection] : []),
    ...(story === undefined ? [] : [{ id: 'story', title: 'The story', content: renderStory(story) }]),
    ...(story === undefined ? [] : [messages]),
    ...(small === undefined ? [] : [{ id: 'small', title: 'The same failure, made small', content: small }]),
    {
      id: 'time',
      title: 'Over time',
      content: markup`<div class="zoom" data-zoom hidden></div>
${renderFaultLanes(spans, messageHits(record), axis)}${renderLatencyCharts(history, axis, spans) ?? markup`<p>No operation was completed.</p>`}${renderStableLatencies(history, elements, axis, spans)}${renderRateChart(history, axis, spans)}`,
    },
    ...(logSection !== undefined && !log?.isBad ? [logSection] : []),
    {
      id: 'operations',
      title: 'Operations',
      content: renderOperationPages({ history, concurrency, nodes, end, moment, proofs: proven }),
    },
    ...(story === undefined ? [messages] : []),
    { id: 'traffic', title: 'Traffic', content: renderTrafficTable(record.traffic, nodes) },
    { id: 'results', title: 'Results', content: renderResults(results) },
    { id: 'options', title: 'Options', content: renderOptions(record) },
    ...(record.files.length > 0 ? [{ id: 'files', title: 'Files', content: renderFiles(record) }] : []),
  ];
}

/** What a client adds to a set, by workload. */
const ADDS = new Set(['add', 'broadcast']);

/** The elements of a set that was judged; none of another workload. */
function elementsOf({ results: { workload }, history }: RunRecord): readonly JudgedElement[] {
  const isSet = isRecord(workload) && 'stable-count' in workload && 'attempt-count' in workload;
  return isSet ? judgeElements(history, ADDS) : [];
}

/** The small run with its story, after shrinking. */
function renderShrunk(shrunk: RunRecord): Markup {
  const { proven, spans, moment } = inspect(shrunk);
  return markup`${shrunk.story !== undefined && renderStory(shrunk.story)}
<h3>Its messages</h3>
${renderSpaceTime({ ...shrunk, spans, proofs: proven, moment, id: 'small' })}`;
}

function describeMoment(
  proofs: readonly NamedProof[],
  spans: readonly FaultSpan[],
  moment: number | undefined,
): string {
  if (moment === undefined) return 'From the first message on.';
  if (momentIsProof(proofs)) return `Around ${writeInstant(moment)}, when the first proof was complete.`;
  return `Around ${writeInstant(moment)}, when the first fault began: ${spans[0]?.kind ?? ''}.`;
}

function momentIsProof(proofs: readonly NamedProof[]): boolean {
  return proofs.some(({ operations, time }) => operations.length > 0 || time !== undefined);
}

/** How many messages each message fault hit, from the results. */
function messageHits({ results }: RunRecord): Readonly<Record<string, number>> {
  const { started } = isRecord(results.faults) ? results.faults : { started: undefined };
  if (!isRecord(started)) return {};
  return Object.fromEntries(
    Object.entries(started).filter(
      (entry): entry is [string, number] => isMessageFault(entry[0] as never) && typeof entry[1] === 'number',
    ),
  );
}
