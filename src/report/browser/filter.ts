/**
 * Filters of lists: only rows with the words, only rows that were not ok, only rows that prove the verdict. The summary
 * of a page without such rows says so. A mark is hidden with the last of its rows.
 */

interface Row {
  readonly element: HTMLElement;
  /** In lower case. */
  readonly text: string;
}

/** A bar or an arrow, and its rows. */
interface Mark {
  readonly element: SVGElement;
  readonly rows: readonly number[];
}

interface List {
  readonly page: HTMLDetailsElement;
  readonly rows: readonly Row[];
  readonly marks: readonly Mark[];
  readonly count: HTMLElement;
}

export function addFilters(): void {
  for (const bar of document.querySelectorAll<HTMLElement>('[data-filter]')) {
    const section = bar.closest('section');
    if (section === null) continue;
    // A section may contain the pages of inner sections.
    const pages = [...section.querySelectorAll<HTMLDetailsElement>('details.page')].filter(
      (page) => page.parentElement === bar.parentElement,
    );
    if (pages.length === 0) continue;
    addFilter(bar, pages.map(readList));
  }
}

function readList(page: HTMLDetailsElement): List {
  const count = document.createElement('span');
  page.querySelector('summary')?.append(' ', count);
  return {
    page,
    count,
    rows: [...page.querySelectorAll<HTMLTableRowElement>('tbody tr')].map((element) => ({
      element,
      text: [...element.cells]
        .map((cell) => cell.textContent ?? '')
        .join(' ')
        .toLowerCase(),
    })),
    marks: [...page.querySelectorAll<SVGElement>('[data-rows]')].map((element) => ({
      element,
      rows: (element.dataset.rows ?? '').split(' ').map(Number),
    })),
  };
}

function addFilter(bar: HTMLElement, lists: readonly List[]): void {
  const search = document.createElement('input');
  search.type = 'search';
  const searchLabel = labelled('Only lines with', search);
  const isOperations = bar.dataset.filter === 'operations';
  const notOk = box();
  const proof = box();
  const told = document.createElement('span');
  told.setAttribute('role', 'status');
  const hasProof = lists.some(({ rows }) => rows.some(({ element }) => element.classList.contains('proof')));
  bar.hidden = false;
  bar.append(
    searchLabel,
    ...(isOperations ? [labelled('Only what was not ok', notOk)] : []),
    ...(isOperations && hasProof ? [labelled('Only what proves it', proof)] : []),
    told,
  );
  const apply = () => {
    const words = search.value.toLowerCase();
    const active = words !== '' || notOk.checked || proof.checked;
    const keep = ({ element: { classList }, text }: Row) =>
      text.includes(words) &&
      !(notOk.checked && classList.contains('ok')) &&
      !(proof.checked && !classList.contains('proof'));
    let total = 0;
    for (const { page, rows, marks, count } of lists) {
      const kept = new Set<number>();
      for (const [index, row] of rows.entries()) {
        const keeps = keep(row);
        row.element.classList.toggle('filtered', !keeps);
        if (keeps) kept.add(index);
      }
      for (const mark of marks) mark.element.classList.toggle('filtered', !mark.rows.some((row) => kept.has(row)));
      total += kept.size;
      count.textContent = active ? `(${kept.size} left)` : '';
      if (active && kept.size > 0) page.open = true;
    }
    told.textContent = active ? `${total} found` : '';
  };
  for (const input of [search, notOk, proof]) input.addEventListener('input', apply);
}

function box(): HTMLInputElement {
  const input = document.createElement('input');
  input.type = 'checkbox';
  return input;
}

function labelled(text: string, input: HTMLInputElement): HTMLLabelElement {
  const label = document.createElement('label');
  if (input.type === 'checkbox') label.append(input, ` ${text}`);
  else label.append(`${text} `, input);
  return label;
}
