/**
 * (h) Transfers, simulated: how many messages one takes, with accounts of its own and with accounts that everybody
 * uses, and whether it takes more after many.
 */

import { runTransfers } from '../support/transfer-run.ts';
import { goalAtMost, printSection, type Row } from './measure.ts';

const COUNT = 10_000;
const MESSAGES_MAX = 16;
const SHARED_ACCOUNTS = 8;
const SHARED_MESSAGES_MAX = 24;
const MANY = 100_000;
const SAMPLE = 1000;
const GROWTH_MAX = 1.3;

export async function benchSaga(): Promise<void> {
  const rows: Row[] = [];
  for (const concurrency of [3, 12, 64]) {
    const { messagesPerOperation, outcomes } = await runTransfers({
      accounts: 'own',
      transferCount: COUNT,
      concurrency,
    });
    rows.push({
      name: `accounts of their own, ${concurrency} clients: messages a transfer`,
      value: `${messagesPerOperation.toFixed(2)}, ${outcomes.committed} committed`,
      goal: goalAtMost(messagesPerOperation, MESSAGES_MAX),
    });
  }
  const shared = await runTransfers({ accounts: SHARED_ACCOUNTS, transferCount: COUNT });
  rows.push({
    name: `${SHARED_ACCOUNTS} accounts for all, 64 clients: messages a transfer`,
    value: `${shared.messagesPerOperation.toFixed(2)}, ${shared.outcomes.committed} committed`,
    goal: goalAtMost(shared.messagesPerOperation, SHARED_MESSAGES_MAX),
  });
  const few = await runTransfers({ accounts: SHARED_ACCOUNTS, transferCount: 2 * SAMPLE, sampleLength: SAMPLE });
  const many = await runTransfers({ accounts: SHARED_ACCOUNTS, transferCount: MANY, sampleLength: SAMPLE });
  rows.push(
    {
      name: `… ${MANY} transfers against ${2 * SAMPLE}: messages a transfer`,
      value: `${many.messagesPerOperation.toFixed(2)} against ${few.messagesPerOperation.toFixed(2)}`,
      goal: goalAtMost(many.messagesPerOperation / few.messagesPerOperation, GROWTH_MAX, ' ×'),
    },
    {
      name: `… time to simulate one of the last ${SAMPLE} against the first ${SAMPLE}`,
      value: `${many.lastMicroseconds.toFixed(0)} µs against ${many.firstMicroseconds.toFixed(0)} µs`,
      goal: goalAtMost(many.lastMicroseconds / many.firstMicroseconds, GROWTH_MAX, ' ×'),
    },
  );
  printSection('(h) transfers, 3 nodes, no faults', 'node --import tsx test/bench/main.ts saga', rows);
}
