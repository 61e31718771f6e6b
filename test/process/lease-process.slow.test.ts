/**
 * The built node with its state in Maelstrom's store: leased node numbers, and bounds of fixed numbers.
 */

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EndedTest, OUR_NODE, runTest } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const NODE_COUNT = 3;

/** Runs nodes that are killed and paused, with a folder of their own for files. */
async function run(name: string, workload: string, nodeArgs: readonly string[]): Promise<EndedTest> {
  const temporary = join(folder, name);
  mkdirSync(temporary);
  const faults = ['--nemesis', 'kill,pause,service-cut', '--nemesis-interval', '1', '--seed', 'lease'];
  const load = ['--node-count', String(NODE_COUNT), '--rate', '100', '--time-limit', '5', '--concurrency', '4n'];
  const run = await runTest({
    workload,
    bin: OUR_NODE,
    store: join(folder, `${name}-store`),
    args: [...load, ...faults, '--', ...nodeArgs],
    env: { TMPDIR: temporary },
  });
  expect(readdirSync(temporary)).toEqual([]);
  return run;
}

function expectValid({ status, verdict, violations, results, stderr }: EndedTest): void {
  expect({ status, verdict, violations }, stderr).toEqual({
    status: 0,
    verdict: 'Everything looks good! The run is valid.',
    violations: [],
  });
  for (const fault of ['kill', 'pause']) expect(results.faults.started[fault]).toBeGreaterThan(0);
  expect(results.stats['ok-count']).toBeGreaterThan(100);
}

/** The records of node numbers in the store. */
function recordsIn({ messages }: EndedTest): { key: string; holder: string; until: number | null }[] {
  return messages.flatMap(({ event, dest, body: { type, key, to } }) =>
    event === 'send' && dest === 'lin-kv' && type === 'cas' && String(key).startsWith('node/')
      ? [{ key, ...JSON.parse(String(to)) }]
      : [],
  );
}

describe.concurrent('the node process with its state in lin-kv', () => {
  it('leases numbers and gives out valid ids, under kills, pauses and an unavailable store', async () => {
    const ended = await run('leased', 'ids', ['--node-id', 'lease', '--lease', '1s', '--reserve', '3s']);
    expectValid(ended);
    const records = recordsIn(ended);
    const lives = new Set(records.map(({ holder }) => holder));
    expect(lives.size).toBeGreaterThan(NODE_COUNT);
    expect(new Set([...lives].map((holder) => holder.split('/')[0]))).toEqual(new Set(['n0', 'n1', 'n2']));
    const numbers = [...new Set(records.map(({ key }) => key))];
    expect(numbers).toEqual(expect.arrayContaining(['node/0', 'node/1', 'node/2']));
    expect(ended.results.workload['assigned-count']).toBeGreaterThan(4);
  });

  it('keeps the bounds of its places there', async () => {
    const ended = await run('places', 'unique-ids', ['--state-dir', 'lin-kv', '--reserve', '2s']);
    expectValid(ended);
    for (const { key, holder, until } of recordsIn(ended)) {
      expect(holder).toMatch(new RegExp(`^n${key.slice('node/'.length)}/`));
      expect(until).toEqual(expect.any(Number));
    }
    expect(recordsIn(ended).length).toBeGreaterThan(NODE_COUNT);
  });
});
