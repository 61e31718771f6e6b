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
  const known = new Set(names);
  const cells = new Map<string, { sent: number; received: number }>();
  for (const { src, dest, sent, received } of traffic) {
    const key = [src, dest].map((name) => (known.has(name) ? name : OTHERS)).join(' ');
    const cell = cells.get(key) ?? { sent: 0, received: 0 };
    cells.set(key, { sent: cell.sent + sent, received: cell.received + received });
  }
  const highest = Math.max(...[...cells.values()].map(({ sent }) => sent));
  const total = traffic.reduce((sum, { sent }) => sum + sent, 0);
  const [busiest] = [...cells].sort(([, one], [, other]) => other.sent - one.sent);
  return markup`<p>${writeCount(total)} messages in all; most of them, ${writeCount(busiest?.[1].sent ?? 0)}, ${(busiest?.[0] ?? '').replace(' ', ' → ')}. A cell says how many were sent, and below it how many did not arrive.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Messages sent, from row to column"><table class="traffic"><caption>Messages sent, from row to column</caption>
<thead><tr><th scope="col">from \\ to</th>${names.map((name) => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${names.map(
    (
      src,
    ) => markup`<tr><th scope="row">${src}</th>${names.map((dest) => renderCell(cells.get(`${src} ${dest}`), highest))}</tr>
`,
  )}</tbody></table></div>`;
}

function renderCell(cell: { sent: number; received: number } | undefined, highest: number): Markup {
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
