/**
 * Mutants of right nodes. Each must make the verdict false for the right reason: the named checkers find it, and no
 * other.
 */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import type { WorkloadTest } from '../../src/harness/workload-test.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { linKv } from '../../src/workloads/lin-kv/workload.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import { answering, generatesAfter, type Script } from '../support/scripted-bed.ts';
import { ScriptedRun } from '../support/scripted-run.ts';

/** n0 needs its neighbour for every id, and does not answer when the neighbour is cut off. */
function needsPeer(): Script {
  let next = 0;
  return answering({
    generate: ({ src, body }, node) => {
      if (node.id === 'n0') node.send('n1', { type: 'confirm', client: src, to: body.msg_id });
      else node.send(src, { type: 'generate_ok', in_reply_to: body.msg_id, id: `${node.id}-${next++}` });
    },
    confirm: ({ src, body }, node) => node.send(src, { ...body, type: 'confirmed' }),
    confirmed: ({ body }, node) =>
      node.send(body.client, { type: 'generate_ok', in_reply_to: body.to, id: `${node.id}-${next++}` }),
  });
}

describe('a node that needs its peer', () => {
  const options = { test: uniqueIds.test, scriptOf: needsPeer, availability: 'total', timeLimitMs: 60_000 } as const;

  it('is valid while the network works', async () => {
    const { results } = await new ScriptedRun(options).finish();
    expect(results['valid?']).toBe(true);
  });

  it('is found by partitions when total availability is demanded, though no answer is wrong', async () => {
    const { results } = await new ScriptedRun({ ...options, faults: ['partition'], nemesisIntervalMs: 5000 }).finish();
    expect(results['valid?']).toBe(false);
    expect(results.availability?.['valid?']).toBe(false);
    expect(results.availability?.['ok-fraction']).toBeLessThan(1);
    expect([results.workload, results.protocol, results.stats, results.faults].map((part) => part?.['valid?'])).toEqual(
      [true, true, true, true],
    );
    const { started, 'partition-seconds': seconds } = results.faults as CheckResult & { started: object };
    expect(started).toEqual({ partition: expect.any(Number) });
    expect(seconds).toBeGreaterThan(5);
  });

  it('passes with partitions when availability is not demanded', async () => {
    const { availability: _, ...rest } = options;
    const { results } = await new ScriptedRun({ ...rest, faults: ['partition'], nemesisIntervalMs: 5000 }).finish();
    expect(results['valid?']).toBe(true);
  });
});

interface Mutant {
  readonly name: string;
  readonly test: WorkloadTest;
  readonly script: () => Script;
  /** The checkers that must find it, each with its result. Every other one must be valid. */
  readonly found: Readonly<Record<string, object>>;
  readonly verdict?: 'unknown';
  readonly availability?: 'total';
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'echoes something else',
    test: echo.test,
    script: () => answering({ echo: (message, node) => node.reply(message, { type: 'echo_ok', echo: 'hello' }) }),
    found: { workload: { 'error-count': 32 } },
  },
  {
    name: 'echoes what it was asked before',
    test: echo.test,
    script: () => {
      let last: unknown = null;
      return answering({
        echo: (message, node) => {
          node.reply(message, { type: 'echo_ok', echo: last });
          last = message.body.echo;
        },
      });
    },
    found: { workload: { 'valid?': false } },
  },
  {
    name: 'never answers',
    test: echo.test,
    script: () => answering({}),
    found: { stats: { 'ok-count': 0, 'info-count': 6 } },
  },
  {
    name: 'answers to another message id',
    test: echo.test,
    script: () =>
      answering({
        echo: ({ src, body }, node) =>
          node.send(src, { type: 'echo_ok', echo: body.echo, in_reply_to: body.msg_id + 1 }),
      }),
    found: {
      stats: { 'ok-count': 0 },
      protocol: { violations: expect.arrayContaining([expect.objectContaining({ rule: 'unasked-reply' })]) },
    },
  },
  {
    name: 'answers without in_reply_to',
    test: echo.test,
    script: () => answering({ echo: ({ src, body }, node) => node.send(src, { type: 'echo_ok', echo: body.echo }) }),
    found: {
      stats: { 'ok-count': 0 },
      protocol: { violations: expect.arrayContaining([expect.objectContaining({ rule: 'answers-nothing' })]) },
    },
  },
  {
    name: 'refuses everything',
    test: uniqueIds.test,
    script: () => answering({ generate: (message, node) => node.reply(message, { type: 'error', code: 11 }) }),
    found: { stats: { 'ok-count': 0, 'info-count': 0 } },
  },
  {
    name: 'fails every tenth time',
    test: uniqueIds.test,
    availability: 'total',
    script: () => {
      let count = 0;
      const generate = generatesAfter(1);
      return answering({
        generate: (message, node) => {
          if (++count % 10 === 0) node.reply(message, { type: 'error', code: 11 });
          else generate(message, node);
        },
      });
    },
    found: { availability: { 'valid?': false } },
  },
  {
    name: 'answers with a field that the reply does not have',
    test: uniqueIds.test,
    script: () => {
      let count = 0;
      return answering({
        generate: (message, node) =>
          node.reply(message, { type: 'generate_ok', id: `${node.id}-${count}`, ...(count++ === 0 && { time: 1 }) }),
      });
    },
    found: {
      protocol: {
        count: 3,
        violations: ['n2', 'n0', 'n1'].map((node) =>
          expect.objectContaining({
            node,
            rule: 'closed-reply',
            text: `${node} sent a reply that is not as declared: time: a field that generate_ok does not have`,
          }),
        ),
      },
    },
  },
  {
    name: 'gives an id out twice',
    test: uniqueIds.test,
    script: () => {
      let count = 0;
      return answering({
        generate: (message, node) =>
          node.reply(message, { type: 'generate_ok', id: `${node.id}-${Math.max(count++, 1)}` }),
      });
    },
    found: { workload: { 'duplicated-count': 3, duplicated: { 'n0-1': 2, 'n1-1': 2, 'n2-1': 2 } } },
  },
  {
    name: 'gives out the same ids as its peers',
    test: uniqueIds.test,
    script: () => {
      let count = 0;
      return answering({ generate: (message, node) => node.reply(message, { type: 'generate_ok', id: count++ }) });
    },
    found: { workload: { 'valid?': false } },
  },
  {
    name: 'gives out numbers and texts',
    test: uniqueIds.test,
    verdict: 'unknown',
    script: () => {
      let count = 0;
      return answering({
        generate: (message, node) => {
          const id = `${node.id.slice(1)}${count++}`;
          node.reply(message, { type: 'generate_ok', id: node.id === 'n0' ? Number(`1${id}`) : id });
        },
      });
    },
    found: { workload: { 'valid?': 'unknown' } },
  },
];

