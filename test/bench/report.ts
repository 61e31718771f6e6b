/**
 * (i) The report of a run of a million operations: how large it is, how long it takes to draw, beside the run itself,
 * and how long until a browser shows it.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readPageAssets } from '../../src/host/records/page-assets.ts';
import { readRecordedRun } from '../../src/host/records/recorded-run.ts';
import { renderPage } from '../../src/report/page.ts';
import { Browser, findBrowser } from '../support/browser.ts';
import { type Figure, type Section, secondsOf } from './measure.ts';

const SNOWSTORM = fileURLToPath(new URL('../../bin/snowstorm', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const OPERATIONS = 1_000_000;
const SECONDS = 50;
const MEGABYTES_MAX = 5;
const OPEN_SECONDS_MAX = 1;
const TIMES = 3;
const OPENED_TIMES = 5;
const BYTES_PER_MEGABYTE = 1e6;

const INPUT = `${OPERATIONS.toLocaleString('en')} operations`;

export async function benchReport(): Promise<readonly Section[]> {
  const store = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const runSeconds = secondsOf(() => {
      const work = ['--node-count', '3', '--concurrency', '300', '--rate', String(OPERATIONS / SECONDS)];
      const faults = ['--nemesis', 'partition,kill=5,pause', '--seed', '3'];
      const args = ['test', '-w', 'unique-ids', ...work, '--time-limit', String(SECONDS), ...faults, '--store', store];
      execFileSync(SNOWSTORM, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    });
    const folder = realpathSync(join(store, 'latest'));
    const assets = readPageAssets(DIST);
    const read = Array.from({ length: TIMES }, () => secondsOf(() => readRecordedRun(folder)));
    const record = readRecordedRun(folder);
    let page = '';
    const draw = () => {
      page = renderPage(record, assets);
    };
    const drawn = Array.from({ length: TIMES }, () => secondsOf(draw));
    const figures: Figure[] = [
      {
        ...{ name: 'size of the report', input: INPUT, unit: 'MB' },
        values: [Buffer.byteLength(page) / BYTES_PER_MEGABYTE],
        goal: { of: 'value', atMost: MEGABYTES_MAX },
      },
      {
        ...{ name: 'time to draw it', input: INPUT, unit: 's', values: drawn },
        yardstick: { name: 'the run itself', ratios: drawn.map((seconds) => seconds / runSeconds) },
      },
      { name: 'time to read the record back', input: INPUT, unit: 's', values: read },
    ];
    const program = findBrowser('how long a report takes to open');
    if (program !== undefined) {
      figures.push(await measureOpening(program, pathToFileURL(join(folder, 'report.html')).href));
    }
    return [{ title: '(i) the report of a large run', figures }];
  } finally {
    rmSync(store, { recursive: true });
  }
}

async function measureOpening(program: string, url: string): Promise<Figure> {
  const browser = await Browser.launch(program);
  try {
    const values: number[] = [];
    for (let time = 0; time < OPENED_TIMES; time++) {
      const page = await browser.newPage({ width: 1400, height: 900 });
      const startMs = performance.now();
      await page.goto(url);
      values.push((performance.now() - startMs) / 1000);
      await page.close();
    }
    return {
      ...{ name: 'until a browser shows it, scripts and all', input: INPUT, unit: 's', values },
      goal: { of: 'value', atMost: OPEN_SECONDS_MAX },
    };
  } finally {
    await browser.close();
  }
}
