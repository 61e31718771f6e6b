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
import { goalAtMost, median, printSection, type Row } from './measure.ts';

/** What the bundle exports: `judged-transactions.ts`. */
type Bundle = typeof import('./judged-transactions.ts');
type Workload = Parameters<Bundle['makeTransactions']>[1];

const ROUNDS = 5;
const FEW = 100_000;
const MANY = 1_000_000;
/** Cold JVM, the check alone (`figures.md` of the project's notes): seconds for 100,000 transactions. */
const REAL_SECONDS: Readonly<Record<Workload, number>> = { 'txn-list-append': 11, 'txn-rw-register': 12.9 };

export async function benchTransactions(): Promise<void> {
  const bundle = await loadBundle();
  const rows = (['txn-list-append', 'txn-rw-register'] as const).flatMap((workload) => measure(bundle, workload));
  printSection('(l) transactions judged', 'node --import tsx test/bench/main.ts transactions', rows);
}

function measure({ makeTransactions, judgeAsValid }: Bundle, workload: Workload): readonly Row[] {
  const seconds = (history: History, rounds: number) =>
    median(
      Array.from({ length: rounds }, () => {
        const start = process.cpuUsage();
        judgeAsValid(workload, history);
        const { user, system } = process.cpuUsage(start);
        return (user + system) / 1e6;
      }),
    );
  const few = seconds(makeTransactions(FEW, workload), ROUNDS);
  const many = seconds(makeTransactions(MANY, workload), 1);
  const growth = many / few / (MANY / FEW);
  return [
    {
      name: `${workload}: 100,000 transactions`,
      value: `${few.toFixed(2)} s of CPU, 1/${((REAL_SECONDS[workload] as number) / few).toFixed(0)} of Elle's time`,
      ...(workload === 'txn-list-append' && { goal: goalAtMost(few, 1, ' s') }),
    },
    {
      name: '… 1,000,000: for each, against 100,000',
      value: `${many.toFixed(1)} s of CPU, ${growth.toFixed(2)} ×, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB resident`,
      goal: goalAtMost(growth, 1.5, ' ×'),
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
