/**
 * What must hold for every page that people look at, whatever is on it: nothing sticks out, all text can be read,
 * everything has a name, and the keyboard is never lost. Each check asks a page in a browser and returns what is wrong
 * in words; an empty list is fine.
 *
 * What runs in the page is text here, since the types of the tests know no document. It leaves nothing behind that a
 * page would notice, and needs no scripts of the page's own. Contrast and names are judged as WCAG 2.2 puts it (1.4.3,
 * 1.3.1, 2.4.7, 2.4.11, 4.1.2).
 */

import type { Page } from './browser.ts';

const TAB_STOPS_MAX = 200;

/** Vocabulary of what runs in the page. */
const IN_PAGE = `
  const inShort = (text) => {
    const words = text.trim().replace(/\\s+/g, ' ');
    return words.length > 40 ? words.slice(0, 40) + '…' : words;
  };
  const nameOf = (element) => {
    const id = element.id === '' ? '' : '#' + element.id;
    const classes = [...element.classList].map((name) => '.' + name).join('');
    return '<' + element.localName + id + classes + '> "' + inShort(element.textContent) + '"';
  };
  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const ancestorsOf = (element) => {
    const ancestors = [];
    for (let next = element.parentElement; next !== null; next = next.parentElement) ancestors.push(next);
    return ancestors;
  };
  /** Every text that is to be seen, with the element that it is in; not what is only there for assistive technology. */
  const shownTexts = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() === '' || !isShown(element)) continue;
      if (element.closest('script, style, template, noscript, defs, title, desc') !== null) continue;
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      const box = range.getBoundingClientRect();
      const hidden = [element, ...ancestorsOf(element)].some((one) => {
        const { width, height } = one.getBoundingClientRect();
        return width <= 1 && height <= 1 && getComputedStyle(one).overflowX !== 'visible';
      });
      if (box.width > 0 && box.height > 0 && !hidden) found.push({ element, box, text: walker.currentNode.data });
    }
    return found;
  };
`;

function inPage<T>(page: Page, body: string): Promise<T> {
  return page.evaluate<T>(`(() => { ${IN_PAGE} ${body} })()`);
}

/** What is wider than the viewport, and in nothing that scrolls or clips it. */
export function findOverflow(page: Page): Promise<string[]> {
  return inPage(
    page,
    `
    const width = innerWidth;
    const { scrollWidth } = document.scrollingElement;
    const problems = scrollWidth > width ? ['the page is ' + scrollWidth + ' px wide, the viewport ' + width + ' px'] : [];
    // What lies wholly to the left is out of the way on purpose, and makes nothing scroll.
    const sticksOut = ({ left, right, width: own, height }) =>
      own > 0 && height > 0 && right + scrollX > 0 && (right + scrollX > width + 0.5 || left + scrollX < -0.5);
    // What the page itself clips is lost, so that does not count.
    const holds = (element) =>
      element !== document.body && element !== document.documentElement &&
      (getComputedStyle(element).overflowX !== 'visible' || /paint|content|strict/.test(getComputedStyle(element).contain));
    const told = new Set();
    const tell = (element, what, { left, right }) => {
      told.add(element);
      problems.push(what + nameOf(element) + ' goes from ' + Math.round(left + scrollX) + ' to ' + Math.round(right + scrollX) +
        ' px, the viewport to ' + width + ' px');
    };
    for (const element of document.body.querySelectorAll('*')) {
      const box = element.getBoundingClientRect();
      if (!sticksOut(box) || !element.checkVisibility({ visibilityProperty: true })) continue;
      const ancestors = ancestorsOf(element);
      if (!ancestors.some((one) => told.has(one) || holds(one))) tell(element, '', box);
    }
    for (const { element, box } of shownTexts()) {
      const around = [element, ...ancestorsOf(element)];
      if (sticksOut(box) && !around.some((one) => told.has(one) || holds(one))) tell(element, 'the text of ', box);
    }
    return problems;
    `,
  );
}

/** Labels of axes, and names of faults, that lie on one another or are cut. */
export function findCrowdedLabels(page: Page): Promise<string[]> {
  return inPage(
    page,
    `
    const problems = [];
    for (const axis of document.querySelectorAll('.horizontal-axis, .vertical-axis, .fault-names')) {
      const labels = [...axis.querySelectorAll('span')].filter(isShown);
      const boxes = labels.map((label) => label.getBoundingClientRect());
      const upright = axis.matches('.vertical-axis');
      const frame = axis.getBoundingClientRect();
      const [least, most] = upright ? [0, innerWidth] : [frame.left, frame.right];
      for (const [index, box] of boxes.entries()) {
        const where = nameOf(labels[index]) + ' of ' + nameOf(axis.closest('figure, details') ?? axis);
        if (box.left < least - 0.5 || box.right > most + 0.5 || labels[index].scrollWidth > labels[index].clientWidth + 1)
          problems.push(where + ' is cut: from ' + Math.round(box.left - least) + ' to ' + Math.round(box.right - least) + ' px of ' + Math.round(most - least));
        for (const other of boxes.slice(0, index)) {
          const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
          const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
          if (across > 0 && down > (upright ? 4 : 0)) problems.push(where + ' is ' + Math.round(upright ? down : across) + ' px on another one');
        }
      }
    }
    return problems;
    `,
  );
}