describe('a mutant', () => {
  it.each(MUTANTS)('that $name is found', async ({ test, script, found, verdict = false, availability }) => {
    const run = new ScriptedRun({
      test,
      scriptOf: script,
      ratePerSecond: 3,
      ...(availability === undefined ? {} : { availability }),
    });
    const { results } = await run.finish();
    expect(results['valid?']).toBe(verdict);
    const { 'valid?': _, ...parts } = results;
    const discontent = Object.entries(parts as Record<string, CheckResult>).filter(
      ([, part]) => part['valid?'] !== true,
    );
    expect(discontent.map(([name]) => name)).toEqual(Object.keys(found));
    expect(results).toMatchObject(found);
  });

  it('that changes nothing passes', async () => {
    for (const { test } of [echo, uniqueIds]) {
      const { results } = await new ScriptedRun({ test, availability: 'total' }).finish();
      const { 'valid?': verdict, ...parts } = results;
      expect([verdict, ...Object.values(parts as Record<string, CheckResult>).map((part) => part['valid?'])]).toEqual(
        new Array(10).fill(true),
      );
    }
  });
});

describe('a node that never carries out a kind of operation', () => {
  const values = new Map<unknown, unknown>();

  /** All nodes share their registers. */
  function keepsRegisters(cas: Script): Script {
    return answering({
      read: (message, node) => node.reply(message, { type: 'read_ok', value: values.get(message.body.key) ?? null }),
      write: (message, node) => {
        values.set(message.body.key, message.body.value);
        node.reply(message, { type: 'write_ok' });
      },
      cas,
    });
  }

  const failsWith =
    (code: number): Script =>
    (message, node) =>
      node.reply(message, { type: 'error', code });

  it.each<[string, Script]>([
    ['refuses it as if the key were absent', failsWith(20)],
    ['refuses it as if the value were another', failsWith(22)],
    ['says that it cannot be done now', failsWith(11)],
    ['does not answer', () => {}],
  ])('is found although there are faults: it %s', async (_, cas) => {
    values.clear();
    const options = { faults: ['partition'], nemesisIntervalMs: 700, ratePerSecond: 100, concurrency: 6 } as const;
    const run = new ScriptedRun({ test: linKv.test, scriptOf: () => keepsRegisters(cas), ...options });
    const { results } = await run.finish();
    expect(results.stats).toMatchObject({ 'valid?': false, 'by-f': { cas: { 'valid?': false, 'ok-count': 0 } } });
    expect(results.stats).toMatchObject({ 'by-f': { read: { 'valid?': true }, write: { 'valid?': true } } });
  });
});
