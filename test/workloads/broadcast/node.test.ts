/** What a node of broadcast and of g-set answers, and what it tells other nodes: the hub, `n0` of three. */

import { describe, expect, it } from 'vitest';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { broadcastNode } from '../../../src/workloads/broadcast/node.ts';
import { gSetNode } from '../../../src/workloads/g-set/node.ts';
import { startWorkloads } from '../../../src/workloads/nodes.ts';
import { memoryPorts } from '../../support/memory-ports.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';

const EPOCH = 0;

async function startNode({ folder, part, served = broadcastNode }: NodeSetup = {}): Promise<TestNode> {
  const ports = { ...memoryPorts(), openFolder: async () => folder, limits: part === undefined ? {} : { part } };
  return new TestNode(startWorkloads(ports, [served])).init();
}

interface NodeSetup {
  readonly folder?: Folder;
  readonly part?: number;
  readonly served?: typeof broadcastNode;
}

async function tell(node: TestNode, body: object, src = 'c1'): Promise<void> {
  node.receive(body, src);
  await settle();
}

/** The messages to other nodes since the last call, without their type. */
function told(node: TestNode, type: string) {
  const found = node.sent.filter(({ body }) => body.type === type);
  node.sent.length = 0;
  return found.map(({ dest, body: { type: _type, ...fields } }) => ({ dest, ...fields }));
}

describe('a client', () => {
  it('is answered, and the topology is ignored', async () => {
    const node = await startNode();
    await tell(node, { type: 'topology', topology: { n0: ['n2'] }, msg_id: 1 });
    await tell(node, { type: 'broadcast', message: 5, msg_id: 2 });
    await tell(node, { type: 'broadcast', message: 5, msg_id: 3 });
    await tell(node, { type: 'read', msg_id: 4 });
    expect(node.bodies).toEqual([
      { type: 'topology_ok', in_reply_to: 1 },
      { type: 'broadcast_ok', in_reply_to: 2 },
      { type: 'broadcast_ok', in_reply_to: 3 },
      { type: 'read_ok', in_reply_to: 4, messages: [5] },
    ]);
  });

  it('is served under the names of g-set, too', async () => {
    const node = await startNode({ served: gSetNode });
    await tell(node, { type: 'add', element: ['a'], msg_id: 2 });
    await tell(node, { type: 'read', msg_id: 4 });
    expect(node.bodies).toEqual([
      { type: 'add_ok', in_reply_to: 2 },
      { type: 'read_ok', in_reply_to: 4, value: [['a']] },
    ]);
  });

  it.each([
    ['is missing', '{"type":"broadcast","msg_id":1}', 'body.message: is missing'],
    ['is too large a number', '{"type":"broadcast","msg_id":1,"message":[{"a":9007199254740993}]}', 'rounded'],
    ['is infinite', '{"type":"broadcast","msg_id":1,"message":1e400}', 'rounded'],
    ['is too long', `{"type":"broadcast","msg_id":1,"message":"${'x'.repeat(2 ** 20)}"}`, '1048578 characters'],
  ])('is refused for certain if the value %s', async (_, body, text) => {
    const node = await startNode();
    node.node.receiveLine(`{"src":"c1","dest":"n0","body":${body}}`);
    await settle();
    expect(node.bodies).toMatchObject([{ type: 'error', code: 12, text: expect.stringContaining(text) }]);
    await node.time.advance(10_000);
    expect(told(node, 'spread')).toEqual([]);
  });

  it('may not send what nodes send', async () => {
    const node = await startNode();
    await tell(node, { type: 'spread', runs: [['n1', 1, 0, ['a']]], msg_id: 1 });
    await tell(node, { type: 'compare', known: [['n1', 1, 5]], msg_id: 2 });
    await tell(node, { type: 'read', msg_id: 3 });
    expect(node.bodies).toMatchObject([{ code: 12 }, { code: 12 }, { messages: [] }]);
  });
});

