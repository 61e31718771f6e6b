/** One member of lin-kv, whose peers are played by the test: what it sends on, and what it answers when. */

import { describe, expect, it } from 'vitest';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { LIN_KV_LIMITS } from '../../../src/workloads/lin-kv/limits.ts';
import { linKvNode, startMember } from '../../../src/workloads/lin-kv/node.ts';
import { Registers } from '../../../src/workloads/lin-kv/registers.ts';
import { startWorkloads } from '../../../src/workloads/nodes.ts';
import { memoryPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

const WRITE = { type: 'write', key: 1, value: 2 };

async function member(limits: Record<string, number> = {}, folder?: Folder, asFirst = true): Promise<TestNode> {
  const ports = { ...memoryPorts(), limits, openFolder: async () => folder };
  const node = await new TestNode(startWorkloads(ports, [linKvNode])).init();
  if (asFirst) await join(node);
  return node;
}

/** The others know of no earlier incarnation of the node, so it has a vote. */
async function join(node: TestNode): Promise<void> {
  await node.time.advance(1);
  const { incarnation } = of(node, 'raft_join')[0] ?? {};
  for (const [own, from] of ['n1', 'n2'].entries())
    node.receive(
      { type: 'raft_joined', incarnation, known: incarnation, own: own + 1, votes: false, term: 0, last: 0 },
      from,
    );
  await settle();
}

/** A heartbeat of `n1`, which leads in `term`. */
function follow(node: TestNode, term: number): void {
  const heartbeat = { prev_index: 0, prev_term: 0, entries: [], commit: 0, round: 1, rtt_ms: 0 };
  node.receive({ type: 'raft_append', term, ...heartbeat }, 'n1');
}

/** Makes the node the leader of term 1, with a vote of `n1`. */
async function lead(node: TestNode): Promise<void> {
  await node.time.advance(1);
  const { incarnation } = of(node, 'raft_vote')[0] ?? {};
  for (const pre of [true, false]) {
    node.receive({ type: 'raft_voted', pre, term: 1, granted: true, incarnation, sent_ms: 0 }, 'n1');
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
/** As the node says in what it forwards. */
function lifeOf(node: TestNode): object {
  const { incarnation, epoch } = of(node, 'lin_kv_forward')[0] ?? {};
  return { incarnation, epoch };
}

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
    node.receive({ type: 'lin_kv_results', ...lifeOf(node), results: [[1, 0]] }, 'n1');
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
    node.receive({ type: 'lin_kv_results', ...lifeOf(node), epoch: 2, results: [[1, 0]] }, 'n1');
    await settle();
    expect(toClient(node)).toEqual([]);
  });

  it('takes nothing of Raft from a client', async () => {
    const node = await member();
    node.receive({
      type: 'raft_vote',
      pre: false,
      term: 9,
      last_index: 9,
      last_term: 9,
      incarnation: 1,
      sent_ms: 0,
      msg_id: 1,
    });
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
    const forward = { type: 'lin_kv_forward', incarnation: 7, epoch: 4, low: 1, requests: [[1, 'write', 1, 2]] };
    for (let copies = 0; copies < 2; copies++) node.receive(forward, 'n2');
    await settle();
    await acknowledge(node);
    await acknowledge(node);
    node.receive(forward, 'n2');
    await settle();
    expect(of(node, 'lin_kv_results')).toMatchObject([{ results: [[1, 0]] }, { results: [[1, 0]] }]);
    const entries = of(node, 'raft_append').flatMap((body) => body.entries as [number, string][]);
    const indices = new Set(entries.map(([, command]) => command).filter((command) => command !== ''));
    expect([...indices]).toEqual(['["n2",7,4,1,1,"write",1,2]']);
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
    await join(node);
    await lead(node);
    node.receive({ ...WRITE, msg_id: 5 });
    await settle();
    for (let round = 0; round < 3; round++) {
      await node.time.advance(200);
      // A heartbeat, and then what was lost before it.
      await acknowledge(node);
      await acknowledge(node);
    }
    expect(node.crashes.map(({ name, message }) => `${name}: ${message}`)).toEqual([
      'AssertionFailure: a step of Raft has failed: a mistake',
    ]);
    expect(node.crashes[0]?.stack).toContain('Broken.apply');
  });
});

