/**
 * Filters of the lists: only what contains the words, only what was not ok, only what proves the verdict. A page with nothing to show says so in its summary.
 */

interface List {
  readonly page: HTMLDetailsElement;
  readonly rows: readonly HTMLElement[];
  /** Bars and arrows that stand for the same things. */
  readonly marks: readonly HTMLElement[];
  readonly count: HTMLElement;
}

export function addFilters(): void {
  for (const bar of document.querySelectorAll<HTMLElement>('[data-filter]')) {
    const section = bar.closest('section');
    if (section === null) continue;
    // A section may hold the pages of others deeper down.
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
    rows: [...page.querySelectorAll<HTMLElement>('tbody tr')],
    marks: [...page.querySelectorAll<HTMLElement>('.mark')],
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
  const hasProof = lists.some(({ rows }) => rows.some((row) => row.classList.contains('proof')));
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
    const keep = (element: HTMLElement, text: string) =>
      text.toLowerCase().includes(words) &&
      !(notOk.checked && element.classList.contains('ok')) &&
      !(proof.checked && !element.classList.contains('proof'));
    let total = 0;
    for (const { page, rows, marks, count } of lists) {
      const kept = rows.filter((row) => {
        const keeps = keep(row, row.textContent ?? '');
        row.classList.toggle('filtered', !keeps);
        return keeps;
      });
      for (const mark of marks)
        mark.classList.toggle('filtered', !keep(mark, mark.dataset.tip ?? mark.textContent ?? ''));
      total += kept.length;
      count.textContent = active ? `(${kept.length} left)` : '';
      if (active && kept.length > 0) page.open = true;
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
