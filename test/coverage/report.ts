/** What was reached, in words: a table of the folders, and every place that was not reached. */

import { dirname } from 'node:path';
import type { Branch } from './branches.ts';
import type { Place } from './bundle.ts';

/** A branch of the protocol core. */
export interface CoreBranch extends Branch, Place {
  readonly reached: boolean;
}

const KIND_WIDTH = 'function'.length;

/** @param textOf the text of a line of the sources */
export function describeCoverage(branches: readonly CoreBranch[], textOf: (place: Place) => string): string {
  const missed = outermostMissed(branches).map((missed) => ({ ...missed, text: textOf(missed).trim() }));
  const list = (title: string, assertion: boolean) => {
    const lines = missed
      .filter((branch) => branch.assertion === assertion)
      .map(({ file, line, kind, inside, text }) => {
        const more = inside === 0 ? '' : `  (and ${inside} in it)`;
        return `${file}:${line}  ${kind.padEnd(KIND_WIDTH)}  ${text}${more}`;
      });
    return [`${title}: ${lines.length === 0 ? 'none' : ''}`.trimEnd(), ...lines].join('\n');
  };
  return [
    tableOf(branches),
    list('Never reached', false),
    list("Never reached, and only for programmers' errors", true),
  ].join('\n\n');
}

function tableOf(branches: readonly CoreBranch[]): string {
  const byFolder = new Map<string, CoreBranch[]>();
  for (const branch of branches) {
    const folder = dirname(branch.file);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), branch]);
  }
  const folders = [...byFolder].sort(([one], [other]) => (one < other ? -1 : 1));
  const rows = [...folders, ['all', branches] as const].map(([folder, within]) => {
    const reached = within.filter((branch) => branch.reached).length;
    return [folder, `${within.length}`, `${reached}`, `${((reached / within.length) * 100).toFixed(1)} %`];
  });
  const table = [['folder', 'branches', 'reached', ''], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => (row[column] as string).length)));
  return table
    .map(([folder = '', ...figures]) => {
      const right = figures.map((figure, index) => figure.padStart(widths[index + 1] as number));
      return [folder.padEnd(widths[0] as number), ...right].join('  ').trimEnd();
    })
    .join('\n');
}

/** The missed branches that lie in no other missed one, in the order of files and lines, with how many lie in them. */
function outermostMissed(branches: readonly CoreBranch[]): (CoreBranch & { readonly inside: number })[] {
  const missed = branches.filter(({ reached }) => !reached);
  const liesIn = (one: CoreBranch, other: CoreBranch) =>
    one !== other && other.start <= one.start && one.end <= other.end;
  return missed
    .filter((one) => !missed.some((other) => liesIn(one, other)))
    .map((one) => ({ ...one, inside: missed.filter((other) => liesIn(other, one)).length }))
    .sort((one, other) => (one.file === other.file ? one.line - other.line : one.file < other.file ? -1 : 1));
}
