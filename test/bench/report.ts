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
import { goalAtMost, median, printSection, type Row } from './measure.ts';

const SNOWSTORM = fileURLToPath(new URL('../../bin/snowstorm', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const OPERATIONS = 1_000_000;
const SECONDS = 50;
const MEGABYTES_MAX = 5;
const OPEN_SECONDS_MAX = 1;
const DRAWN_TIMES = 3;
const OPENED_TIMES = 5;
const BYTES_PER_MEGABYTE = 1e6;

export async function benchReport(): Promise<void> {
  const store = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const rows: Row[] = [];
    const runMs = measure(() => {
      const work = ['--node-count', '3', '--concurrency', '300', '--rate', String(OPERATIONS / SECONDS)];
      const faults = ['--nemesis', 'partition,kill=5,pause', '--seed', '3'];
      const args = ['test', '-w', 'unique-ids', ...work, '--time-limit', String(SECONDS), ...faults, '--store', store];
      execFileSync(SNOWSTORM, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    });
    const folder = realpathSync(join(store, 'latest'));
    const assets = readPageAssets(DIST);
    const readMs = measure(() => readRecordedRun(folder));
    const record = readRecordedRun(folder);
    let page = '';
    const drawMs = median(
      Array.from({ length: DRAWN_TIMES }, () =>
        measure(() => {
          page = renderPage(record, assets);
        }),
      ),
    );
    const megabytes = Buffer.byteLength(page) / BYTES_PER_MEGABYTE;
    rows.push(
      {
        name: `${OPERATIONS} operations: size of the report`,
        value: `${megabytes.toFixed(2)} MB`,
        goal: goalAtMost(megabytes, MEGABYTES_MAX, ' MB'),
      },
      {
        name: '… time to draw it',
        value: `${(drawMs / 1000).toFixed(2)} s, ${(drawMs / runMs).toFixed(2)} × the run with its verdict and report`,
      },
      { name: '… time to read the record back, for snowstorm report', value: `${(readMs / 1000).toFixed(2)} s` },
    );
    const program = findBrowser('how long a report takes to open');
    if (program !== undefined)
      rows.push(await measureOpening(program, pathToFileURL(join(folder, 'report.html')).href));
    printSection('(i) the report of a large run', 'node --import tsx test/bench/main.ts report', rows);
  } finally {
    rmSync(store, { recursive: true });
  }
}

async function measureOpening(program: string, url: string): Promise<Row> {
  const browser = await Browser.launch(program);
  try {
    const times: number[] = [];
    for (let time = 0; time < OPENED_TIMES; time++) {
      const page = await browser.newPage({ width: 1400, height: 900 });
      const startMs = performance.now();
      await page.goto(url);
      times.push(performance.now() - startMs);
      await page.close();
    }
    const seconds = median(times) / 1000;
    return {
      name: '… until chromium shows it, scripts and all',
      value: `${seconds.toFixed(2)} s`,
      goal: goalAtMost(seconds, OPEN_SECONDS_MAX, ' s'),
    };
  } finally {
    await browser.close();
  }
}

function measure(act: () => void): number {
  const startMs = performance.now();
  act();
  return performance.now() - startMs;
}