describe('a disk', () => {
  it('that fails makes adds undecided, shows in health, and leaves reads', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom('disk') });
    const node: TestNode = new TestNode((context) =>
      startWorkloads({ ...memoryPorts(), openFolder: async () => failing(diskOf(node)) }, [broadcastNode])(context),
    );
    const diskOf = (own: TestNode) => disk.open({ setTimer: (ms, act) => own.time.schedule(ms, act) });
    let fails = false;
    const failing = (folder: Folder): Folder =>
      new Proxy(folder, {
        get: (_, name: keyof Folder) => {
          if (name === 'append' && fails) return () => Promise.reject(new Error('no space left'));
          const member = folder[name] as ((...args: unknown[]) => unknown) | undefined;
          return member?.bind(folder);
        },
      });
    node.receive({ type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 }, 'c0');
    await node.time.advance(100);
    node.sent.length = 0;
    node.receive({ type: 'broadcast', message: 1, msg_id: 2 });
    await node.time.advance(100);
    fails = true;
    for (const message of [2, 3]) node.receive({ type: 'broadcast', message, msg_id: message + 1 });
    await node.time.advance(100);
    node.receive({ type: 'spread', runs: [['n1', 1, 0, [4]]] }, 'n1');
    node.receive({ type: 'read', msg_id: 5 });
    await node.time.advance(50);
    node.receive({ type: 'health', msg_id: 6 });
    await settle();
    const answers = node.sent.filter(({ dest }) => dest === 'c1').map(({ body }) => body);
    expect(answers).toMatchObject([
      { type: 'broadcast_ok' },
      { type: 'error', code: 13 },
      { type: 'error', code: 13 },
      { messages: [1] },
      { status: 'degraded', troubles: { set: 'nothing can be added: no space left' } },
    ]);
  });
});

describe('a hub', () => {
  it('gathers for 200 ms, and sends nothing back to where it came from', async () => {
    const node = await startNode();
    await tell(node, { type: 'spread', runs: [['n1', 1, 0, ['a']]], relay: true }, 'n1');
    await node.time.advance(150);
    await tell(node, { type: 'broadcast', message: 'b' });
    await node.time.advance(49);
    expect(node.sent).toEqual([]);
    await node.time.advance(1);
    const known = [
      ['n0', EPOCH, 1],
      ['n1', 1, 1],
    ];
    expect(told(node, 'spread')).toEqual([
      { dest: 'n1', runs: [['n0', EPOCH, 0, ['b']]], hub: true, known },
      {
        dest: 'n2',
        runs: [
          ['n1', 1, 0, ['a']],
          ['n0', EPOCH, 0, ['b']],
        ],
        hub: true,
        known,
      },
    ]);
    // It has announced itself with that.
    await tell(node, { type: 'broadcast', message: 'c' });
    await node.time.advance(200);
    for (const { known: again } of told(node, 'spread')) expect(again).toBeUndefined();
  });

  it('announces itself every two seconds, once there is something to know', async () => {
    const node = await startNode();
    await node.time.advance(60_000);
    expect(node.sent).toEqual([]);
    await tell(node, { type: 'broadcast', message: 'a' });
    await node.time.advance(1000);
    node.sent.length = 0;
    await node.time.advance(20_000);
    const announced = told(node, 'compare');
    expect(announced).toHaveLength(20);
    expect(announced[0]).toEqual({ dest: 'n1', known: [['n0', EPOCH, 1]], hub: true });
  });

  it('passes on what it pulled only from its origin', async () => {
    const node = await startNode();
    const runs = [
      ['n1', 1, 0, ['a']],
      ['n2', 1, 0, ['b']],
    ];
    await tell(node, { type: 'spread', runs }, 'n1');
    await node.time.advance(200);
    expect(told(node, 'spread')).toMatchObject([{ dest: 'n2', runs: [['n1', 1, 0, ['a']]] }]);
  });
});

