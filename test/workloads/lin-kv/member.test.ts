/** One member of lin-kv, whose peers are played by the test: what it sends on, and what it answers when. */

import { describe, expect, it } from 'vitest';
import type { Folder } from '../../../src/protocol/folder.ts';
import { LIN_KV_LIMITS } from '../../../src/workloads/lin-kv/limits.ts';
import { linKvNode, startMember } from '../../../src/workloads/lin-kv/node.ts';
import { Registers } from '../../../src/workloads/lin-kv/registers.ts';
import { startWorkloads } from '../../../src/workloads/nodes.ts';
import { memoryPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

const WRITE = { type: 'write', key: 1, value: 2 };

async function member(limits: Record<string, number> = {}, folder?: Folder): Promise<TestNode> {
  const ports = { ...memoryPorts(), limits, openFolder: async () => folder };
  return new TestNode(startWorkloads(ports, [linKvNode])).init();
}

/** A heartbeat of `n1`, which leads in `term`. */
function follow(node: TestNode, term: number): void {
  const heartbeat = { prev_index: 0, prev_term: 0, entries: [], commit: 0, round: 1, rtt_ms: 0 };
  node.receive({ type: 'raft_append', term, ...heartbeat }, 'n1');
}

/** Makes the node the leader of term 1, with a vote of `n1`. */
async function lead(node: TestNode): Promise<void> {
  await node.time.advance(1);
  for (const pre of [true, false]) {
    node.receive({ type: 'raft_voted', pre, term: 1, granted: true, sent_ms: 0 }, 'n1');
    await settle();
  }
}

/** `n1` has all that it was sent. */
async function acknowledge(node: TestNode): Promise<void> {
  const { body } = node.sent.findLast(({ dest, body }) => dest === 'n1' && body.type === 'raft_append') ?? { body: {} };
  const { term, round, prev_index, entries } = body;
  node.receive({ type: 'raft_appended', term, round, match: prev_index + entries.length }, 'n1');
  await settle();
}

const of = (node: TestNode, type: string) => node.bodies.filter((body) => body.type === type);
const toClient = (node: TestNode) => node.sent.filter(({ dest }) => dest === 'c1').map(({ body }) => body);

describe('a follower', () => {
  it('keeps a request until there is a leader, and forwards it', async () => {
    const node = await member();
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    expect(of(node, 'lin_kv_forward')).toEqual([]);
    follow(node, 3);
    await settle();
    expect(of(node, 'lin_kv_forward')).toMatchObject([{ epoch: 1, low: 1, requests: [[1, 'write', 1, 2]] }]);
    node.receive({ type: 'lin_kv_results', epoch: 1, results: [[1, 0]] }, 'n1');
    await settle();
    expect(toClient(node)).toMatchObject([{ type: 'write_ok', in_reply_to: 5 }]);
  });

  it('forwards again, under the same number, what got no answer or lost its leader', async () => {
    const node = await member();
    follow(node, 3);
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    await node.time.advance(120);
    follow(node, 4);
    await settle();
    const numbers = of(node, 'lin_kv_forward').map(({ requests }) => requests[0][0]);
    expect(numbers).toEqual([1, 1, 1]);
  });

  it('never refuses a change for certain that was forwarded', async () => {
    const node = await member();
    follow(node, 3);
    node.receive({ ...WRITE, msg_id: 5 });
    await node.time.advance(4000);
    expect(toClient(node)).toMatchObject([{ type: 'error', code: 13 }]);
  });

  it('refuses for certain what was never sent to a leader', async () => {
    const node = await member();
    node.receive({ ...WRITE, msg_id: 5 });
    await node.time.advance(4000);
    expect(toClient(node)).toMatchObject([{ type: 'error', code: 11 }]);
  });

  it('takes no answer that is for an earlier life', async () => {
    const node = await member();
    follow(node, 3);
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    node.receive({ type: 'lin_kv_results', epoch: 2, results: [[1, 0]] }, 'n1');
    await settle();
    expect(toClient(node)).toEqual([]);
  });

  it('takes nothing of Raft from a client', async () => {
    const node = await member();
    node.receive({ type: 'raft_vote', pre: false, term: 9, last_index: 9, last_term: 9, sent_ms: 0, msg_id: 1 });
    await settle();
    expect(toClient(node)).toMatchObject([{ type: 'error', code: 12 }]);
  });
});

describe('a leader', () => {
  it('answers a change when a majority has it, and a read after a round', async () => {
    const node = await member();
    await lead(node);
    await acknowledge(node);
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    expect(toClient(node)).toEqual([]);
    await acknowledge(node);
    expect(toClient(node)).toMatchObject([{ type: 'write_ok' }]);
    node.receive({ type: 'read', key: 1, msg_id: 6 });
    await settle();
    expect(toClient(node)).toHaveLength(1);
    await acknowledge(node);
    expect(toClient(node)[1]).toMatchObject({ type: 'read_ok', value: 2 });
  });

  it('appends what is forwarded twice once, and tells the result again', async () => {
    const node = await member();
    await lead(node);
    await acknowledge(node);
    const forward = { type: 'lin_kv_forward', epoch: 4, low: 1, requests: [[1, 'write', 1, 2]] };
    for (let copies = 0; copies < 2; copies++) node.receive(forward, 'n2');
    await settle();
    await acknowledge(node);
    await acknowledge(node);
    node.receive(forward, 'n2');
    await settle();
    expect(of(node, 'lin_kv_results')).toMatchObject([{ results: [[1, 0]] }, { results: [[1, 0]] }]);
    const entries = of(node, 'raft_append').flatMap((body) => body.entries as [number, string][]);
    const indices = new Set(entries.map(([, command]) => command).filter((command) => command !== ''));
    expect([...indices]).toEqual(['["n2",4,1,1,"write",1,2]']);
  });

  it('gives a copy of an answered change the same answer, and does not carry it out', async () => {
    const node = await member();
    await lead(node);
    await acknowledge(node);
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    await acknowledge(node);
    const { length } = of(node, 'raft_append');
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    expect(toClient(node)).toHaveLength(2);
    expect(of(node, 'raft_append')).toHaveLength(length);
  });

  it('refuses more than it may keep', async () => {
    const node = await member({ pending: 2 });
    for (const id of [5, 6, 7]) node.receive({ ...WRITE, msg_id: id });
    await settle();
    expect(toClient(node)).toMatchObject([{ type: 'error', code: 11, in_reply_to: 7 }]);
  });
});

describe('a step that fails because of a mistake', () => {
  it('ends the node, and does not leave it standing still', async () => {
    class Broken extends Registers {
      override apply(): never {
        throw new TypeError('a mistake');
      }
    }
    const parts = { replica: { registers: new Broken() } };
    const node = await new TestNode((context) => startMember(context, undefined, LIN_KV_LIMITS, parts)).init();
    await lead(node);
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    for (let round = 0; round < 3; round++) {
      await node.time.advance(200);
      await acknowledge(node);
    }
    expect(node.crashes.map(({ name, message }) => `${name}: ${message}`)).toEqual([
      'AssertionFailure: a step of Raft has failed: a mistake',
    ]);
    expect(node.crashes[0]?.stack).toContain('Broken.apply');
  });
});
