/**
 * (h) Transfers, simulated: how many messages one takes, with accounts of its own and with accounts that all
 * use, and whether it takes more after many.
 */

import { runTransfers } from '../support/transfer-run.ts';
import type { Figure, Section } from './measure.ts';

const COUNT = 10_000;
const MESSAGES_MAX = 16;
const SHARED_ACCOUNTS = 8;
const SHARED_MESSAGES_MAX = 24;
const MANY = 100_000;
const SAMPLE = 1000;
const GROWTH_MAX = 1.3;

export async function benchSaga(): Promise<readonly Section[]> {
  const figures: Figure[] = [];
  for (const concurrency of [3, 12, 64]) {
    const { messagesPerOperation, outcomes } = await runTransfers({
      accounts: 'own',
      transferCount: COUNT,
      concurrency,
    });
    figures.push({
      name: 'messages a transfer',
      input: `accounts of their own, ${concurrency} clients`,
      unit: '',
      values: [messagesPerOperation],
      goal: { of: 'value', atMost: MESSAGES_MAX },
      note: `${outcomes.committed} committed`,
    });
  }
  const shared = await runTransfers({ accounts: SHARED_ACCOUNTS, transferCount: COUNT });
  figures.push({
    name: 'messages a transfer',
    input: `${SHARED_ACCOUNTS} accounts for all, 64 clients`,
    unit: '',
    values: [shared.messagesPerOperation],
    goal: { of: 'value', atMost: SHARED_MESSAGES_MAX },
    note: `${shared.outcomes.committed} committed`,
  });
  const few = await runTransfers({ accounts: SHARED_ACCOUNTS, transferCount: 2 * SAMPLE, sampleLength: SAMPLE });
  const many = await runTransfers({ accounts: SHARED_ACCOUNTS, transferCount: MANY, sampleLength: SAMPLE });
  const input = `${MANY.toLocaleString('en')} transfers`;
  figures.push(
    {
      ...{ name: 'messages a transfer', input, unit: '', values: [many.messagesPerOperation] },
      yardstick: {
        name: `${(2 * SAMPLE).toLocaleString('en')} transfers`,
        ratios: [many.messagesPerOperation / few.messagesPerOperation],
      },
      goal: { of: 'ratio', atMost: GROWTH_MAX },
    },
    {
      ...{ name: `time to simulate one of the last ${SAMPLE}`, input, unit: 'µs', values: [many.lastMicroseconds] },
      yardstick: { name: `the first ${SAMPLE}`, ratios: [many.lastMicroseconds / many.firstMicroseconds] },
      goal: { of: 'ratio', atMost: GROWTH_MAX },
    },
  );
  return [{ title: '(h) transfers, 3 nodes, no faults', figures }];
}
