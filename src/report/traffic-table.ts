/** How many messages each sent to each: a table with darker cells for more messages. */

import { CLIENTS, type TrafficEntry } from '../harness/traffic.ts';
import { type Markup, markup } from './markup.ts';
import { writeCount, writeCounted } from './scales.ts';

/** The busiest ones get a row and a column of their own. The others share one. */
const NAMES_MAX = 20;
const OTHERS = 'others';

export function renderTrafficTable(traffic: readonly TrafficEntry[] | undefined, nodes: readonly string[]): Markup {
  if (traffic === undefined) return markup`<p>The messages of this run were not counted.</p>`;
  if (traffic.length === 0) return markup`<p>No message was sent.</p>`;
  const names = orderNames(traffic, nodes);
  const places = new Map(names.map((name, place) => [name, place]));
  // Ids without a place get the last one, which is then "others". Names may hold anything and are no part of a key.
  const keyOf = (src: number, dest: number) => src * names.length + dest;
  const placeOf = (name: string) => places.get(name) ?? names.length - 1;
  const cells = new Map<number, Cell>();
  for (const { src, dest, sent, received, arrived = 0 } of traffic) {
    const [from, to] = [placeOf(src), placeOf(dest)];
    const key = keyOf(from, to);
    const cell = cells.get(key) ?? { from, to, sent: 0, received: 0, arrived: 0 };
    cells.set(key, {
      ...cell,
      sent: cell.sent + sent,
      received: cell.received + received,
      arrived: cell.arrived + arrived,
    });
  }
  const tellsArrived = traffic.every(({ arrived }) => arrived !== undefined);
  const highest = [...cells.values()].reduce((most, { sent }) => Math.max(most, sent), 0);
  const below = tellsArrived
    ? 'how many of them never arrived (lost), and how many came twice'
    : 'how many fewer or more arrived; what came twice hides what was lost, and this record does not tell them apart';
  return markup`<p>${describeTotal([...cells.values()], names)} A cell says how many were sent, and below it ${below}.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Messages sent, from row to column"><table class="traffic"><caption>Messages sent, from row to column</caption>
<thead><tr><th scope="col">from \\ to</th>${names.map((name) => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${names.map(
    (
      name,
      src,
    ) => markup`<tr><th scope="row">${name}</th>${names.map((_, dest) => renderCell(cells.get(keyOf(src, dest)), highest, tellsArrived))}</tr>
`,
  )}</tbody></table></div>`;
}

interface Cell {
  /** Places among the names. */
  readonly from: number;
  readonly to: number;
  readonly sent: number;
  readonly received: number;
  readonly arrived: number;
}

/** How many messages there were, and between which two the most. The shared place is no pair. */
function describeTotal(cells: readonly Cell[], names: readonly string[]): string {
  const total = cells.reduce((sum, { sent }) => sum + sent, 0);
  const head = `${writeCounted(total, 'message')} in all`;
  const single = cells.filter(({ from, to }) => names.length <= NAMES_MAX || Math.max(from, to) < names.length - 1);
  if (single.length === 0) return `${head}.`;
  const busiest = single.reduce((one, other) => (other.sent > one.sent ? other : one));
  const link = `from ${names[busiest.from]} to ${names[busiest.to]}`;
  return busiest.sent === total ? `${head}, ${link}.` : `${head}; the most, ${writeCount(busiest.sent)}, ${link}.`;
}

function renderCell(cell: Cell | undefined, highest: number, tellsArrived: boolean): Markup {
  if (cell === undefined || cell.sent === 0) return markup`<td></td>`;
  const share = Math.round((cell.sent / highest) * 100);
  const { sent, received, arrived } = cell;
  const notes: readonly (readonly [number, string])[] = tellsArrived
    ? [
        [sent - arrived, 'lost'],
        [received - arrived, 'twice'],
      ]
    : [
        [sent - received, 'fewer'],
        [received - sent, 'more'],
      ];
  return markup`<td style="--share:${share}%">${writeCount(sent)}${notes.map(([count, word]) => count > 0 && markup`<small>${writeCount(count)} ${word}</small>`)}</td>`;
}

/** Clients, nodes in their order, services by name. Only the busiest, if there are too many. */
function orderNames(traffic: readonly TrafficEntry[], nodes: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { src, dest, sent } of traffic)
    for (const name of [src, dest]) counts.set(name, (counts.get(name) ?? 0) + sent);
  const byCount = [...counts].sort(([, one], [, other]) => other - one).map(([name]) => name);
  const kept = new Set(byCount.slice(0, NAMES_MAX));
  const others = [...kept].filter((name) => name !== CLIENTS && !nodes.includes(name)).sort();
  return [
    ...(kept.has(CLIENTS) ? [CLIENTS] : []),
    ...nodes.filter((node) => kept.has(node)),
    ...others,
    ...(byCount.length > kept.size ? [OTHERS] : []),
  ];
}
