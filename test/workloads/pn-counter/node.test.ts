/** What a node answers of g-counter and pn-counter. */

import { describe, expect, it } from 'vitest';
import { startWorkloads } from '../../../src/workloads/nodes.ts';
import { gCounterNode, pnCounterNode } from '../../../src/workloads/pn-counter/node.ts';
import type { ServedWorkload } from '../../../src/workloads/served-workload.ts';
import { memoryPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

async function ask(served: readonly ServedWorkload[], ...bodies: readonly object[]) {
  const node = await new TestNode(startWorkloads(memoryPorts(), served)).init();
  for (const [index, body] of bodies.entries()) {
    node.receive({ msg_id: index + 1, ...body });
    await settle();
  }
  return node.sent;
}

const add = (delta: unknown, messageId?: number) => ({ type: 'add', delta, ...(messageId && { msg_id: messageId }) });
const READ = { type: 'read' };

describe('a counter', () => {
  it('shows the sum, and asks no other node before it answers', async () => {
    const sent = await ask([pnCounterNode], add(5), add(-7), add(0), READ);
    expect(sent.map(({ dest, body }) => [dest, body])).toEqual([
      ['c1', { type: 'add_ok', in_reply_to: 1 }],
      ['c1', { type: 'add_ok', in_reply_to: 2 }],
      ['c1', { type: 'add_ok', in_reply_to: 3 }],
      ['c1', { type: 'read_ok', in_reply_to: 4, value: -2 }],
    ]);
  });

  it('counts a copy once, and answers it', async () => {
    const sent = await ask([pnCounterNode], add(5, 1), add(5, 1), READ);
    expect(sent.map(({ body }) => body)).toMatchObject([{ type: 'add_ok' }, { type: 'add_ok' }, { value: 5 }]);
  });

  it.each(['1', 1.5, null, undefined])('refuses what is no integer: %j', async (delta) => {
    expect((await ask([pnCounterNode], add(delta), READ)).map(({ body }) => body)).toMatchObject([
      { code: 12, text: expect.stringContaining('body.delta: ') },
      { value: 0 },
    ]);
  });

  it('refuses what it cannot add exactly', async () => {
    const node = await new TestNode(startWorkloads(memoryPorts(), [pnCounterNode])).init();
    node.node.receiveLine('{"src":"c1","dest":"n0","body":{"type":"add","msg_id":1,"delta":9007199254740993}}');
    node.receive(add(Number.MAX_SAFE_INTEGER, 2));
    await settle();
    node.receive(add(1, 3));
    await settle();
    expect(node.bodies).toMatchObject([{ code: 12 }, { type: 'add_ok' }, { code: 22 }]);
  });

  it('does not show a sum that is no exact number', async () => {
    const node = await new TestNode(startWorkloads(memoryPorts(), [pnCounterNode])).init();
    node.receive(add(1, 1));
    const slots = [['n1', 'x', Number.MAX_SAFE_INTEGER, 0]];
    node.receive({ type: 'counter_gossip', msg_id: 1, cursor: 'x 1', digest: '', slots }, 'n1');
    await settle();
    node.receive({ ...READ, msg_id: 2 });
    expect(node.bodies.at(-1)).toMatchObject({ code: 22, text: 'the sum 9007199254740992 is beyond ±(2^53 − 1)' });
  });
});

describe('a negative number', () => {
  it('is refused for certain by a node that serves g-counter', async () => {
    expect((await ask([gCounterNode], add(-1), add(2), READ)).map(({ body }) => body)).toMatchObject([
      { code: 12, text: 'body.delta: this counter only grows' },
      { type: 'add_ok' },
      { value: 2 },
    ]);
  });

  it('is added by one that serves both', async () => {
    const sent = await ask([gCounterNode, pnCounterNode], add(-1), READ);
    expect(sent[1]?.body).toMatchObject({ value: -1 });
  });
});

it('tells other nodes after a while, and reports on itself', async () => {
  const node = await new TestNode(startWorkloads(memoryPorts(), [pnCounterNode])).init();
  node.receive(add(5, 1));
  await node.time.advance(1000);
  const told = node.sent.filter(({ dest }) => dest === 'n1' || dest === 'n2');
  expect(told[0]?.body).toMatchObject({ type: 'counter_gossip', slots: [['n0', '0000000000000000', 5, 0]] });
  const parts = node.node.readMetrics().parts as Record<string, object>;
  expect(parts.counter).toMatchObject({ slots: 1, exchanges: 0, repairs: 0 });
});
