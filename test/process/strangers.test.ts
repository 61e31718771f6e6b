/** Nodes that Snowstorm has never seen, by people who know only Maelstrom's protocol: what is right passes. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type EndedTest,
  fixture,
  hasPython,
  OUR_NODE,
  runTest,
  temporaryFolder,
} from '../support/snowstorm-process.ts';

const folder = temporaryFolder();

function run(workload: string, file: string, ...args: string[]): Promise<EndedTest> {
  return runTest({ workload, bin: fixture(file), store: join(folder, `${workload}-${file}`), args });
}

function expectValid(run: EndedTest): void {
  expect(run.verdict).toBe('Everything looks good! The run is valid.');
  expect(run.violations).toEqual([]);
  expect(run.results['valid?']).toBe(true);
  expect(run.status, run.stderr).toBe(0);
}

describe.concurrent("a stranger's node", () => {
  it('in plain JavaScript passes echo', async () => {
    const ended = await run('echo', 'echo.mjs', '--node-count', '3', '--availability', 'total');
    expectValid(ended);
    expect(ended.results.stats['ok-count']).toBeGreaterThan(10);
    // A request and its answer each, and init for three nodes.
    expect(ended.results.net.clients).toMatchObject({
      'send-count': 2 * ended.results.stats['ok-count'] + 6,
    });
  });

  it.skipIf(!hasPython('the echo node in Python'))('in plain Python passes echo', async () => {
    const ended = await run('echo', 'echo.py', '--node-count', '3', '--availability', 'total');
    expectValid(ended);
    expect(ended.results.stats['ok-count']).toBeGreaterThan(10);
  });

  it('with ids of its name and a counter passes unique-ids under partitions', async () => {
    const partitions = ['--nemesis', 'partition', '--nemesis-interval', '0.4', '--availability', 'total'];
    const ended = await run('unique-ids', 'unique-ids.mjs', '--node-count', '3', ...partitions);
    expectValid(ended);
    expect(ended.results.workload).toMatchObject({ 'duplicated-count': 0, duplicated: {} });
    expect(ended.results.faults.started.partition).toBeGreaterThan(0);
  });

  it('may give out integers above 2^53, which are no duplicates of their neighbours', async () => {
    const ended = await run('unique-ids', 'big-integer-ids.mjs', '--availability', 'total');
    expectValid(ended);
    const count = ended.results.workload['acknowledged-count'];
    expect(count).toBeGreaterThan(10);
    // To the last digit, on the screen and in the record.
    const range = [2n ** 60n + 1n, 2n ** 60n + BigInt(count)];
    expect(ended.stdout).toContain(`[${range.join(',')}]`);
    expect(ended.read('results.json').replaceAll(/\s/g, '')).toContain(`"range":[${range.join(',')}]`);
    expect(ended.read('history.jsonl')).toContain(`"value":${range[1]}`);
  });

  it('gets answers of lin-kv, seq-kv, lww-kv and lin-tso', async () => {
    const ended = await run('echo', 'asks-services.mjs', '--node-count', '2', '--availability', 'total');
    expectValid(ended);
    const answering = ended.messages.filter(({ event, dest }) => event === 'receive' && /^n\d$/.test(dest));
    for (const service of ['lin-kv', 'seq-kv', 'lww-kv', 'lin-tso']) {
      expect(answering.filter(({ src }) => src === service).length, service).toBeGreaterThan(1);
    }
  });

  it('that answers twice is heard once, as in Maelstrom, and told so', async () => {
    const ended = await run('echo', 'answers-twice.mjs', '--availability', 'total');
    expect(ended.results.stats['ok-count']).toBe(ended.results.stats?.count);
    expect(ended.verdict).toMatch(
      /^The run is INVALID\. n\d answered c\d+, who had not asked that, or was answered already/,
    );
  });
});

describe.concurrent('what beginners forget', () => {
  it.each([
    ['init', [], /^The run is INVALID\. n\d sent c\d+ a message without in_reply_to, which answers nothing/],
    ['echo', [], /^The run is INVALID\. n\d sent c\d+ a message without in_reply_to, which answers nothing/],
    [
      'echo',
      ['text'],
      /^The run is INVALID\. n\d sent c\d+ a message with the in_reply_to "\d+", which answers nothing/,
    ],
  ])('is in_reply_to, at %s %j', async (where, how, verdict) => {
    const ended = await run('echo', 'answers-nothing.mjs', '--node-count', '1', '--', where, ...how);
    expect(ended.verdict).toMatch(verdict);
    expect(ended.brokenRules).toContain('answers-nothing');
  });

  it('is to flush', async () => {
    const ended = await run('echo', 'does-not-flush.mjs', '--node-count', '1');
    expect(ended.verdict).toContain(
      'n0 did not answer init within 10 s, nor did it print any message: does it flush its stdout?',
    );
  });
});

describe.concurrent('our node', () => {
  const partitions = ['--node-count', '3', '--time-limit', '2', '--rate', '200'];
  partitions.push('--nemesis', 'partition', '--nemesis-interval', '0.5', '--availability', 'total');

  for (const workload of ['echo', 'unique-ids']) {
    it(`serves ${workload} in spite of partitions`, async () => {
      const ended = await runTest({
        workload,
        bin: OUR_NODE,
        store: join(folder, `ours-${workload}`),
        args: partitions,
        env: { TMPDIR: folder },
      });
      expectValid(ended);
      expect(ended.results.faults.started.partition).toBeGreaterThan(0);
      expect(ended.results.faults['partition-seconds']).toBeGreaterThan(0);
      expect(ended.results.stats['ok-count']).toBeGreaterThan(50);
    });
  }
});
