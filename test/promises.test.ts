/** The table of promises names tests and READMEs that exist, and every promise has a test or a figure of the bench. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FILE = 'src/api/PROMISES.md';
const README_BYTES_MAX = 12 * 1024;
const text = readFileSync(FILE, 'utf8');

/** Cells of the rows of all tables with these columns, without head and rule. */
function rowsOf(markdown: string, columns: string): string[][] {
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const blocks = markdown.split('\n\n').filter((block) => block.startsWith(`| ${columns} |`));
  return blocks.flatMap((block) => block.trim().split('\n').slice(2).map(cells));
}

const testsIn = (markdown: string) => [...markdown.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file as string);
/** Where links lead, and to which heading. */
const linksIn = (markdown: string) =>
  [...markdown.matchAll(/\]\(([^)#]+)(?:#([^)]+))?\)/g)].map(([, path, heading]) => ({
    file: join(dirname(FILE), path as string),
    heading,
  }));

/** As GitHub makes anchors of headings. */
function anchorsOf(file: string): string[] {
  const headings = readFileSync(file, 'utf8').match(/^#+ .*$/gm) ?? [];
  return headings.map((line) =>
    line
      .replace(/^#+ /, '')
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('the table of promises', () => {
  const promises = rowsOf(text, 'promise | kept by | tested in');

  it('has three columns, and a test or a figure in every row', () => {
    expect(promises.length).toBeGreaterThan(40);
    const unproven = promises.filter(
      (cells) => cells.length !== 3 || (testsIn(cells[2] as string).length === 0 && !cells[2]?.includes('[bench]')),
    );
    expect(unproven).toEqual([]);
  });

  it('names only tests that exist', () => {
    expect(testsIn(text).filter((file) => !existsSync(file))).toEqual([]);
  });

  it('leads only to files and headings that exist', () => {
    const missing = linksIn(text).filter(
      ({ file, heading }) => !existsSync(file) || (heading !== undefined && !anchorsOf(file).includes(heading)),
    );
    expect(missing).toEqual([]);
  });

  it('tells the operator what to do in every row', () => {
    const left = rowsOf(text, 'what | what to do');
    expect(left.length).toBeGreaterThan(8);
    expect(left.filter(([, what]) => (what ?? '') === '')).toEqual([]);
  });

  it(`is no longer than other READMEs, and is found from them`, () => {
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(README_BYTES_MAX);
    expect(readFileSync('src/README.md', 'utf8')).toContain('(api/PROMISES.md)');
    expect(readFileSync('src/api/README.md', 'utf8')).toContain('(PROMISES.md)');
  });

  it('would be found wrong otherwise', () => {
    const row = '| promise | kept by | tested in |\n| --- | --- | --- |\n| a | b | `test/none.test.ts` |\n';
    expect(testsIn(row).filter((file) => !existsSync(file))).toEqual(['test/none.test.ts']);
    expect(rowsOf(row, 'promise | kept by | tested in')).toEqual([['a', 'b', '`test/none.test.ts`']]);
  });
});
