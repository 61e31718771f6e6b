/** The shape of the bench's figures, how they are printed, and the table that FIGURES.md keeps of them. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { splitAtTable, updateTable } from './figure-table.ts';
import { describeFigure, describeSection, type Figure, interleave } from './measure.ts';

const FIGURES = readFileSync(new URL('FIGURES.md', import.meta.url), 'utf8');
const FIGURE: Figure = {
  name: 'echo',
  input: 'a million lines',
  unit: 'k/s',
  values: [410, 395.4, 2000],
  yardstick: { name: 'the minimal echo', ratios: [2, 1.5, 12.34] },
  goal: { of: 'ratio', atLeast: 3.5 },
};

describe('a figure', () => {
  it('has the median and the range of its rounds and of their ratios', () => {
    expect(describeFigure(FIGURE)).toEqual({
      name: 'echo',
      input: 'a million lines',
      median: '410 k/s',
      range: '395 to 2,000',
      ratio: '2 ×',
      ratioRange: '1.50 to 12.3',
      yardstick: 'the minimal echo',
      goal: '≥ 3.5 ×',
      met: 'NOT MET',
    });
  });

  it.each<[Figure['goal'], string, string]>([
    [{ of: 'ratio', atLeast: 2 }, '≥ 2 ×', 'met'],
    [{ of: 'ratio', atMost: 1.99 }, '≤ 1.99 ×', 'NOT MET'],
    [{ of: 'value', atLeast: 40_000 }, '≥ 40,000 k/s', 'NOT MET'],
    [{ of: 'value', atLeast: 400, atMost: 410 }, '≥ 400 k/s, ≤ 410 k/s', 'met'],
    [{ of: 'value', atMost: 409 }, '≤ 409 k/s', 'NOT MET'],
  ])('meets its goal by its median: %j', (goal, text, met) => {
    expect(describeFigure({ ...FIGURE, goal } as Figure)).toMatchObject({ goal: text, met });
  });

  it('of one round has no range, and without goal or yardstick none of their words', () => {
    const { yardstick, goal, ...bare } = FIGURE;
    expect([yardstick?.name, goal?.of]).toEqual(['the minimal echo', 'ratio']);
    expect(describeFigure({ ...bare, values: [0.123] })).toMatchObject({
      ...{ median: '0.12 k/s', range: '', ratio: '', ratioRange: '', yardstick: '', goal: '', met: '' },
    });
  });

  it('without rounds, or with a goal of a ratio to nothing, is a mistake', () => {
    expect(() => describeFigure({ ...FIGURE, values: [] })).toThrow('no median of no values');
    const { yardstick: _, ...bare } = FIGURE;
    expect(() => describeFigure(bare)).toThrow('a goal of a ratio needs a yardstick');
  });

  it('is measured in turn with others, and divided by the first of the same round', async () => {
    const order: string[] = [];
    const count = (name: string, factor: number) => () => order.push(name) * factor;
    const { slow, fast } = await interleave(2, { slow: count('slow', 1), fast: count('fast', 10) });
    expect(order).toEqual(['slow', 'fast', 'slow', 'fast']);
    expect(slow).toEqual({ values: [1, 3], ratios: [1, 1] });
    expect(fast).toEqual({ values: [20, 40], ratios: [20, 40 / 3] });
  });

  it('is printed with all that belongs to it, and how to repeat it', () => {
    const text = describeSection({ title: '(b) a node', figures: [{ ...FIGURE, note: 'half of it waiting' }] }, 'node');
    const [, title, repeat, heading, figure, note] = text.split('\n');
    expect([title, repeat, note]).toEqual([
      '(b) a node',
      '  repeat with: make bench ONLY=node',
      '    half of it waiting',
    ]);
    expect(heading?.trim().split(/ {2,}/)).toEqual([
      'figure',
      'input',
      'median',
      'range',
      'ratio',
      'its range',
      'to',
      'goal',
    ]);
    expect(figure?.trim().split(/ {2,}/)).toEqual(Object.values(describeFigure(FIGURE)));
  });
});

describe('the table of figures', () => {
  const parts = ['ids', 'node'];
  const make = (measured: Record<string, readonly Figure[]>, text = FIGURES) =>
    splitAtTable(updateTable(text, parts, new Map(Object.entries(measured)))).rows;
  const empty = updateTable(FIGURES, [], new Map());

  it('has a row for each figure: what was measured, on what, against what', () => {
    const { goal: _, yardstick: __, ...other } = FIGURE;
    expect(make({ node: [FIGURE, { ...other, name: 'bytes | s' }, { ...FIGURE, input: 'two' }] }, empty)).toEqual([
      '| node | echo | a million lines | 410 k/s (395 to 2,000) | 2 × (1.50 to 12.3) the minimal echo | ≥ 3.5 ×: **not met** |',
      '| node | bytes \\| s | … | 410 k/s (395 to 2,000) |  |  |',
      '| node | echo | two | 410 k/s (395 to 2,000) | 2 × (1.50 to 12.3) the minimal echo | ≥ 3.5 ×: **not met** |',
    ]);
  });

  it('keeps the rows of parts that were not measured, in the order of the parts, and all other text', () => {
    const first = updateTable(empty, parts, new Map([['node', [FIGURE]]]));
    const both = updateTable(first, parts, new Map([['ids', [{ ...FIGURE, name: 'strings' }]]]));
    expect(splitAtTable(both).rows.map((row) => row.split(' | ', 2).join())).toEqual(['| ids,strings', '| node,echo']);
    expect(updateTable(both, parts, new Map([['node', []]]))).toBe(both);
    expect(splitAtTable(both)).toMatchObject({
      before: splitAtTable(FIGURES).before,
      after: splitAtTable(FIGURES).after,
    });
  });

  it('needs its place in the file', () => {
    expect(() => updateTable('# Speed\n', parts, new Map())).toThrow('FIGURES.md needs a line "<!-- figures');
  });

  it('as it stands has figures of every part, in their order', () => {
    const { stderr } = spawnBench('nothing-like-it');
    const all = stderr.replace(/^.*there are (.*)\n$/s, '$1').split(', ');
    expect(splitAtTable(FIGURES).rows.filter((row) => row.split(' | ').length !== 6)).toEqual([]);
    expect([...new Set(splitAtTable(FIGURES).rows.map((row) => row.split(' ')[1]))]).toEqual(all);
    expect(updateTable(FIGURES, all, new Map())).toBe(FIGURES);
  });
});

describe('the bench', () => {
  it('refuses a part that there is not, before it measures anything', () => {
    const { status, stdout, stderr } = spawnBench('ids', 'nod', 'start', 'harnes');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^bench: there is no part nod or harnes; there are ids, batches, node, start, [a-z, ]+\n$/);
  });
});

function spawnBench(...names: readonly string[]) {
  return spawnSync(process.execPath, ['--import', 'tsx', 'test/bench/main.ts', ...names], { encoding: 'utf8' });
}
