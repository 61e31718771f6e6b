/**
 * `make bench`: every figure in FIGURES.md beside it, measured in one run. With names (`make bench ONLY="node start"`)
 * only those parts. `UPDATE_DOCS=1` writes what was measured into its table.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { benchAudit } from './audit.ts';
import { benchBatches } from './batches.ts';
import { benchCheck } from './check.ts';
import { benchEncryption } from './encryption.ts';
import { benchFailover } from './failover.ts';
import { updateTable } from './figure-table.ts';
import { benchHarness } from './harness.ts';
import { benchIds } from './ids.ts';
import { describeSection, type Figure, type Section } from './measure.ts';
import { benchMemory, benchNode } from './node-process.ts';
import { benchPackage } from './package.ts';
import { benchReport } from './report.ts';
import { benchRetention } from './retention.ts';
import { benchSaga } from './saga.ts';
import { benchServices } from './services.ts';
import { benchSimulator } from './simulator.ts';
import { benchStart } from './start.ts';
import { benchTransactions } from './transactions.ts';
import { benchVoucher } from './voucher.ts';
import { benchWorkloads } from './workloads.ts';

const FIGURES = new URL('FIGURES.md', import.meta.url);
const EXIT_USAGE = 2;

const PARTS: Readonly<Record<string, () => Promise<readonly Section[]>>> = {
  ids: benchIds,
  batches: benchBatches,
  node: benchNode,
  start: benchStart,
  package: benchPackage,
  harness: benchHarness,
  workloads: benchWorkloads,
  failover: benchFailover,
  memory: benchMemory,
  simulator: benchSimulator,
  voucher: benchVoucher,
  saga: benchSaga,
  report: benchReport,
  services: benchServices,
  audit: benchAudit,
  encryption: benchEncryption,
  retention: benchRetention,
  check: benchCheck,
  transactions: benchTransactions,
};

async function main(names: readonly string[]): Promise<void> {
  const parts = Object.keys(PARTS);
  const unknown = names.filter((name) => !parts.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`bench: there is no part ${unknown.join(' or ')}; there are ${parts.join(', ')}\n`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  const measured = new Map<string, readonly Figure[]>();
  for (const name of names.length > 0 ? names : parts) {
    const sections = await (PARTS[name] as () => Promise<readonly Section[]>)();
    for (const section of sections) process.stdout.write(describeSection(section, name));
    measured.set(
      name,
      sections.flatMap(({ figures }) => figures),
    );
    // After each part: one that fails later takes nothing with it.
    if (process.env.UPDATE_DOCS === '1')
      writeFileSync(FIGURES, updateTable(readFileSync(FIGURES, 'utf8'), parts, measured));
  }
}

void main(process.argv.slice(2));
