/**
 * Who sent how many messages to whom: a table whose cells are the darker the more there were.
 */

import { CLIENTS, type TrafficEntry } from '../simulator/traffic.ts';
import { type Markup, markup } from './markup.ts';
import { writeCount } from './scales.ts';

/** Those with the most messages get a row and a column of their own, the others share one. */
const NAMES_MAX = 20;
const OTHERS = 'others';

export function renderTrafficTable(traffic: readonly TrafficEntry[] | undefined, nodes: readonly string[]): Markup {
  if (traffic === undefined) return markup`<p>Nobody has counted the messages of this run.</p>`;
  if (traffic.length === 0) return markup`<p>No message was sent.</p>`;
  const names = orderNames(traffic, nodes);
  const places = new Map(names.map((name, place) => [name, place]));
  // Whoever has no place has the last one, which then is the others'. Names may hold anything and are no part of a key.
  const keyOf = (src: number, dest: number) => src * names.length + dest;
  const placeOf = (name: string) => places.get(name) ?? names.length - 1;
  const cells = new Map<number, Cell>();
  for (const { src, dest, sent, received } of traffic) {
    const key = keyOf(placeOf(src), placeOf(dest));
    const cell = cells.get(key) ?? { src, dest, sent: 0, received: 0 };
    cells.set(key, { ...cell, sent: cell.sent + sent, received: cell.received + received });
  }
  const total = traffic.reduce((sum, { sent }) => sum + sent, 0);
  const busiest = [...cells.values()].reduce((one, other) => (other.sent > one.sent ? other : one));
  const link = [busiest.src, busiest.dest].map((name) => names[placeOf(name)]).join(' → ');
  return markup`<p>${writeCount(total)} messages in all; most of them, ${writeCount(busiest.sent)}, ${link}. A cell says how many were sent, and below it how many did not arrive.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Messages sent, from row to column"><table class="traffic"><caption>Messages sent, from row to column</caption>
<thead><tr><th scope="col">from \\ to</th>${names.map((name) => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${names.map(
    (
      name,
      src,
    ) => markup`<tr><th scope="row">${name}</th>${names.map((_, dest) => renderCell(cells.get(keyOf(src, dest)), busiest.sent))}</tr>
`,
  )}</tbody></table></div>`;
}

type Cell = TrafficEntry;

function renderCell(cell: Cell | undefined, highest: number): Markup {
  if (cell === undefined || cell.sent === 0) return markup`<td></td>`;
  const share = Math.round((cell.sent / highest) * 100);
  const missing = cell.sent - cell.received;
  const lost = missing > 0 ? `${writeCount(missing)} lost` : missing < 0 ? `${writeCount(-missing)} twice` : undefined;
  return markup`<td style="--share:${share}%">${writeCount(cell.sent)}${lost !== undefined && markup`<small>${lost}</small>`}</td>`;
}

/** Clients, nodes in their order, services by name; the busiest only, where there are too many. */
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
