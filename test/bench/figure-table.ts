/** The table in FIGURES.md beside it: rows of parts that were measured replace those that are there. */

import { describeFigure, type Figure } from './measure.ts';

const BEGIN = '<!-- figures: `make bench UPDATE_DOCS=1` writes the rows of the parts that it measures -->';
const END = '<!-- end of figures -->';
const HEAD = [
  '| part | figure | input | median (range) | ratio (range) | goal |',
  '| --- | --- | --- | --- | --- | --- |',
];

/**
 * `text` with the rows of the measured parts made anew, in the order of `parts`. Rows of parts that there are no more
 * go. Throws if `text` has no table between its markers.
 */
export function updateTable(
  text: string,
  parts: readonly string[],
  measured: ReadonlyMap<string, readonly Figure[]>,
): string {
  const { before, rows, after } = splitAtTable(text);
  const kept = (part: string) => rows.filter((row) => row.startsWith(`| ${part} |`));
  const body = parts.flatMap((part) => {
    const figures = measured.get(part);
    return figures === undefined || figures.length === 0 ? kept(part) : rowsOf(part, figures);
  });
  return [before, BEGIN, '', ...HEAD, ...body, '', END, after].join('\n');
}

/** What stands before the marker of the beginning, the rows without the head, and what stands behind the end. */
export function splitAtTable(text: string): { before: string; rows: readonly string[]; after: string } {
  const [begin, end] = [text.indexOf(`${BEGIN}\n`), text.indexOf(`\n${END}\n`)];
  if (begin < 0 || end < begin) throw new Error(`FIGURES.md needs a line "${BEGIN}" and behind it "${END}"`);
  const lines = text.slice(begin, end).split('\n');
  return {
    before: text.slice(0, begin).replace(/\n$/, ''),
    rows: lines.filter((line) => line.startsWith('| ') && !HEAD.includes(line)),
    after: text.slice(end + END.length + '\n\n'.length),
  };
}

function rowsOf(part: string, figures: readonly Figure[]): string[] {
  return figures.map((figure, index) => {
    const { name, input, median, range, ratio, ratioRange, yardstick, goal, met } = describeFigure(figure);
    // As above: most figures of a part have one input, or one name.
    const above = figures[index - 1];
    const shownInput = above?.input === input ? '…' : input;
    const shownName = above?.name === name && shownInput !== '…' ? '…' : name;
    const held = ratio === '' ? '' : `${withRange(ratio, ratioRange)} ${yardstick}`;
    const verdict = goal === '' ? '' : `${goal}${met === 'met' ? '' : ': **not met**'}`;
    return `| ${[part, shownName, shownInput, withRange(median, range), held, verdict].map(escapeCell).join(' | ')} |`;
  });
}

function withRange(text: string, range: string): string {
  return range === '' ? text : `${text} (${range})`;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
