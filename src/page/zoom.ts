/**
 * A closer look at a stretch of time, in all charts over time at once: drag across one of them, or use the buttons or the keys + − and 0. Only the view of a plot
 * changes; the marks stay where they are.
 */

import type { Tips } from './tips.ts';

const EXTENT = 1000;
const FACTOR = 2;
/** Nothing is seen closer than this share of the whole, thousandths. */
const WIDTH_MIN = 0.5;
/** A shorter drag is a click. */
const DRAG_PX_MIN = 8;
const TICKS = 6;

export function addZoom(tips: Tips): void {
  const bar = document.querySelector<HTMLElement>('[data-zoom]');
  const plots = [...document.querySelectorAll<SVGSVGElement>('svg[data-plot="time"]')];
  const [first] = plots;
  if (bar === null || first === undefined) return;
  const endNs = Number(first.dataset.end);
  const axes = [...document.querySelectorAll<HTMLElement>('[data-axis="time"]')];
  const whole = axes.map((axis) => axis.innerHTML);
  const names = [...document.querySelectorAll<HTMLElement>('.fault-names span[data-at]')];
  const told = document.createElement('span');
  told.setAttribute('role', 'status');
  let from = 0;
  let width = EXTENT;

  const look = (newFrom: number, newWidth: number) => {
    width = Math.min(Math.max(newWidth, WIDTH_MIN), EXTENT);
    from = Math.min(Math.max(newFrom, 0), EXTENT - width);
    for (const plot of plots) plot.setAttribute('viewBox', `${from} 0 ${width} ${EXTENT}`);
    const all = width === EXTENT;
    for (const [index, axis] of axes.entries()) {
      if (all) axis.innerHTML = whole[index] as string;
      else axis.replaceChildren(...ticks(from, width, endNs));
    }
    for (const name of names) {
      const at = ((Number(name.dataset.at) - from) / width) * 100;
      name.style.left = `${at}%`;
      name.hidden = at < 0 || at > 95;
    }
    told.textContent = all ? 'the whole run' : `${writeTime(from, endNs)} to ${writeTime(from + width, endNs)}`;
    tips.hide();
  };
  const closer = () => look(from + width / 4, width / FACTOR);
  const farther = () => look(from - width / 2, width * FACTOR);
  const reset = () => look(0, EXTENT);

  bar.hidden = false;
  bar.append(
    button('Closer', closer),
    button('Farther', farther),
    button('Earlier', () => look(from - width / 2, width)),
    button('Later', () => look(from + width / 2, width)),
    button('Whole run', reset),
    told,
  );
  look(0, EXTENT);
  const keys: Readonly<Record<string, () => void>> = { '+': closer, '-': farther, '0': reset };
  for (const plot of plots) {
    plot.addEventListener('keydown', (event) => keys[event.key]?.());
    addDrag(plot, (left, right) => look(from + left * width, (right - left) * width));
    plot.addEventListener('dblclick', reset);
  }
}

/** Calls back with the stretch of the plot that was dragged across, as shares of its width. */
function addDrag(plot: SVGSVGElement, onDrag: (left: number, right: number) => void): void {
  let startX: number | undefined;
  plot.addEventListener('pointerdown', (event) => {
    // A finger scrolls the page.
    if (event.pointerType === 'touch' || event.button !== 0) return;
    startX = event.clientX;
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener('pointerup', (event) => {
    const from = startX;
    startX = undefined;
    if (from === undefined || Math.abs(event.clientX - from) < DRAG_PX_MIN) return;
    const { left, width } = plot.getBoundingClientRect();
    const shares = [from, event.clientX].map((x) => Math.min(Math.max((x - left) / width, 0), 1));
    onDrag(Math.min(...shares), Math.max(...shares));
  });
}

function button(text: string, onClick: () => void): HTMLButtonElement {
  const element = document.createElement('button');
  element.type = 'button';
  element.textContent = text;
  element.addEventListener('click', onClick);
  return element;
}

function ticks(from: number, width: number, endNs: number): readonly HTMLElement[] {
  return Array.from({ length: TICKS }, (_, index) => {
    const tick = document.createElement('span');
    tick.style.left = `${(index / TICKS) * 100}%`;
    tick.textContent = writeTime(from + (index / TICKS) * width, endNs);
    return tick;
  });
}

function writeTime(at: number, endNs: number): string {
  return `${Number(((at / EXTENT) * (endNs / 1e9)).toPrecision(6))} s`;
}
