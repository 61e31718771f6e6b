/** Which faults were in force when: a lane for each kind, and the list of all. */

import type { FaultSpan } from './fault-spans.ts';
import { type Markup, markup } from './markup.ts';
import { EXTENT, place, writeCount, writeCounted, writeTime } from './scales.ts';
import { drawSpans, NAMED_SPANS_MAX, renderHorizontalAxis, renderTable, type TimeAxis } from './time-chart.ts';

const LISTED_MAX = 300;
/** A fault of no duration must be visible as well. */
const WIDTH_MIN = 2;

/** @param hits how many messages each message fault hit: these faults have no duration */
export function renderFaultLanes(
  spans: readonly FaultSpan[],
  hits: Readonly<Record<string, number>>,
  axis: TimeAxis,
): Markup {
  const lanes = new Map<string, FaultSpan[]>();
  for (const span of spans) {
    const lane = lanes.get(span.kind);
    if (lane === undefined) lanes.set(span.kind, [span]);
    else lane.push(span);
  }
  const hitTexts = Object.entries(hits).map(([kind, count]) => `${kind} ${writeCount(count)}`);
  const hitNote = hitTexts.length > 0 && markup`<p class="note">Messages hit one by one: ${hitTexts.join(', ')}.</p>`;
  if (spans.length === 0) {
    const nothing = hitTexts.length === 0 ? 'No fault was injected.' : 'No fault that lasts was injected.';
    return markup`<p>${nothing}</p>${hitNote}`;
  }
  return markup`<figure class="chart" id="faults" aria-labelledby="faults-title">
<figcaption><h3 id="faults-title">Faults in force</h3><p>${[...lanes].map(([kind, { length }]) => `${kind} ${length} ×`).join(', ')}.</p></figcaption>
<div class="lanes">${[...lanes].map(([kind, lane]) => renderLane(kind, lane, axis))}
${renderHorizontalAxis(axis)}</div>
${hitNote}${spans.length > NAMED_SPANS_MAX && markup`<p class="note">Of so many faults, those that are less than a thousandth of the run apart are drawn as one.</p>`}
<details class="figures"><summary>Faults in force: the list</summary>${renderTable(
    spans.length > LISTED_MAX ? `The first ${LISTED_MAX} of ${writeCount(spans.length)} faults` : 'All faults',
    {
      columns: ['from', 'to', 'fault', 'whom'],
      rows: spans.slice(0, LISTED_MAX).map(({ kind, whom, from, to }) => [writeTime(from), writeTime(to), kind, whom]),
    },
  )}</details>
</figure>
`;
}

function renderLane(kind: string, lane: readonly FaultSpan[], axis: TimeAxis): Markup {
  return markup`<span class="lane-name">${kind}</span><svg class="lane" data-plot="time" data-end="${axis.end}" viewBox="0 0 ${EXTENT} ${EXTENT}" preserveAspectRatio="none" role="img" aria-label="${kind}: ${writeCounted(lane.length, 'time')}"><path class="grid" d="M0 ${EXTENT / 2}h${EXTENT}"/>${drawSpans(
    axis,
    lane,
  ).map(({ from, to, title }) => {
    const width = place(Math.max(to - from, WIDTH_MIN));
    return markup`<rect class="mark span" x="${place(Math.min(from, EXTENT - width))}" y="150" width="${width}" height="700">${title !== undefined && markup`<title>${title}</title>`}</rect>
`;
  })}</svg>`;
}
