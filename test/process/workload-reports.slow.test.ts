/** The pictures of sets, logs and orders in a real browser, in reports of recorded histories. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationLine } from '../../src/host/records/run-lines.ts';
import { Browser, findBrowser, type Page, type PageOptions } from '../support/browser.ts';
import { type HandwrittenOperation, handwritten, invoke, ok } from '../support/histories.ts';
import {
  findCrowdedLabels,
  findHiddenFocus,
  findLowContrast,
  findOverflow,
  findUnnamed,
} from '../support/page-checks.ts';
import { SNOWSTORM } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const program = findBrowser('the pictures of workloads in a browser');
const folder = temporaryFolder();

function pair(process: number, f: string, asked: unknown, answered: unknown): HandwrittenOperation[] {
  return [invoke(process, f, asked), ok(process, f, answered)];
}

/** Elements are lost, and one stays. */
const SET = [
  ...Array.from({ length: 20 }, (_, value) => pair(0, 'broadcast', value, value)).flat(),
  ...pair(1, 'read', null, [0, 1, 2]),
  ...pair(2, 'read', null, [1, 2]),
  ...pair(1, 'read', null, [1, 2]),
  ...pair(2, 'read', null, [2]),
  ...pair(0, 'read', null, [2]),
];

/** A poll leaves a message out. */
const LOG = [
  ...[0, 1, 2].flatMap((offset) =>
    pair(0, 'send', [['send', 'k', offset + 11]], [['send', 'k', [offset, offset + 11]]]),
  ),
  ...[
    [0, 11],
    [2, 13],
  ].flatMap((cell) => pair(1, 'poll', [['poll']], [['poll', { k: [cell] }]])),
];

/** A read of a value that was overwritten, while something else is open. */
const REGISTER = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((value) => pair(value % 2, 'write', [7, value], [7, value])),
  invoke(1, 'write', [7, 10]),
  ...pair(2, 'read', [7, null], [7, 8]),
];

const RUNS = { broadcast: SET, kafka: LOG, 'lin-kv': REGISTER } as const;
type Name = keyof typeof RUNS;
const NAMES = Object.keys(RUNS) as Name[];

/** Judges a history, which is invalid, and returns the path of its report. */
function reportOf(name: Name): string {
  const file = join(folder, `${name}.jsonl`);
  writeFileSync(file, [...handwritten(...RUNS[name])].map((operation) => `${operationLine(operation)}\n`).join(''));
  const store = join(folder, `store-${name}`);
  const { status, stdout } = spawnSync(SNOWSTORM, ['check', file, '-w', name, '--store', store], { encoding: 'utf8' });
  expect(status).toBe(1);
  return /^Report: (.*)$/m.exec(stdout)?.[1] as string;
}

describe.skipIf(program === undefined)('the report of', () => {
  let browser: Browser;
  const reports = new Map<Name, string>();

  beforeAll(async () => {
    browser = await Browser.launch(program as string);
    for (const name of NAMES) reports.set(name, reportOf(name));
  });
  afterAll(() => browser?.close());

  async function open(name: Name, options: Partial<PageOptions> = {}): Promise<Page> {
    const page = await browser.newPage({ width: 1400, height: 900, ...options });
    await page.goto(pathToFileURL(reports.get(name) as string).href);
    return page;
  }
  const countOf = (page: Page, selector: string) =>
    page.evaluate<number>(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].filter((e) => e.checkVisibility()).length`,
    );

  it.each(NAMES)('%s can be read on every screen, and gone through by keyboard', async (name) => {
    for (const [width, colorScheme] of [
      [390, 'dark'],
      [1400, 'light'],
    ] as const) {
      const page = await open(name, { width, colorScheme });
      expect(await findHiddenFocus(page)).toEqual([]);
      await page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))");
      expect(await findOverflow(page)).toEqual([]);
      expect(await findLowContrast(page)).toEqual([]);
      expect(await findUnnamed(page)).toEqual([]);
      expect(await findCrowdedLabels(page)).toEqual([]);
      expect(page.errors).toEqual([]);
      await page.close();
    }
  });

  it.each([
    ['broadcast', { '#stable-latency .plot .mark': 20, '.sightings svg.lane': 5, '.sightings rect.bar': 7 }],
    ['kafka', { '.log .cell': 8, '.log .wrong': 2, '.log .proof-row': 2 }],
    ['lin-kv', { '.order-bars .interval': 10, '.order-bars circle': 8, '.order li': 9 }],
  ] as const)('%s has its pictures without scripts', async (name, expected) => {
    const page = await open(name, { scripts: false });
    const counts: Record<string, number> = {};
    for (const selector of Object.keys(expected)) counts[selector] = await countOf(page, selector);
    expect(counts).toEqual(expected);
    await page.close();
  });

  it('kafka tells of the message under the pointer', async () => {
    const page = await open('kafka');
    await page.hover('.log .sent.wrong rect');
    expect(await page.evaluate("document.querySelector('.tip').textContent")).toMatch(
      /^process 0 at .* sent 12 at offset 1/,
    );
    await page.close();
  });
});
