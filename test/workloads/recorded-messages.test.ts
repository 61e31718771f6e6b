/**
 * Clients of a real Maelstrom run, operation by operation: ours ask the same, and make the same history of the same
 * answers. `test/data/journals/` has some processes of one run of each workload.
 */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../src/harness/workload-test.ts';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import { configured, type Fields, runAll } from '../support/operation-run.ts';
import { STOCK_WORKLOADS } from '../support/stock-workloads.ts';

interface Step {
  readonly operation: Invocation;
  /** Requests and answers, without the ids of the messages. */
  readonly exchanges: readonly (readonly [request: Fields, reply: Fields])[];
  readonly end: Fields;
}

interface Process {
  readonly process: number;
  readonly operations: readonly Step[];
}

const STEP_MS = 10;

function recordedOf(workload: string): readonly Process[] {
  return JSON.parse(
    gunzipSync(readFileSync(new URL(`../data/journals/${workload}.json.gz`, import.meta.url))).toString(),
  );
}

/** Lets one worker perform the operations, and answers as recorded. */
async function repeat(workload: string, steps: readonly Step[]) {
  const { test } = WORKLOADS.find(({ name }) => name === workload) as (typeof WORKLOADS)[number];
  const exchanges = steps.flatMap((step) => step.exchanges);
  const requests: Fields[] = [];
  let drawn = 0;
  const last = steps.at(-1)?.operation as Invocation;
  const repeating = {
    ...configured(test, { concurrency: 1, nodes: ['n0'] }),
    createGenerator: () => () => steps[drawn++]?.operation ?? last,
  };
  const { configure: _configure, createFinalInvocations: _final, ...alone } = repeating;
  const run = runAll(
    (message, node) => {
      const { msg_id: _messageId, ...request } = message.body;
      const [, reply] = exchanges[requests.length] ?? [];
      requests.push(request);
      if (reply !== undefined) node.reply(message, reply);
    },
    {
      test: alone,
      concurrency: 1,
      nodes: ['n0'],
      ratePerSecond: 1000 / STEP_MS,
      timeLimitMs: 3 * STEP_MS * steps.length,
    },
  );
  const { history } = await run.finish();
  return { requests: requests.slice(0, exchanges.length), history: [...history].slice(0, 2 * steps.length) };
}

describe.each(STOCK_WORKLOADS)('a client of %s', (workload) => {
  it.each(recordedOf(workload))('asks and records what process $process did', async ({ operations }) => {
    expect(operations.length).toBeGreaterThan(2);
    const { requests, history } = await repeat(workload, operations);
    expect(requests).toEqual(operations.flatMap(({ exchanges }) => exchanges.map(([request]) => request)));
    const entries = history.map(({ type, f, value, error }) => ({
      type,
      f,
      value,
      ...(error !== undefined && { error }),
    }));
    const recorded = operations.flatMap(({ operation: { f, value }, end }) => [{ type: 'invoke', f, value }, end]);
    expect(entries).toEqual(recorded);
  });
});
