/** The thin node: what it answers when the service behind it refuses, or says nothing. */

import { expect, it } from 'vitest';
import { linKvNode } from '../../../src/workloads/lin-kv/node.ts';
import { startWorkloads } from '../../../src/workloads/nodes.ts';
import { memoryPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

const CHANGES = [
  { type: 'write', key: 1, value: 2 },
  { type: 'cas', key: 1, from: 2, to: 3 },
];

async function proxy(): Promise<TestNode> {
  return new TestNode(startWorkloads({ ...memoryPorts(), linKv: 'service' }, [linKvNode])).init();
}

/** Asks the node, and lets the service answer. */
async function ask(node: TestNode, request: object, reply: object): Promise<void> {
  node.receive({ msg_id: 7, ...request });
  await settle();
  const { body } = node.sent[0] as { body: { msg_id: number } };
  expect(node.sent).toMatchObject([{ dest: 'lin-kv', body: request }]);
  node.sent.length = 0;
  node.receive({ in_reply_to: body.msg_id, ...reply }, 'lin-kv');
  await settle();
}

it.each([
  [
    { type: 'read', key: 1 },
    { type: 'read_ok', value: 3 },
  ],
  [CHANGES[0], { type: 'write_ok' }],
  [CHANGES[1], { type: 'cas_ok' }],
  [
    { type: 'read', key: 1 },
    { type: 'error', code: 20, text: 'none' },
  ],
  [CHANGES[1], { type: 'error', code: 22, text: 'other' }],
])('passes on what is certain: %j', async (request, reply) => {
  const node = await proxy();
  await ask(node, request as object, reply);
  expect(node.sent).toMatchObject([{ dest: 'c1', body: { in_reply_to: 7, ...reply } }]);
});

it.each(CHANGES)('answers 13, and asks once, when the outcome is unknown: %j', async (request) => {
  const node = await proxy();
  node.receive({ msg_id: 7, ...request });
  await node.time.advance(5000);
  expect(node.sent.map(({ dest }) => dest)).toEqual(['lin-kv', 'c1']);
  expect(node.bodies[1]).toMatchObject({ type: 'error', code: 13 });
});

it('answers 11 to a read without an answer: it changed nothing', async () => {
  const node = await proxy();
  node.receive({ msg_id: 7, type: 'read', key: 1 });
  await node.time.advance(5000);
  expect(node.bodies.at(-1)).toMatchObject({ type: 'error', code: 11 });
});

it('does not send the copy of a change on', async () => {
  const node = await proxy();
  await ask(node, CHANGES[0] as object, { type: 'write_ok' });
  node.receive({ msg_id: 7, ...CHANGES[0] });
  await settle();
  expect(node.sent.map(({ dest }) => dest)).toEqual(['c1', 'c1']);
});