/**
 * Text that stands out too little from what its ancestors paint behind it. What is painted by anything else than
 * background colours (images, other elements below, filters) is unknown here, and such text is passed over where that
 * can be told.
 */
export function findLowContrast(page: Page): Promise<string[]> {
  return inPage(
    page,
    `
    const brush = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
    const known = new Map();
    const parse = (colour) => {
      const plain = /^rgba?\\(([\\d.]+), ([\\d.]+), ([\\d.]+)(?:, ([\\d.]+))?\\)$/.exec(colour);
      if (plain !== null) return [+plain[1], +plain[2], +plain[3], plain[4] === undefined ? 1 : +plain[4]];
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = colour;
      brush.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
      return [red, green, blue, alpha / 255];
    };
    const rgba = (colour) => {
      if (!known.has(colour)) known.set(colour, parse(colour));
      return known.get(colour);
    };
    const mix = (below, above, share) => below.map((value, index) => value * (1 - share) + above[index] * share);
    const over = (below, [red, green, blue, alpha]) => mix(below, [red, green, blue], alpha);
    const luminance = (colour) => {
      const [red, green, blue] = colour.map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one, other) => {
      const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    };
    // What is behind everything depends on the colour scheme.
    const probe = document.documentElement.appendChild(document.createElement('span'));
    probe.style.color = 'Canvas';
    const canvas = rgba(getComputedStyle(probe).color).slice(0, 3);
    probe.remove();

    /** Paints a chain of nested elements on what is below: what comes out behind the text, and as the text. */
    const paint = (chain, ink, below) => {
      if (chain.length === 0) return { behind: below, text: over(below, ink) };
      const [{ backgroundColor, opacity }, ...inner] = chain;
      const { behind, text } = paint(inner, ink, over(below, rgba(backgroundColor)));
      return { behind: mix(below, behind, +opacity), text: mix(below, text, +opacity) };
    };
    const hasImage = (styles) => {
      // From the inside to the first colour that lets nothing through.
      for (const { backgroundImage, backgroundColor } of [...styles].reverse()) {
        if (backgroundImage !== 'none') return true;
        if (rgba(backgroundColor)[3] === 1) return false;
      }
      return false;
    };
    const found = new Map();
    const judge = (element, text, style) => {
      if (element.closest('[aria-hidden=true], :disabled') !== null) return;
      const chain = [element, ...ancestorsOf(element)].reverse().map((one) => getComputedStyle(one));
      const colour = element instanceof SVGElement ? style.fill : style.color;
      if (hasImage(chain) || !/^[a-z]+\\(/.test(colour) || colour.startsWith('url')) return;
      const ink = [...rgba(colour)];
      if (element instanceof SVGElement) ink[3] *= +style.fillOpacity;
      const painted = paint(chain, ink, canvas);
      const size = parseFloat(style.fontSize);
      const needed = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700) ? 3 : 4.5;
      const ratio = contrast(painted.text, painted.behind);
      if (ratio >= needed) return;
      const inWords = (colours) => 'rgb(' + colours.map(Math.round).join(', ') + ')';
      const what = inWords(painted.text) + ' on ' + inWords(painted.behind) + ' is a contrast of ' +
        (Math.floor(ratio * 100) / 100) + ', not ' + needed;
      // A table of a thousand such cells is one problem.
      const key = what + element.localName + element.className;
      if (!found.has(key)) found.set(key, nameOf(element).replace(/"[^]*/, '"' + inShort(text) + '"') + ': ' + what);
    };
    for (const { element, text } of shownTexts()) judge(element, text, getComputedStyle(element));
    for (const field of document.querySelectorAll('input, textarea')) {
      if (!isShown(field) || field.type === 'checkbox' || field.type === 'radio' || field.type === 'range') continue;
      if (field.value) judge(field, field.value, getComputedStyle(field));
      else if (field.placeholder) judge(field, field.placeholder, getComputedStyle(field, '::placeholder'));
    }
    return [...found.values()];
    `,
  );
}

/** Roles, as chromium calls them, that mean nothing without a name. */
const NAMED_ROLES = new Set(
  [
    [
      'button',
      'link',
      'textbox',
      'searchbox',
      'checkbox',
      'combobox',
      'radio',
      'slider',
      'spinbutton',
      'switch',
      'tab',
    ],
    ['listbox', 'option', 'menuitem', 'menuitemcheckbox', 'menuitemradio', 'treeitem', 'DisclosureTriangle'],
    ['PopUpButton', 'ToggleButton', 'ColorWell', 'Date', 'DateTime', 'InputTime'],
    ['image', 'img', 'graphics-document', 'graphics-object', 'graphics-symbol', 'Canvas', 'meter', 'progressbar'],
    ['table', 'grid', 'treegrid', 'figure', 'dialog', 'alertdialog', 'Iframe'],
  ].flat(),
);

