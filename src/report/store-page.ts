/**
 * The pages of `snowstorm serve-store`: the runs of a store, newest first, and the files of a run's folder. Rows in,
 * markup out.
 *
 * They hold no script and load nothing, so the policy that they are served under allows nothing but their own style. A
 * verdict is a word and a sign; colour only repeats it.
 */

import type { Validity } from '../checkers/checker.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { type Markup, markup, raw } from './markup.ts';

/** The folder of a run in a store. */
export interface StoreRun {
  /** The folder above it, with the name of the workload. */
  readonly workload: string;
  /** Its own name: the time at which it began, as in 20261121T120356.160Z, and -2 for the second run of a moment. */
  readonly name: string;
  /** Unfinished: it was cut short or still goes on, and has no results. */
  readonly verdict: Validity | 'unfinished' | 'unreadable';
  /** Why it is unreadable. */
  readonly problem?: string;
  readonly facts: RunFacts;
  readonly hasReport: boolean;
  /** Whether the failure was shrunk, and that run has a report, too. */
  readonly hasShrunkReport: boolean;
}

/**
 * What the results say about a run. They are files and may hold anything. A missing or malformed value is undefined.
 */
export interface RunFacts {
  /** The program with its arguments, or "simulated". */
  readonly program?: string | undefined;
  readonly nodeCount?: number | undefined;
  readonly seed?: string | undefined;
  readonly timeLimitMs?: number | undefined;
  /** All reasons, as on the page of the report. */
  readonly operationCount?: number | undefined;
}

/** A file or folder within the folder of a run. */
export interface FolderEntry {
  readonly name: string;
  /** Undefined for a folder. */
  readonly sizeBytes?: number;
}

const VERDICTS: Readonly<Record<string, { readonly sign: string; readonly word: string; readonly kind: string }>> = {
  true: { sign: '✓', word: 'valid', kind: 'good' },
  false: { sign: '✗', word: 'invalid', kind: 'bad' },
  unknown: { sign: '?', word: 'unknown', kind: 'doubtful' },
  unfinished: { sign: '…', word: 'unfinished', kind: 'doubtful' },
  unreadable: { sign: '!', word: 'unreadable', kind: 'bad' },
};

/** Longer texts are cut: a seed may be any text, and so may the arguments of a program. */
const TEXT_LENGTH_MAX = 160;

interface Column {
  readonly name: string;
  readonly isNumber?: boolean;
}

const RUN_COLUMNS: readonly Column[] = [
  { name: 'Verdict' },
  { name: 'Began, UTC' },
  { name: 'Workload' },
  { name: 'What ran' },
  { name: 'Nodes', isNumber: true },
  { name: 'Seed' },
  { name: 'Time limit, s', isNumber: true },
  { name: 'Operations', isNumber: true },
  { name: 'More' },
];

const FILE_COLUMNS: readonly Column[] = [{ name: 'Name' }, { name: 'Size, bytes', isNumber: true }];

const NUMBER_CLASS = raw(' class="number"');

const STYLE = `
:root { color-scheme: light dark; --line: #8886; --good: #136c2e; --bad: #b3122a; --doubtful: #7a5200; }
@media (prefers-color-scheme: dark) { :root { --good: #6fdd8b; --bad: #ff8f9c; --doubtful: #f0c060; } }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; }
main { padding: 1rem; }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
p { overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: start; padding-block: .5rem; }
th, td { padding: .375rem .5rem; text-align: start; vertical-align: top; border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody th { font-weight: inherit; }
.number { text-align: end; }
td p { margin: 0; font-weight: 400; }
.long { white-space: normal; overflow-wrap: anywhere; min-width: 10rem; max-width: 30rem; }
.seed { min-width: 6.5rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .doubtful { color: var(--doubtful); }
.verdict { font-weight: 600; }
a { display: inline-block; }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
`;

/**
 * The list of the runs of a store, in the given order.
 *
 * @param store the name of the store, as it was given
 * @param problems other folders or files that could not be read, a sentence each
 */
export function storePage(store: string, runs: readonly StoreRun[], problems: readonly string[]): Markup {
  const content =
    runs.length === 0
      ? markup`<p>No run is recorded here. <code>snowstorm test -w echo --store ${store}</code> records one.</p>`
      : table(`${runs.length} ${runs.length === 1 ? 'run' : 'runs, newest first'}`, RUN_COLUMNS, runs.map(runRow));
  return page(
    'Recorded runs',
    markup`<h1>Recorded runs</h1>
<p>In ${store}</p>
${problems.map((problem) => markup`<p class="bad"><span aria-hidden="true">! </span>${problem}</p>\n`)}${content}`,
  );
}

