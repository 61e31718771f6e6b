/**
 * (l) Histories of transactions judged: valid ones of a strict serializable store, 10 clients at once. The judges run
 * in a bundle, as users run them. Times are of the CPU, the collection of garbage included.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import type { History } from '../../src/history/history.ts';
import { type Figure, median, type Section } from './measure.ts';

/** What the bundle exports: `judged-transactions.ts`. */
type Bundle = typeof import('./judged-transactions.ts');
type Workload = Parameters<Bundle['makeTransactions']>[1];

const ROUNDS = 5;
const FEW = 100_000;
const MANY = 1_000_000;
/** Cold JVM, the check alone (`figures.md` of the project's notes): seconds for 100,000 transactions. */
const REAL_SECONDS: Readonly<Record<Workload, number>> = { 'txn-list-append': 11, 'txn-rw-register': 12.9 };

export async function benchTransactions(): Promise<readonly Section[]> {
  const bundle = await loadBundle();
  const figures = (['txn-list-append', 'txn-rw-register'] as const).flatMap((workload) => measure(bundle, workload));
  return [{ title: '(l) transactions judged', figures }];
}

function measure({ makeTransactions, judgeAsValid }: Bundle, workload: Workload): readonly Figure[] {
  const seconds = (history: History, rounds: number) =>
    Array.from({ length: rounds }, () => {
      const start = process.cpuUsage();
      judgeAsValid(workload, history);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1e6;
    });
  const few = seconds(makeTransactions(FEW, workload), ROUNDS);
  const many = seconds(makeTransactions(MANY, workload), 1);
  const input = (count: number) => `${count.toLocaleString('en')} transactions`;
  const name = `${workload}, CPU`;
  return [
    {
      ...{ name, input: input(FEW), unit: 's', values: few },
      yardstick: { name: "Elle's time", ratios: few.map((value) => value / REAL_SECONDS[workload]) },
      ...(workload === 'txn-list-append' && { goal: { of: 'value', atMost: 1 } as const }),
    },
    {
      ...{
        name: `${name} for each`,
        input: input(MANY),
        unit: 'µs',
        values: many.map((value) => (value * 1e6) / MANY),
      },
      yardstick: { name: input(FEW), ratios: many.map((value) => value / median(few) / (MANY / FEW)) },
      goal: { of: 'ratio', atMost: 1.5 },
      note: `${(process.memoryUsage().rss / 1e6).toFixed(0)} MB resident`,
    },
  ];
}

async function loadBundle(): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const outfile = join(folder, 'judged-transactions.mjs');
    const entry = join(import.meta.dirname, 'judged-transactions.ts');
    buildSync({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile });
    return (await import(pathToFileURL(outfile).href)) as Bundle;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
