/**
 * `make bench`: every figure in the README beside it, measured in one run. With names (`ids`, `batches`, `node`,
 * `start`, `memory`, `harness`, `simulator`, `voucher`, `saga`, `report`, `services`, `retention`, `check`,
 * `transactions`) only those parts.
 */

import { benchBatches } from './batches.ts';
import { benchCheck } from './check.ts';
import { benchHarness } from './harness.ts';
import { benchIds } from './ids.ts';
import { benchMemory, benchNode, benchStart } from './node-process.ts';
import { benchReport } from './report.ts';
import { benchRetention } from './retention.ts';
import { benchSaga } from './saga.ts';
import { benchServices } from './services.ts';
import { benchSimulator } from './simulator.ts';
import { benchTransactions } from './transactions.ts';
import { benchVoucher } from './voucher.ts';

const PARTS: Readonly<Record<string, () => void | Promise<void>>> = {
  ids: benchIds,
  batches: benchBatches,
  node: benchNode,
  start: benchStart,
  harness: benchHarness,
  memory: benchMemory,
  simulator: benchSimulator,
  voucher: benchVoucher,
  saga: benchSaga,
  report: benchReport,
  services: benchServices,
  retention: benchRetention,
  check: benchCheck,
  transactions: benchTransactions,
};

async function main(): Promise<void> {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
  for (const name of names) {
    const part = PARTS[name];
    if (part === undefined) throw new Error(`there is no part ${name}; there are ${Object.keys(PARTS).join(', ')}`);
    await part();
  }
}

void main();