/** The files in the folder of a run, or in a folder inside it. `path` leads there from the store, one name each. */
export function folderPage(path: readonly string[], entries: readonly FolderEntry[]): Markup {
  const rows = entries.map(({ name, sizeBytes }) => {
    const slash = sizeBytes === undefined ? '/' : '';
    const link = markup`<a href="${encodeURIComponent(name)}${slash}">${name}${slash}</a>`;
    const size = sizeBytes === undefined ? 'folder' : thousands(sizeBytes);
    return markup`<tr><th scope="row" class="long">${link}</th><td class="number">${size}</td></tr>\n`;
  });
  const content =
    rows.length === 0
      ? markup`<p>This folder is empty.</p>`
      : table(`${rows.length} ${rows.length === 1 ? 'entry' : 'entries'}`, FILE_COLUMNS, rows);
  const title = path.join('/');
  // The folder of a workload has no page of its own.
  const above = path.length > 2 && markup` · <a href="../">The folder above</a>`;
  return page(title, markup`<h1>${title}</h1>\n<nav><p><a href="/">All runs</a>${above}</p></nav>\n${content}`);
}

function runRow({ workload, name, verdict, problem, facts, hasReport, hasShrunkReport }: StoreRun): Markup {
  const { iso, text } = timeOf(name);
  const folder = `/${encodeURIComponent(workload)}/${encodeURIComponent(name)}/`;
  // A screen reader that lists only links would read "files" hundreds of times.
  const what = `of ${workload}, ${text}`;
  const shrunk = markup`<a href="${folder}shrunk/report.html" aria-label="made small: the report ${what}">made small</a> `;
  return markup`<tr>
<td class="verdict">${verdictText(verdict)}${problem !== undefined && markup`<p class="long">${excerpt(problem, TEXT_LENGTH_MAX)}</p>`}</td>
<th scope="row"><a href="${folder}${hasReport && 'report.html'}"><time datetime="${iso}">${text}</time></a></th>
<td>${workload}</td>
<td class="long">${factText(facts.program)}</td>
<td class="number">${factNumber(facts.nodeCount)}</td>
<td class="long seed">${factText(facts.seed)}</td>
<td class="number">${factNumber(facts.timeLimitMs, 1000)}</td>
<td class="number">${factNumber(facts.operationCount)}</td>
<td>${hasShrunkReport && shrunk}<a href="${folder}" aria-label="files ${what}">files</a></td>
</tr>
`;
}

function verdictText(verdict: StoreRun['verdict']): Markup {
  const { sign, word, kind } = VERDICTS[String(verdict)] as (typeof VERDICTS)[string];
  return markup`<span class="${kind}"><span aria-hidden="true">${sign} </span>${word}</span>`;
}

/** A table that is wider than a phone scrolls by itself, also with the keys. */
function table(caption: string, columns: readonly Column[], rows: readonly Markup[]): Markup {
  const head = columns.map(
    ({ name, isNumber = false }) => markup`<th scope="col"${isNumber && NUMBER_CLASS}>${name}</th>`,
  );
  return markup`<div class="table" role="region" aria-labelledby="caption" tabindex="0">
<table>
<caption id="caption">${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>`;
}

function page(title: string, main: Markup): Markup {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Snowstorm</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
}

/** The time in the name of a folder: for machines, and for people to the second. */
function timeOf(name: string): { iso: string; text: string } {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\.\d{3})Z(-\d+)?$/.exec(name);
  if (match === null) return { iso: '', text: name };
  const [, year, month, day, hour, minute, second, fraction, number] = match;
  const date = `${year}-${month}-${day}`;
  const time = `${hour}:${minute}:${second}`;
  return {
    iso: `${date}T${time}${fraction}Z`,
    text: `${date} ${time}${number === undefined ? '' : ` (${number.slice(1)})`}`,
  };
}

function factText(text: string | undefined): string {
  return text === undefined ? '–' : excerpt(text, TEXT_LENGTH_MAX);
}

function factNumber(amount: number | undefined, divisor = 1): string {
  return amount === undefined ? '–' : thousands(amount / divisor);
}

function thousands(amount: number): string {
  return amount.toLocaleString('en-US');
}
