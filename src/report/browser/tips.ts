/**
 * Shows the `<title>` of a mark: of the one nearest to the pointer, or of one after the other with the arrow keys.
 * Browsers show titles by themselves, but late, and not for keyboards.
 */

/** How far the pointer may be from a mark, px. */
const REACH_PX = 16;

interface Place {
  readonly mark: SVGElement;
  readonly x: number;
  readonly y: number;
}

export interface Tips {
  hide(): void;
}

/** Handles every chart of the page. */
export function addTips(): Tips {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  tip.setAttribute('role', 'status');
  document.body.append(tip);
  let chosen: SVGElement | undefined;

  const hide = () => {
    chosen?.classList.remove('chosen');
    chosen = undefined;
    tip.hidden = true;
  };
  const show = ({ mark, x, y }: Place) => {
    if (mark !== chosen) {
      hide();
      chosen = mark;
      mark.classList.add('chosen');
      tip.textContent = textOf(mark);
      tip.hidden = false;
    }
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - width - 4))}px`;
    tip.style.top = `${y + 16 + height > innerHeight ? Math.max(4, y - height - 12) : y + 16}px`;
  };

  for (const chart of document.querySelectorAll<SVGSVGElement>('svg.plot, svg.lane, svg.space-time')) {
    moveTitles(chart);
    if (chart.querySelector('[data-tip]') === null) continue;
    chart.tabIndex = 0;
    const point = (event: PointerEvent) => {
      const found = nearest(chart, event);
      if (found === undefined) hide();
      else show({ mark: found, x: event.clientX, y: event.clientY });
    };
    chart.addEventListener('pointermove', point);
    // A tapping finger does not move.
    chart.addEventListener('pointerdown', point);
    // Nor does it stay. Its text stays until something else is touched.
    chart.addEventListener('pointerleave', ({ pointerType }) => pointerType !== 'touch' && hide());
    chart.addEventListener('blur', hide);
    chart.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') hide();
      if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
      // The browser uses these itself: back, and forward.
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const places = listPlaces(chart);
      const at = places.findIndex(({ mark }) => mark === chosen);
      const next = places[at < 0 ? 0 : at + (event.key === 'ArrowRight' ? 1 : -1)];
      if (next !== undefined) show(next);
    });
  }
  return { hide };
}

/** Otherwise the titles would be shown twice. */
function moveTitles(chart: SVGElement): void {
  for (const title of chart.querySelectorAll('title')) {
    const mark = title.parentElement as unknown as SVGElement;
    mark.dataset.tip = title.textContent ?? '';
    title.remove();
  }
}

function textOf(mark: SVGElement): string {
  return mark.dataset.tip ?? '';
}

/** The mark under the pointer, or else the nearest point within reach. A fault is behind everything. */
function nearest(chart: SVGSVGElement, { clientX, clientY }: PointerEvent): SVGElement | undefined {
  const under = document.elementsFromPoint(clientX, clientY).flatMap((element) => {
    const mark = element.closest<SVGElement>('[data-tip]');
    return mark !== null && chart.contains(mark) ? mark : [];
  });
  const front = under.find((mark) => !mark.classList.contains('fault'));
  if (front !== undefined) return front;
  let found: SVGElement | undefined;
  let least = REACH_PX;
  for (const { mark, x, y } of listPlaces(chart)) {
    const distance = Math.hypot(x - clientX, y - clientY);
    if (distance > least || mark.classList.contains('fault')) continue;
    least = distance;
    found = mark;
  }
  return found ?? under[0];
}

/**
 * Where the marks of a chart are on the screen, from left to right, or from the top if time goes down. Marks that a
 * zoom has moved out, or a filter hides, are left out.
 */
function listPlaces(chart: SVGSVGElement): readonly Place[] {
  const box = chart.getBoundingClientRect();
  const view = chart.viewBox.baseVal;
  const places = [...chart.querySelectorAll<SVGElement>('[data-tip]:not(.filtered)')].flatMap((mark) => {
    const point = pointOf(mark);
    const x = box.left + ((point.x - view.x) / view.width) * box.width;
    const y = box.top + ((point.y - view.y) / view.height) * box.height;
    return x < box.left - 1 || x > box.right + 1 ? [] : { mark, x, y };
  });
  const downwards = chart.classList.contains('space-time');
  return places.sort((one, other) =>
    downwards ? one.y - other.y || one.x - other.x : one.x - other.x || one.y - other.y,
  );
}

/** In the units of the chart. Paths begin at their point. */
function pointOf(mark: SVGElement): { readonly x: number; readonly y: number } {
  const [, x, y] =
    /^M([-\d.]+) ([-\d.]+)/.exec((mark.matches('path') ? mark : mark.querySelector('path'))?.getAttribute('d') ?? '') ??
    [];
  if (x !== undefined && y !== undefined) return { x: Number(x), y: Number(y) };
  const box = (mark as SVGGraphicsElement).getBBox();
  return { x: box.x, y: box.y + box.height / 2 };
}
