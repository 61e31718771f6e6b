/** What every workload must do, for the whole registry: a new line there is tested at once. */

import { describe, expect, it } from 'vitest';
import type { Bed } from '../../src/harness/bed.ts';
import { configureTest } from '../../src/harness/configure-test.ts';
import type { NodeMessage } from '../../src/harness/node-output.ts';
import type { Invocation } from '../../src/harness/workload-test.ts';
import { createSettle } from '../../src/host/settle.ts';
import { STORES } from '../../src/kv/kv-client.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { runSeed } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import type { LogEntry } from '../../src/simulator/in-process-bed.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { findWorkload, subjectOf, WORKLOADS } from '../../src/workloads/registry.ts';
import { availabilityOf, expectAnswersTwice, newBed, run, SLOW_WHEN_DOUBLED } from '../support/conformance.ts';
import { memoryPorts, workloadPorts } from '../support/memory-ports.ts';
import { type SentMessage, TestNode } from '../support/test-node.ts';
import { settle, VirtualTime } from '../support/virtual-time.ts';

function isWarning(level: LogEntry['level']): boolean {
  return level === 'warn' || level === 'error';
}

it('finds every workload by its name, and no other', () => {
  for (const workload of WORKLOADS) expect(findWorkload(workload.name)).toBe(workload);
  expect(findWorkload('nonsense')).toBeUndefined();
  expect(new Set(WORKLOADS.map(({ name }) => name)).size).toBe(WORKLOADS.length);
});

it('serves all workloads side by side', async () => {
  const node = await new TestNode(startWorkloads(memoryPorts())).init();
  expect(node.crashes).toEqual([]);
});

describe.each(WORKLOADS.map((workload) => [workload.name, workload] as const))('the workload %s', (_, workload) => {
  const { test } = subjectOf(workload);

  const types = async () => {
    const found: string[] = [];
    await new TestNode(async (context) => {
      const handlers = await workload.start(context, workloadPorts(context));
      found.push(...handlers.map(({ rpc }) => rpc.type));
      return handlers;
    }).init();
    return found;
  };

  it('passes its own test under partitions, and leaves nothing behind', async () => {
    const time = new VirtualTime();
    const logged: LogEntry[] = [];
    const bed = newBed(time, workload, (entry) => logged.push(entry));
    const results = await run(time, bed, test, { availability: availabilityOf(workload) });
    expect(results).toMatchObject({ 'valid?': true, faults: { started: { partition: expect.any(Number) } } });
    expect(results.stats?.['ok-count']).toBeGreaterThan(500);
    // Clients may send requests that must be refused.
    expect(logged.filter(({ level, message }) => isWarning(level) && message !== 'a message was refused')).toEqual([]);
    expect(time.timerCount).toBe(0);
  });

  it.each([
    [100, []],
    [150, undefined],
  ])('passes its own test on a slow network, with %i ms', async (latencyMeanMs, faults) => {
    const context = { subject: subjectOf(workload), settle: createSettle() };
    const options = fuzzOptions({ seed: '1', test, latencyMeanMs, ...(faults && { faults }) });
    const { validity } = await runSeed(context, options);
    // Its clients wait for ten latencies. With all faults at that distance hardly an operation may come through.
    if (workload.name === 'lin-kv' && faults === undefined) expect(validity).not.toBe(false);
    else expect(validity).toBe(true);
  });

  it('does not pass when a node mixes up the answers', async () => {
    const time = new VirtualTime();
    const bed = newBed(time, workload);
    const first = new Map<unknown, object>();
    // Every reply repeats the content of the first of its type. Requests of nodes are not changed.
    const mixUp = (message: NodeMessage): NodeMessage => {
      const { type, in_reply_to } = message.body;
      if (in_reply_to === undefined) return message;
      if (!first.has(type)) first.set(type, message.body);
      return { ...message, body: { ...first.get(type), type, in_reply_to } };
    };
    const mixing: Bed = {
      startNode: (nodeId, events) =>
        bed.startNode(nodeId, {
          ...events,
          onLine: (line) => events.onLine(JSON.stringify(mixUp(JSON.parse(line)))),
          onMessage: (message) => events.onMessage(mixUp(message)),
        }),
    };
    // The small test, if there is one: every last question goes unanswered for 10 s. And few operations: each of them
    // contradicts all others.
    const results = await run(time, mixing, workload.small ?? test, { ratePerSecond: 50 });
    expect(results.workload).toMatchObject({ 'valid?': false });
  });

  it('is undecided when no node answers', async () => {
    const time = new VirtualTime();
    const bed = newBed(time, workload);
    const results = await run(time, bed, test, { ratePerSecond: 0 });
    expect(results['valid?']).toBe('unknown');
  });

  it('answers an invalid request with 12 and the name of a field, or ignores the flaw', async () => {
    const node = await new TestNode(startWorkloads(memoryPorts(), [workload])).init();
    for (const type of await types()) {
      node.receive({ type, msg_id: 1 });
      await settle();
      expect(node.sent).toHaveLength(1);
      const { dest, body } = node.sent[0] as SentMessage;
      if (body.type === 'error')
        expect(body).toMatchObject({ code: 12, text: expect.stringMatching(/^body\.\w+: is missing$/) });
      else if (dest === 'c1') expect(body.type).toBe(`${type}_ok`);
      // A request without fields is always valid, and another node may have to be asked about it.
      else expect(STORES).toContain(dest);
      node.sent.length = 0;
    }
  });

  it('answers 10 to an unknown type', async () => {
    const node = await new TestNode(startWorkloads(memoryPorts(), [workload])).init();
    node.receive({ type: 'nonsense', msg_id: 1 });
    expect(node.bodies).toMatchObject([{ code: 10 }]);
  });

  if (workload.name !== SLOW_WHEN_DOUBLED)
    it('answers a duplicated request twice, each time as declared', () => expectAnswersTwice(workload));

  it('draws the same operations from the same seed', () => {
    const drawn = (seed: string): Invocation[] => {
      const turn = { worker: 0, process: 0, atMs: 0 };
      const next = configureTest(test, fuzzOptions({ seed })).createGenerator(new SeededRandom(seed));
      return Array.from({ length: 100 }, () => next(turn));
    };
    expect(drawn('a')).toEqual(drawn('a'));
  });
});
