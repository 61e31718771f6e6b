/** What nodes refuse before anything is done: values that would not fit into a line further on, and strangers. */

import { describe, expect, it } from 'vitest';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { findWorkload } from '../../src/workloads/registry.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { memoryPorts } from '../support/memory-ports.ts';
import { TestNode } from '../support/test-node.ts';
import { settle } from '../support/virtual-time.ts';

const LONG = '"'.repeat(125_000);
const FITS = 'x'.repeat(200_000);

/** What a node of the workload answers to a client. */
function ask(workload: string, body: object) {
  return askLine(workload, JSON.stringify({ ...body, msg_id: 2 }));
}

/** @param body as text, with the `msg_id` 2 */
async function askLine(workload: string, body: string) {
  const node = await new TestNode(startWorkloads(memoryPorts(), [findWorkload(workload) as Workload])).init();
  node.node.receiveLine(`{"id":0,"src":"c1","dest":"n0","body":${body}}`);
  await settle();
  return node.bodies.filter(({ in_reply_to }) => in_reply_to === 2);
}

const refusal = (text: string) => [{ type: 'error', code: 12, text: expect.stringContaining(text) }];

describe('a long value', () => {
  it.each([
    ['lin-kv', (value: string) => ({ type: 'write', key: 1, value })],
    ['lin-kv', (value: string) => ({ type: 'cas', key: 1, from: 2, to: value })],
    ['kafka', (value: string) => ({ type: 'send', key: 'k', msg: value })],
    ['txn-list-append', (value: string) => ({ type: 'txn', txn: [['append', 1, value]] })],
    ['txn-rw-register', (value: string) => ({ type: 'txn', txn: [['w', 1, value]] })],
  ] as const)('is refused by %s, with 12', async (workload, body) => {
    expect(await ask(workload, body(LONG))).toMatchObject(refusal('at most 250000'));
    expect(await ask(workload, body(FITS))).not.toMatchObject([{ code: 12 }]);
  });
});

describe('a number that a double would round', () => {
  it.each([
    ['broadcast', '{"type":"broadcast","message":NUMBER}'],
    ['g-set', '{"type":"add","element":{"a":NUMBER}}'],
    ['lin-kv', '{"type":"read","key":NUMBER}'],
    ['lin-kv', '{"type":"write","key":NUMBER,"value":1}'],
    ['lin-kv', '{"type":"write","key":1,"value":[NUMBER]}'],
    ['lin-kv', '{"type":"cas","key":1,"from":NUMBER,"to":1}'],
    ['lin-kv', '{"type":"cas","key":1,"from":1,"to":NUMBER}'],
    ['kafka', '{"type":"send","key":"k","msg":NUMBER}'],
    ['txn-list-append', '{"type":"txn","txn":[["append",1,NUMBER]]}'],
    ['txn-list-append', '{"type":"txn","txn":[["r",NUMBER,null]]}'],
    ['txn-rw-register', '{"type":"txn","txn":[["w",1,{"a":[NUMBER]}]]}'],
    ['txn-rw-register', '{"type":"txn","txn":[["r",NUMBER,null]]}'],
  ])('is refused by %s with 12: %s', async (workload, text) => {
    for (const number of ['9007199254740993', '-9007199254740993', '1e400']) {
      const line = text.replace('NUMBER', number).replace('{', '{"msg_id":2,');
      expect(await askLine(workload, line)).toMatchObject(refusal('has a number that would be rounded'));
    }
    const largest = text.replace('NUMBER', '9007199254740991').replace('{', '{"msg_id":2,');
    expect(await askLine(workload, largest)).not.toMatchObject([{ code: 12 }]);
  });

  it.each([
    ['pn-counter', '{"type":"add","delta":NUMBER}'],
    ['g-counter', '{"type":"add","delta":NUMBER}'],
    ['kafka', '{"type":"commit_offsets","offsets":{"k":NUMBER}}'],
  ])('is no amount and no offset for %s: %s', async (workload, text) => {
    const line = text.replace('NUMBER', '9007199254740993').replace('{', '{"msg_id":2,');
    expect(await askLine(workload, line)).toMatchObject([{ type: 'error', code: 12 }]);
  });
});

describe('a message between nodes', () => {
  it.each([
    ['kafka', { type: 'append_entries', logs: [{ key: 'k', since: 0, entries: [['id', '1']] }] }],
    ['txn-rw-register', { type: 'txn_replicate', origin: 'o', seen: {}, committed: [] }],
    [
      'txn-rw-register',
      {
        type: 'txn_restore',
        origin: 'o',
        seen: {},
        snapshot: 1,
        part: 0,
        parts: 1,
        state: {},
        stamp: 0,
        registers: [],
      },
    ],
  ])('of %s is refused from a client: %j', async (workload, body) => {
    expect(await ask(workload, body)).toMatchObject(refusal('only nodes of node_ids may send this'));
  });
});