/** What assistive technology cannot name, and what it cannot find its way by. */
export async function findUnnamed(page: Page): Promise<string[]> {
  const problems = await inPage<string[]>(
    page,
    `
    const problems = [];
    if (document.title.trim() === '') problems.push('the document has no title');
    if (document.documentElement.lang.trim() === '') problems.push('the document has no lang');
    if (document.querySelector('main, [role=main]') === null) problems.push('there is no <main>');
    const ids = new Set();
    for (const { id } of document.querySelectorAll('[id]')) {
      if (ids.has(id)) problems.push('there is more than one #' + id);
      ids.add(id);
    }
    const headings = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(
      (heading) => heading.closest('[hidden], [aria-hidden=true]') === null);
    const tops = headings.filter((heading) => heading.localName === 'h1');
    if (tops.length !== 1) problems.push('there are ' + tops.length + ' <h1>');
    let level = 0;
    for (const heading of headings) {
      const next = Number(heading.localName[1]);
      if (next > level + 1) problems.push(nameOf(heading) + ' comes after ' + (level === 0 ? 'no heading' : 'an <h' + level + '>'));
      if (heading.textContent.trim() === '') problems.push(nameOf(heading) + ' is empty');
      level = next;
    }
    return [...new Set(problems)];
    `,
  );
  for (const { role, name, ignored, nodeId } of await page.accessibilityTree()) {
    if (ignored || nodeId === undefined || name.trim() !== '' || !NAMED_ROLES.has(role)) continue;
    // Chromium does not count what a figure has for a name.
    const described = await page.evaluateOn<string>(
      nodeId,
      `function () {
        ${IN_PAGE}
        if (this.nodeType !== Node.ELEMENT_NODE) return '';
        const caption = this.localName === 'figure' ? this.querySelector(':scope > figcaption') : null;
        return caption !== null && caption.textContent.trim() !== '' ? '' : nameOf(this);
      }`,
    );
    if (described !== '') problems.push(`${described}, a ${role}, has no name`);
  }
  return problems;
}

interface TabStop {
  readonly name: string;
  readonly index: number;
  readonly problems: readonly string[];
}

/**
 * Where the keyboard gets lost: what has the focus and is out of sight, or does not show it. Walks with Tab from where
 * the focus is until it leaves the page; what is in the page afterwards is as that leaves it.
 */
export async function findHiddenFocus(page: Page): Promise<string[]> {
  const problems: string[] = [];
  const visited = new Set<number>();
  // What the elements look like without the focus, and where they stand.
  await inPage(
    page,
    `
    const elements = [...document.querySelectorAll('*')].filter((element) => element.tabIndex >= 0 && element !== document.activeElement);
    globalThis[Symbol.for('unfocused')] = new Map(elements.map((element) => [element, getComputedStyle(element).boxShadow]));
    `,
  );
  for (let stop = 1; stop <= TAB_STOPS_MAX; stop++) {
    await page.press('Tab');
    let stopped = await inPage<TabStop | null>(page, FOCUSED);
    if (stopped !== null && stopped.problems.length > 0) {
      // A page may answer the focus with something that takes a frame.
      await page.drawn();
      stopped = await inPage<TabStop | null>(page, FOCUSED);
    }
    if (stopped === null || visited.has(stopped.index)) break;
    visited.add(stopped.index);
    problems.push(...stopped.problems.map((problem) => `Tab ${stop}, ${stopped.name}, ${problem}`));
  }
  return problems;
}

const FOCUSED = `
  const element = document.activeElement;
  if (element === null || element === document.body || element === document.documentElement) return null;
  const problems = [];
  const box = element.getClientRects()[0] ?? new DOMRect();
  const left = Math.max(box.left, 0);
  const right = Math.min(box.right, innerWidth);
  const top = Math.max(box.top, 0);
  const bottom = Math.min(box.bottom, innerHeight);
  const style = getComputedStyle(element);
  // A point shows the element, or what it is in where it has a hole; nothing else may lie on all of them.
  const showsAt = (x, y) => {
    const hit = document.elementFromPoint(left + (right - left) * x, top + (bottom - top) * y);
    return hit !== null && (element.contains(hit) || (hit.contains(element) && hit !== document.body && hit !== document.documentElement));
  };
  const shares = [0.1, 0.5, 0.9];
  if (!isShown(element)) problems.push('is not shown');
  else if (right - left < 1 || bottom - top < 1) problems.push('is out of the viewport');
  else if (style.pointerEvents !== 'none' && !shares.some((x) => shares.some((y) => showsAt(x, y)))) problems.push('is covered');

  const unfocused = globalThis[Symbol.for('unfocused')];
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 &&
    !/^rgba\\(.*, 0\\)$|\\/ 0\\)$/.test(style.outlineColor);
  const shadowed = style.boxShadow !== (unfocused.get(element) ?? 'none');
  if (!outlined && !shadowed) problems.push('does not show that it has the focus');
  // Elements that came later have a number too, so that the walk ends.
  if (!unfocused.has(element)) unfocused.set(element, 'none');
  return { name: nameOf(element), index: [...unfocused.keys()].indexOf(element), problems };
`;
