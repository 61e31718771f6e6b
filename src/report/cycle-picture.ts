/** A cycle of operations as a ring of arrows, and below it each operation with why it comes before the next one. */

import type { CycleStep } from '../checkers/proof.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { type Markup, markup } from './markup.ts';

const REASON_LENGTH_MAX = 300;
const TYPE_LENGTH_MAX = 12;

/** Pixels. */
const NODE_RADIUS = 15;
const RING_RADIUS_MIN = 56;
const RING_RADIUS_EACH = 14;
const MARGIN = 72;
/** How far an arrow bends outwards, of its length. */
const BEND = 0.28;
const HEAD_LENGTH = 9;
const HEAD_HALF_WIDTH = 4.5;
const LABEL_DISTANCE = 20;

interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * @param operationCount how many operations the cycle has; there may be fewer steps
 * @param tell the operation of a completion, with its client and time
 */
export function renderCycle(
  steps: readonly CycleStep[],
  operationCount: number,
  tell: (operation: number) => Markup,
): Markup {
  const names = namesOf(steps.length, operationCount);
  const leftOut = operationCount - steps.length;
  // The arrow to the last operation stands for those that are left out.
  const types = steps.map(({ type }, place) => (leftOut > 0 && place === steps.length - 2 ? '…' : type));
  return markup`<figure class="cycle">${renderRing(types, names)}
<ol>${steps.map(
    ({ operation, type, reason }, place) =>
      markup`<li>${place === steps.length - 1 && leftOut > 0 && markup`<p>… ${leftOut} more …</p>`}<b>${names[place]}</b> ${tell(operation)}<p><span class="reason-type">${excerpt(type, TYPE_LENGTH_MAX)}</span> ${excerpt(reason, REASON_LENGTH_MAX)}</p></li>
`,
  )}</ol></figure>`;
}

/** The last of a long cycle has the last number. */
function namesOf(count: number, operationCount: number): readonly string[] {
  return Array.from(
    { length: count },
    (_, place) => `T${place === count - 1 ? Math.max(count, operationCount) : place + 1}`,
  );
}

function renderRing(types: readonly string[], names: readonly string[]): Markup {
  const radius = Math.max(RING_RADIUS_MIN, types.length * RING_RADIUS_EACH);
  const size = 2 * (radius + MARGIN);
  const places = types.map((_, place) => {
    const angle = (2 * Math.PI * place) / types.length - Math.PI / 2;
    return { x: size / 2 + radius * Math.cos(angle), y: size / 2 + radius * Math.sin(angle) };
  });
  const label = names.map((name, place) => `${name} before ${names[(place + 1) % names.length]}`).join(', ');
  return markup`<svg class="cycle-ring" role="img" aria-label="${label}" viewBox="0 0 ${size} ${size}" width="${size}" height="${size}">
${types.map((type, place) => renderEdge(type, places[place] as Point, places[(place + 1) % places.length] as Point))}
${places.map(({ x, y }, place) => markup`<circle cx="${round(x)}" cy="${round(y)}" r="${NODE_RADIUS}"/><text x="${round(x)}" y="${round(y)}">${names[place]}</text>`)}
</svg>`;
}

/** From one circle to the next, clockwise, so its left is outside. */
function renderEdge(type: string, from: Point, to: Point): Markup {
  const outwards = unit({ x: to.y - from.y, y: from.x - to.x });
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const control = along(middle, outwards, 2 * BEND * length);
  const start = along(from, unit(difference(control, from)), NODE_RADIUS);
  const backwards = unit(difference(control, to));
  const tip = along(to, backwards, NODE_RADIUS + 1);
  const end = along(tip, backwards, HEAD_LENGTH);
  const aside = { x: -backwards.y, y: backwards.x };
  const head = [tip, along(end, aside, HEAD_HALF_WIDTH), along(end, aside, -HEAD_HALF_WIDTH)];
  const label = along(middle, outwards, BEND * length + LABEL_DISTANCE);
  return markup`<path class="edge" d="M${write(start)}Q${write(control)} ${write(end)}"/><path class="head" d="M${head.map(write).join('L')}z"/><text x="${round(label.x)}" y="${round(label.y)}">${excerpt(type, TYPE_LENGTH_MAX)}</text>
`;
}

function along({ x, y }: Point, direction: Point, distance: number): Point {
  return { x: x + direction.x * distance, y: y + direction.y * distance };
}

function difference(one: Point, other: Point): Point {
  return { x: one.x - other.x, y: one.y - other.y };
}

function unit({ x, y }: Point): Point {
  const length = Math.hypot(x, y);
  return { x: x / length, y: y / length };
}

function write({ x, y }: Point): string {
  return `${round(x)} ${round(y)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