describe('a disk', () => {
  /** One on which nothing is written while `hangs` is a promise. */
  function hangingFolder(): { readonly folder: Folder; hangs: Promise<void> | undefined } {
    const state: { hangs: Promise<void> | undefined } = { hangs: undefined };
    const life = { setTimer: (_delayMs: number, callback: () => void) => queueMicrotask(callback) };
    const folder = new SimulatedDisk({ random: new SeededRandom('disk') }).open(life);
    const hanging = new Proxy(folder, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        const act = (args: readonly unknown[]) => value.apply(target, args);
        return (...args: unknown[]) => (state.hangs === undefined ? act(args) : state.hangs.then(() => act(args)));
      },
    });
    return Object.assign(state, { folder: hanging });
  }

  /** What `health` says of Raft. */
  async function troubleOf(node: TestNode): Promise<string | undefined> {
    node.receive({ type: 'health', msg_id: 99 });
    await settle();
    return node.bodies.findLast(({ in_reply_to }) => in_reply_to === 99)?.troubles.raft;
  }

  it('that hangs ends the part of its node, and health says so', async () => {
    const disk = hangingFolder();
    const node = await member({ log: 200 }, disk.folder);
    await lead(node);
    await acknowledge(node);
    expect(await troubleOf(node)).toBeUndefined();
    disk.hangs = new Promise(() => {});
    // The log is longer than it may be, so a snapshot would be due again and again.
    for (let id = 5; id < 60; id++) {
      node.receive({ ...WRITE, value: 'x'.repeat(50), msg_id: id });
      await settle();
      await acknowledge(node);
      await node.time.advance(100);
    }
    await node.time.advance(12_000);
    expect(await troubleOf(node)).toBe('the disk has written nothing for 10 s');
    const { length } = of(node, 'raft_append');
    await node.time.advance(1000);
    expect(of(node, 'raft_append')).toHaveLength(length);
    node.receive({ ...WRITE, msg_id: 90 });
    await settle();
    expect(toClient(node).at(-1)).toMatchObject({ type: 'error', code: 11, in_reply_to: 90 });
  });

  it('that is slow is not taken for one that hangs', async () => {
    const disk = hangingFolder();
    const node = await member({}, disk.folder);
    await lead(node);
    let goOn = () => {};
    disk.hangs = new Promise((resolve) => {
      goOn = resolve;
    });
    node.receive({ ...WRITE, msg_id: 5 });
    await node.time.advance(8000);
    goOn();
    disk.hangs = undefined;
    await node.time.advance(30_000);
    expect(await troubleOf(node)).toBeUndefined();
  });

  it('that was lost is what health speaks of until the log is complete', async () => {
    const node = await member({}, undefined, false);
    await node.time.advance(1);
    expect(await troubleOf(node)).toMatch(/the disk is empty/);
    const { incarnation } = of(node, 'raft_join')[0] ?? {};
    for (const from of ['n1', 'n2'])
      node.receive(
        { type: 'raft_joined', incarnation, known: incarnation + 1, own: 2, votes: true, term: 3, last: 0 },
        from,
      );
    await settle();
    expect(await troubleOf(node)).toMatch(/the disk was lost/);
    follow(node, 2);
    await settle();
    expect(of(node, 'raft_appended')).toMatchObject([{ term: 3 }]);
    expect(await troubleOf(node)).toMatch(/the disk was lost/);
    follow(node, 3);
    await settle();
    expect(await troubleOf(node)).toBeUndefined();
  });
});
