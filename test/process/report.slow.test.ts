/**
 * Reports of real runs in a real browser: they load no other file, are readable on every screen, and their scripts
 * work.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, findBrowser, type Page, type PageOptions } from '../support/browser.ts';
import {
  findCrowdedLabels,
  findHiddenFocus,
  findLowContrast,
  findOverflow,
  findUnnamed,
} from '../support/page-checks.ts';
import { fixture, SNOWSTORM } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const program = findBrowser('reports in a browser');
const folder = temporaryFolder();
const HEIGHT = 900;

/** Runs `snowstorm test`, with any verdict, and returns the path of the report. */
function runTest(store: string, ...args: readonly string[]): string {
  const where = join(folder, store);
  try {
    execFileSync(SNOWSTORM, ['test', '--store', where, ...args], { stdio: 'pipe' });
  } catch (error) {
    expect((error as { status: number }).status).toBe(1);
  }
  return join(realpathSync(join(where, 'latest')), 'report.html');
}

describe.skipIf(program === undefined)('a report in a browser', () => {
  let browser: Browser;
  let faulty = '';
  let wrong = '';
  let slow = '';
  let single = '';

  beforeAll(async () => {
    browser = await Browser.launch(program as string);
    const faults = ['--rate', '100', '--time-limit', '20', '--nemesis', 'all', '--seed', '3'];
    faulty = runTest('faulty', '-w', 'voucher', ...faults);
    const bin = fixture('repeats-an-id.mjs');
    const few = ['--node-count', '3', '--rate', '50', '--time-limit', '2', '--seed', '7'];
    wrong = runTest(
      'wrong',
      '-w',
      'unique-ids',
      '--bin',
      bin,
      ...few,
      '--nemesis',
      'partition',
      '--nemesis-interval',
      '1',
    );
    slow = runTest('slow', '-w', 'echo', '--rate', '1', '--time-limit', '100', '--latency', '300', '--seed', '2');
    const one = ['--node-count', '1', '--rate', '1', '--time-limit', '1', '--latency', '0', '--seed', '1'];
    single = runTest('single', '-w', 'echo', ...one);
  });
  afterAll(() => browser?.close());

  const open = async (report: string, options: Partial<PageOptions> = {}): Promise<Page> => {
    const page = await browser.newPage({ width: 1400, height: HEIGHT, ...options });
    await page.goto(pathToFileURL(report).href);
    return page;
  };
  const textOf = (page: Page, selector: string) =>
    page.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).textContent`);
  const countOf = (page: Page, selector: string) =>
    page.evaluate<number>(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].filter((e) => e.checkVisibility()).length`,
    );
  const reports = () => [faulty, wrong];

  it.each([
    [390, 'dark'],
    [1400, 'light'],
  ] as const)('can be read %d px wide in %s, and asks for nothing', async (width, colorScheme) => {
    for (const report of reports()) {
      const page = await open(report, { width, colorScheme });
      // What is folded away must be as readable as the rest.
      await page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))");
      expect(await findOverflow(page)).toEqual([]);
      expect(await findLowContrast(page)).toEqual([]);
      expect(await findUnnamed(page)).toEqual([]);
      expect([page.errors, page.requests]).toEqual([[], [pathToFileURL(report).href]]);
      await page.close();
    }
  });

  it.each([390, 645, 1400])('has labels that can be told apart %d px wide, also after a zoom', async (width) => {
    for (const report of [...reports(), slow, single]) {
      const page = await open(report, { width });
      await page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))");
      expect(await countOf(page, '.horizontal-axis span')).toBeGreaterThan(4);
      expect(await findCrowdedLabels(page)).toEqual([]);
      for (const button of [1, 1, 1, 3, 1, 1, 1, 4, 1, 1]) {
        await page.evaluate(`document.querySelector('[data-zoom] button:nth-of-type(${button})').click()`);
        expect(await countOf(page, '[data-axis=time] span')).toBeGreaterThan(1);
        expect(await findCrowdedLabels(page)).toEqual([]);
      }
      expect(page.errors).toEqual([]);
      await page.close();
    }
  });

  it('writes labels anew when the window gets narrower after a zoom', async () => {
    const page = await open(faulty);
    await page.click('[data-zoom] button');
    const count = await countOf(page, '[data-axis=time] span');
    await page.send('Emulation.setDeviceMetricsOverride', {
      width: 390,
      height: HEIGHT,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await page.drawn();
    expect(await findCrowdedLabels(page)).toEqual([]);
    expect(await countOf(page, '[data-axis=time] span')).toBeLessThanOrEqual(count);
    await page.close();
  });

  it('says the verdict first, with the reason and what proves it', async () => {
    const page = await open(wrong);
    expect(await textOf(page, 'h1')).toBe('✗ The run is INVALID.');
    expect(await textOf(page, '.reason')).toMatch(/^\d+ ids were given out more than once, for instance n\d-\d+\.$/);
    expect(await textOf(page, 'main h2')).toBe('What proves it');
    expect(await textOf(page, '.proofs li')).toMatch(/n\d-\d+ was answered 2 times/);
    expect(await countOf(page, 'details[open] tr.proof')).toBeGreaterThanOrEqual(2);
    expect(await countOf(page, 'details[open] .notice.of-proof')).toBeGreaterThanOrEqual(1);
    await page.close();
  });

  it('shows operations that took no time, in the colour of their outcome', async () => {
    const page = await open(wrong);
    const drawn = await page.evaluate<
      string[]
    >(`[...document.querySelectorAll('details[open] .bar.ok:not(.proof)')].map((bar) => {
      const { fill, stroke, strokeWidth } = getComputedStyle(bar);
      return fill === stroke && strokeWidth === "1.5px" ? 'seen' : stroke;
    })`);
    expect(drawn.length).toBeGreaterThan(20);
    expect(new Set(drawn)).toEqual(new Set(['seen']));
    await page.close();
  });

  it('shows everything without scripts', async () => {
    const page = await open(faulty, { scripts: false });
    const sections = ['time', 'operations', 'messages', 'traffic', 'results', 'options', 'files'];
    expect(await page.evaluate("[...document.querySelectorAll('main h2')].map(({ id }) => id)")).toEqual(sections);
    expect(await countOf(page, 'svg.plot')).toBe(3);
    expect(await countOf(page, '.operations tbody tr')).toBeGreaterThan(50);
    expect(await countOf(page, 'svg.space-time')).toBe(1);
    expect(await countOf(page, 'table.traffic td')).toBeGreaterThan(30);
    expect(await countOf(page, 'button, input')).toBe(0);
    // A fold opens by keyboard, also where no script helps.
    const folds = await countOf(page, 'details[open]');
    await page.evaluate("document.querySelector('details:not([open]) > summary').focus()");
    await page.press('Enter');
    await page.drawn();
    expect(await countOf(page, 'details[open]')).toBe(folds + 1);
    expect([await findOverflow(page), page.errors]).toEqual([[], []]);
    await page.close();
  });

  it('keeps its charts where colours are forced', async () => {
    const page = await open(faulty, { forcedColors: true });
    const strokes = await page.evaluate<string[]>(
      "['.mark.ok', '.ring', '.line'].map((mark) => getComputedStyle(document.querySelector('.plot ' + mark)).stroke)",
    );
    expect(strokes).not.toContain('none');
    expect(page.errors).toEqual([]);
    await page.close();
  });

  it('can be gone through by keyboard, and shows where one is', async () => {
    const page = await open(wrong);
    expect(await findHiddenFocus(page)).toEqual([]);
    await page.close();
  });

  it('tells of the mark under the pointer, and with the arrow keys of one after the other', async () => {
    const page = await open(faulty);
    expect(await countOf(page, '.tip')).toBe(0);
    await page.hover('#latency .mark.ok');
    expect(await textOf(page, '.tip')).toMatch(/^#\d+ \w+ .* ok.* · [\d.]+ (ms|µs|s) · at [\d.]+ s$/);
    expect(await countOf(page, '#latency .chosen')).toBe(1);
    await page.mouse.move(2, 2);
    expect(await countOf(page, '.tip')).toBe(0);
    await page.evaluate("document.querySelector('#latency svg.plot').focus()");
    await page.press('ArrowRight');
    const first = await textOf(page, '.tip');
    await page.press('ArrowRight');
    expect(await textOf(page, '.tip')).not.toBe(first);
    await page.press('ArrowLeft');
    expect(await textOf(page, '.tip')).toBe(first);
    await page.press('Escape');
    expect([await countOf(page, '.tip'), page.errors]).toEqual([0, []]);
    await page.close();
  });

  it('tells of a mark that a finger has touched, until it touches something else', async () => {
    const page = await open(faulty, { width: 390 });
    const touch = async (selector: string) => {
      const { x, y } = await page.evaluate<{ x: number; y: number }>(
        `(() => { const mark = document.querySelector(${JSON.stringify(selector)}); mark.scrollIntoView({ block: 'center', behavior: 'instant' }); const box = mark.getBoundingClientRect(); return { x: box.x + box.width / 2, y: box.y + box.height / 2 }; })()`,
      );
      await page.send('Emulation.setTouchEmulationEnabled', { enabled: true });
      await page.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] });
      await page.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      await page.drawn();
    };
    await touch('#faults .span');
    expect(await textOf(page, '.tip')).toMatch(/^[a-z-]+ .*: [\d.]+ s to [\d.]+ s$/);
    expect(await countOf(page, '.tip')).toBe(1);
    await touch('[data-zoom] button');
    expect(await countOf(page, '.tip')).toBe(0);
    await page.close();
  });

  it('shows the body of a message under the pointer', async () => {
    const page = await open(faulty);
    await page.hover('.space-time .message text');
    expect(await textOf(page, '.tip')).toMatch(/^\S.* → \S.*: \{".*"type":"/);
    await page.close();
  });

  it('looks closer at a stretch of time in all charts at once', async () => {
    const page = await open(faulty);
    const views = () =>
      page.evaluate<string[]>(
        `[...new Set([...document.querySelectorAll('svg[data-plot="time"]')].map((plot) => plot.getAttribute('viewBox')))]`,
      );
    const box = () =>
      page.evaluate<{ x: number; y: number; width: number; height: number }>(
        `(() => { const plot = document.querySelector('#latency svg.plot'); plot.scrollIntoView({ block: 'center', behavior: 'instant' }); return plot.getBoundingClientRect().toJSON(); })()`,
      );
    expect(await views()).toEqual(['0 0 1000 1000']);
    const { x, y, width, height } = await box();
    const middle = y + height / 2;
    await page.mouse.drag(x + width * 0.25, middle, x + width * 0.75, middle);
    const [dragged, ...others] = await views();
    expect(others).toEqual([]);
    const [from = 0, , wide = 0] = (dragged ?? '').split(' ').map(Number);
    expect([Math.round(from / 10), Math.round(wide / 10)]).toEqual([25, 50]);
    expect(await textOf(page, '[data-zoom] [role=status]')).toMatch(/^[\d.]+ s to [\d.]+ s$/);
    await page.evaluate("document.querySelector('#latency svg.plot').focus()");
    await page.press('+');
    expect(Number((await views())[0]?.split(' ')[2])).toBeCloseTo(wide / 2);
    await page.press('0');
    expect(await views()).toEqual(['0 0 1000 1000']);
    expect(await textOf(page, '[data-zoom] [role=status]')).toBe('the whole run');
    // With these a key is the browser's.
    for (const modifier of ['Control', 'Meta', 'Alt'] as const)
      for (const key of ['+', 'ArrowRight']) await page.press(key, [modifier]);
    expect([await views(), await countOf(page, '.tip')]).toEqual([['0 0 1000 1000'], 0]);
    expect([await findOverflow(page), page.errors]).toEqual([[], []]);
    await page.close();
  });

  it('filters operations by words, by outcome and by proof', async () => {
    const page = await open(wrong);
    const all = await countOf(page, 'table.operations tbody tr');
    await page.click('[data-filter=operations] input[type=search]');
    await page.type('n0-');
    const some = await countOf(page, 'table.operations tbody tr');
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(all);
    expect(await textOf(page, '[data-filter=operations] [role=status]')).toBe(`${some} found`);
    for (const box of [1, 2]) await page.click(`[data-filter=operations] label:nth-of-type(${box + 1}) input`);
    // All of them were ok.
    expect(await countOf(page, 'table.operations tbody tr')).toBe(0);
    await page.click('[data-filter=operations] label:nth-of-type(2) input');
    const proving = await countOf(page, 'table.operations tbody tr');
    expect(proving).toBeGreaterThan(0);
    expect(proving).toBe(await countOf(page, 'table.operations tbody tr.proof'));
    expect(page.errors).toEqual([]);
    await page.close();
  });

  it.each([
    ['messages', ['n1 → ', '→ n1', 'sent', 'received', 'harness', 'client 1', 'proves', '1 ms', 'nothing of it']],
    ['operations', ['client 1', 'proves', 'n0-', '"n1-2"', '1 ms', 'nothing of it']],
  ] as const)('filters the marks of %s with their lines', async (filter, searches) => {
    const page = await open(wrong);
    const field = `[data-filter=${filter}] input[type=search]`;
    for (const words of searches) {
      const { found, shown, wrongly } = await page.evaluate<{ found: number; shown: number; wrongly: number }>(`(() => {
        const field = document.querySelector('${field}');
        field.value = ${JSON.stringify(words)};
        field.dispatchEvent(new Event('input'));
        const pages = [...field.closest('section').querySelectorAll('details.page')];
        for (const page of pages) page.open = true;
        const visible = (element) => !element.classList.contains('filtered');
        const wrongly = pages.flatMap((page) => {
          const rows = [...page.querySelectorAll('tbody tr')].map(visible);
          return [...page.querySelectorAll('.mark')].filter(
            (mark) => visible(mark) !== mark.dataset.rows.split(' ').some((row) => rows[row]),
          );
        });
        const count = (selector) => pages.flatMap((page) => [...page.querySelectorAll(selector)].filter(visible)).length;
        return { found: count('tbody tr'), shown: count('.mark'), wrongly: wrongly.length };
      })()`);
      expect(await textOf(page, `[data-filter=${filter}] [role=status]`)).toBe(`${found} found`);
      expect([words, found > 0, shown > 0, wrongly]).toEqual([
        words,
        words !== 'nothing of it',
        words !== 'nothing of it',
        0,
      ]);
    }
    expect(page.errors).toEqual([]);
    await page.close();
  });

  it('holds the whole verdict in one file that names nothing outside', () => {
    for (const report of reports()) expect(readFileSync(report, 'utf8')).not.toMatch(/https?:|src=|@import|url\((?!#)/);
  });
});
