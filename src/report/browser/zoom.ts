/**
 * Zoom into a stretch of time, in all charts over time at once: drag across one of them, or use the buttons or the keys
 * + − and 0. Only the view of a plot changes. The marks stay where they are.
 */

import { EXTENT, labelsWithRoom, labelWidth, niceStep, sticksOut, type Tick } from '../scales.ts';
import type { Tips } from './tips.ts';

const FACTOR = 2;
/** The closest zoom shows this share of the whole, thousandths. */
const WIDTH_MIN = 0.5;
/** A shorter drag is a click. */
const DRAG_PX_MIN = 8;
const TICKS_MAX = 6;

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
      else axis.replaceChildren(...ticks(from, width, endNs, axis.clientWidth));
    }
    for (const name of names) {
      const share = (Number(name.dataset.at) - from) / width;
      name.style.left = `${share * 100}%`;
      const room = (1 - share) * (name.parentElement?.clientWidth ?? 0);
      name.hidden = share < 0 || room < labelWidth(name.textContent ?? '');
    }
    told.textContent = all ? 'the whole run' : `${timeAt(from, endNs)} to ${timeAt(from + width, endNs)}`;
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
  // The number of labels with room depends on the width.
  addEventListener('resize', () => look(from, width));
  const keys: Readonly<Record<string, () => void>> = { '+': closer, '-': farther, '0': reset };
  for (const plot of plots) {
    plot.addEventListener('keydown', (event) => {
      // The browser uses these itself: larger and smaller letters.
      if (!event.ctrlKey && !event.metaKey && !event.altKey) keys[event.key]?.();
    });
    addDrag(plot, (left, right) => look(from + left * width, (right - left) * width));
    plot.addEventListener('dblclick', reset);
  }
}

/** Calls back with the dragged stretch of the plot, as shares of its width. */
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

/**
 * At round times, without labels that have no room. A label that would stick out is written to the left of its place.
 */
function ticks(from: number, width: number, endNs: number, plotPx: number): readonly HTMLElement[] {
  const nsPerPlace = endNs / EXTENT;
  const step = niceStep((width * nsPerPlace) / TICKS_MAX);
  const digits = Math.max(0, Math.ceil(9 - Math.log10(step) - 1e-9));
  const first = Math.ceil((from * nsPerPlace) / step - 1e-9);
  const last = Math.floor(((from + width) * nsPerPlace) / step + 1e-9);
  const labels = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => {
    const time = (first + index) * step;
    const share = Math.min(Math.max((time / nsPerPlace - from) / width, 0), 1);
    return { at: share * EXTENT, text: `${(time / 1e9).toFixed(digits)} s` };
  });
  const isBefore = (label: Tick) => sticksOut(label, plotPx);
  return labelsWithRoom(labels, plotPx, isBefore).map((label) => {
    const tick = document.createElement('span');
    tick.style.left = `${(label.at / EXTENT) * 100}%`;
    tick.textContent = label.text;
    tick.classList.toggle('before', isBefore(label));
    return tick;
  });
}

function timeAt(at: number, endNs: number): string {
  return `${Number(((at / EXTENT) * (endNs / 1e9)).toPrecision(6))} s`;
}
