/**
 * Every workload of Maelstrom on real processes, with a node in another language: the right node is valid, with and
 * without partitions, and each wrong one is invalid by the rule that it breaks.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EndedTest, hasPython, Running, SNOWSTORM } from '../support/snowstorm-process.ts';
import { STOCK_WORKLOADS } from '../support/stock-workloads.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NODE = fileURLToPath(new URL('../fixtures/nodes/node.py', import.meta.url));
const TIMEOUT_MS = 120_000;
/** Ten seconds of each run are calm, so many can run side by side. */
const WORKLOADS: readonly string[] = STOCK_WORKLOADS;

const folder = temporaryFolder();

/** For each workload and each wrong node, what the verdict says. */
const WRONG: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  broadcast: {
    forgets: /elements were lost/,
    'no-gossip': /elements were lost/,
    'shows-half': /elements were lost/,
    phantoms: /no-phantoms/,
    duplicates: /no-duplicates/,
  },
  'g-set': {
    forgets: /elements were lost/,
    'no-gossip': /elements were lost/,
    'shows-half': /elements were lost/,
    phantoms: /no-phantoms/,
    duplicates: /no-duplicates/,
  },
  'g-counter': {
    forgets: /final reads are wrong/,
    'no-gossip': /final reads are wrong/,
    'adds-twice': /final reads are wrong/,
    'off-by-one': /final reads are wrong/,
    'reads-of-one-other': /final reads are wrong/,
  },
  'pn-counter': {
    forgets: /final reads are wrong/,
    'no-gossip': /final reads are wrong/,
    'adds-twice': /final reads are wrong/,
    'off-by-one': /final reads are wrong/,
    'reads-of-one-other': /final reads are wrong/,
  },
  'lin-kv': {
    forgets: /has no place/,
    'stale-reads': /not-found/,
    'cas-without-looking': /has no place/,
    'refuses-what-it-does': /has no place/,
    'no-replication': /has no place/,
  },
  kafka: {
    forgets: /lost-write/,
    'twice-the-same-offset': /inconsistent-offsets/,
    duplicates: /duplicate:/,
    'polls-again': /nonmonotonic-poll/,
    skips: /poll-skip/,
    'no-replication': /inconsistent-offsets/,
  },
  'txn-list-append': {
    'stale-reads': /G-single-item-realtime/,
    'reads-before-own-writes': /internal/,
    'reads-of-one-before': /G-single-item/,
    'aborts-what-it-does': /G1a/,
    'no-replication': /incompatible-order/,
  },
  'txn-rw-register': {
    forgets: /internal/,
    'stale-reads': /G-single-item-realtime/,
    'reads-before-own-writes': /internal/,
    'aborts-what-it-does': /G1a/,
    'no-replication': /G-/,
  },
};

const WRONG_NODES = WORKLOADS.flatMap((workload) =>
  Object.entries(WRONG[workload] ?? {}).map(([wrong, says]) => ({ workload, wrong, says })),
);

const python = hasPython('nodes in another language');

async function test(workload: string, name: string, options: readonly string[], args: readonly string[], seconds = 6) {
  const store = join(folder, `${workload}-${name}`);
  const load = '--node-count 3 --concurrency 6 --rate 100 --seed 1'.split(' ');
  const time = ['--time-limit', String(seconds)];
  const running = new Running(SNOWSTORM, [
    'test',
    ...['-w', workload, '--bin', NODE, '--store', store],
    ...load,
    ...time,
    ...options,
    ...['--', workload, ...args],
  ]);
  const ended = await running.ended;
  await running.nothingLeft();
  return new EndedTest(ended, store);
}

describe.skipIf(!python)('a node in Python', () => {
  it.concurrent.each(WORKLOADS)('is valid with %s', { timeout: TIMEOUT_MS }, async (workload) => {
    const ended = await test(workload, 'right', ['--strict'], []);
    expect(ended.verdict).toMatch(/The run is valid\.$/);
    expect(ended.status).toBe(0);
  });

  it.concurrent.each(WORKLOADS)('is valid with %s under partitions', { timeout: TIMEOUT_MS }, async (workload) => {
    const faults = ['--nemesis', 'partition', '--nemesis-interval', '1'];
    const ended = await test(workload, 'partitions', ['--strict', ...faults], []);
    expect(ended.verdict).toMatch(/The run is valid\.$/);
    expect(ended.status).toBe(0);
  });

  it.concurrent('that only rules beyond Jepsen find is valid with a warning', { timeout: TIMEOUT_MS }, async () => {
    const ended = await test('broadcast', 'warned', [], ['--wrong', 'phantoms']);
    expect(ended.stdout).toMatch(/\nWarning: .*\(no-phantoms: \d+\)\.\nEverything looks good! The run is valid\.\n$/);
    expect(ended.status).toBe(0);
  });

  it.concurrent.each(WRONG_NODES)(
    'that $wrong is invalid with $workload',
    { timeout: TIMEOUT_MS },
    async ({ workload, wrong, says }) => {
      const run = (seconds?: number) => test(workload, wrong, ['--strict'], ['--wrong', wrong], seconds);
      const first = await run();
      // A busy machine gets to few operations, so that an error may not have come to pass.
      const ended = says.test(first.verdict) ? first : await run(20);
      expect(ended.verdict).toMatch(says);
      expect(ended.status).toBe(1);
    },
  );
});