describe('repair', () => {
  it('sends what a pull lacks, in parts', async () => {
    const node = await startNode({ part: 2 });
    for (const message of ['a', 'b', 'c']) await tell(node, { type: 'broadcast', message });
    await node.time.advance(250);
    node.sent.length = 0;
    await tell(node, { type: 'compare', known: [], pull: true }, 'n1');
    const known = [['n0', EPOCH, 3]];
    expect(told(node, 'spread')).toEqual([{ dest: 'n1', runs: [['n0', EPOCH, 0, ['a', 'b']]], more: true, known }]);
    await tell(node, { type: 'compare', known: [['n0', EPOCH, 2]], pull: true }, 'n1');
    expect(told(node, 'spread')).toEqual([{ dest: 'n1', runs: [['n0', EPOCH, 2, ['c']]], more: false }]);
    await tell(node, { type: 'compare', known, pull: true }, 'n1');
    expect(told(node, 'spread')).toEqual([{ dest: 'n1', runs: [], more: false }]);
  });

  it('pulls the next part at once, and not for a copy of the last one', async () => {
    const node = await startNode();
    const part = { type: 'spread', runs: [['n2', 1, 0, ['a']]], more: true, known: [['n2', 1, 2]] };
    await tell(node, part, 'n1');
    expect(told(node, 'compare')).toEqual([{ dest: 'n1', known: [['n2', 1, 1]], pull: true }]);
    await tell(node, part, 'n1');
    expect(told(node, 'compare')).toEqual([]);
  });

  it('pulls what lies before a gap, if it does not come by itself', async () => {
    const node = await startNode();
    await tell(node, { type: 'spread', runs: [['n2', 1, 1, ['b']]], relay: true }, 'n2');
    await node.time.advance(1000);
    expect(told(node, 'compare').filter(({ pull }) => pull)).toEqual([]);
    await node.time.advance(500);
    expect(told(node, 'compare').filter(({ pull }) => pull)).toEqual([{ dest: 'n2', known: [], pull: true }]);
    await tell(node, { type: 'spread', runs: [['n2', 1, 0, ['a']]] }, 'n2');
    await node.time.advance(10_000);
    expect(told(node, 'compare').filter(({ pull }) => pull)).toEqual([]);
  });

  it('comes first when a node starts again: reads wait for it, for a second at most', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom('disk') });
    const startAgain = async () => {
      const node: TestNode = new TestNode((context) => {
        const folder = disk.open({ setTimer: (ms, act) => node.time.schedule(ms, act) });
        return startWorkloads({ ...memoryPorts(), openFolder: async () => folder }, [broadcastNode])(context);
      });
      node.receive({ type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 }, 'c0');
      await node.time.advance(50);
      return node;
    };
    const first = await startAgain();
    first.receive({ type: 'broadcast', message: 'a', msg_id: 2 });
    await first.time.advance(100);
    const second = await startAgain();
    const pull = { known: [['n0', EPOCH, 1]], pull: true };
    expect(told(second, 'compare')).toEqual([{ dest: 'n1', ...pull }]);
    second.receive({ type: 'read', msg_id: 2 });
    await tell(second, { type: 'spread', runs: [['n1', 1, 0, ['b']]], hub: true }, 'n1');
    await second.time.advance(10);
    expect(second.sent).toEqual([]);
    second.receive({ type: 'spread', runs: [['n1', 1, 1, ['c']]], more: false }, 'n1');
    await second.time.advance(10);
    expect(second.bodies).toMatchObject([{ messages: ['a', 'b', 'c'] }]);
    const third = await startAgain();
    third.receive({ type: 'read', msg_id: 2 });
    await third.time.advance(900);
    expect(told(third, 'read_ok')).toEqual([]);
    await third.time.advance(100);
    expect(told(third, 'read_ok')).toHaveLength(1);
  });

  it('of a node that knows nothing begins with the first digest it sees', async () => {
    const node = await startNode();
    await tell(node, { type: 'compare', known: [['n1', 1, 3]] }, 'n2');
    expect(told(node, 'compare')).toEqual([{ dest: 'n2', known: [], pull: true }]);
  });
});
