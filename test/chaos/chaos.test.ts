/** The decisions of chaos on virtual time: its faults for the node, and what it never does to a harness. */

import { describe, expect, it } from 'vitest';
import { ChaosRig } from '../support/chaos-rig.ts';

const ALWAYS = 1;

describe('without faults', () => {
  it('every line passes unchanged in both directions', () => {
    const rig = new ChaosRig();
    const init = '{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}';
    const lines = [
      // A number too large for JavaScript, unusual spaces, not a message, not JSON.
      '{"id":1,"src":"c1","dest":"n0","body":{"type":"echo","echo":9007199254740993.0,"msg_id":1}}',
      '{ "src":"lin-kv", "dest":"n0", "body":{"type":"read_ok","value":1.0,"in_reply_to":1}}',
      '{"src":"n0"}',
      'garbage',
      '',
    ];
    const initOk = '{"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}';
    rig.chaos.fromHarness(init);
    rig.chaos.fromChild(initOk);
    for (const line of lines) rig.chaos.fromHarness(line);
    expect(rig.nodeLines).toEqual([init, ...lines]);
    const answers = [
      '{"src":"n0","dest":"c1","body":{"type":"echo_ok","echo":9007199254740993.0,"in_reply_to":1}}',
      '{"src":"n0","dest":"lin-kv","body":{"type":"read","key":1.0,"msg_id":1}}',
      '{"src":"n0","dest":"n0","body":{"type":"to itself"}}',
      '{"src":"n0","dest":"n99","body":{"type":"to no node"}}',
      '{"src":"n0","dest":"c1","body":{"type":"unasked"}}',
      '{"src":"n0"}',
      'garbage',
      '',
    ];
    for (const line of answers) rig.chaos.fromChild(line);
    expect(rig.harnessLines).toEqual([initOk, ...answers]);
  });
});

describe('faults', () => {
  it('begin when the node has answered init, and not before', async () => {
    const rig = new ChaosRig({ killMs: 100, loss: ALWAYS });
    rig.node('n1', { type: 'hello', msg_id: 1 });
    await rig.time.advance(60_000);
    rig.harness('c0', { type: 'init', node_id: 'n0', node_ids: ['n0', 'n1'], msg_id: 1 });
    await rig.time.advance(60_000);
    rig.harness('n1', { type: 'hello', msg_id: 1 });
    expect(rig.sent).toHaveLength(1);
    expect(rig.received).toHaveLength(1);
    expect(rig.done.map(({ what }) => what)).toEqual(['start']);
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(rig.received).toHaveLength(2);
    rig.harness('n1', { type: 'hello', msg_id: 2 });
    expect(rig.received).toHaveLength(2);
    await rig.until('kill');
  });

  it('do not begin if the node refuses init, and the harness receives the error', async () => {
    const rig = new ChaosRig({ killMs: 100 });
    rig.harness('c0', { type: 'init', node_id: 'n0', node_ids: ['n0'], msg_id: 1 });
    rig.node('c0', { type: 'error', code: 13, text: 'no', in_reply_to: 1 });
    await rig.time.advance(60_000);
    expect(rig.sent).toEqual([{ type: 'error', code: 13, text: 'no', in_reply_to: 1 }]);
    expect(rig.done.map(({ what }) => what)).toEqual(['start']);
  });

  it('end after their time, and everything is healed', async () => {
    const rig = new ChaosRig({
      killMs: 500,
      pauseMs: 500,
      serviceCutMs: 500,
      nodeCutMs: 500,
      delay: 0.5,
      forMs: 20_000,
    }).begin();
    rig.answersInit = true;
    await rig.time.advance(20_001);
    const done = rig.done.length;
    rig.forget();
    await rig.time.advance(600_000);
    expect(rig.done).toHaveLength(done);
    const count = (what: string) => rig.done.filter((told) => told.what === what).length;
    expect(count('kill')).toBeGreaterThan(5);
    expect(count('start')).toBe(count('kill') + 1);
    const log = (event: string) => rig.events.filter((message) => message === event).length;
    expect(log('cut')).toBeGreaterThan(5);
    expect(log('mend')).toBe(log('cut'));
    // A paused life that was not killed meanwhile was resumed.
    const lastPause = rig.done.findLastIndex(({ what }) => what === 'pause');
    expect(rig.done.slice(lastPause + 1).some(({ what }) => what === 'resume' || what === 'kill')).toBe(true);
    for (let number = 0; number < 100; number++) {
      rig.harness('n1', { type: 'ping', msg_id: number });
      rig.harness('lin-kv', { type: 'read_ok', in_reply_to: number });
      rig.node('lin-kv', { type: 'read', msg_id: number });
    }
    expect(rig.received).toHaveLength(200);
    expect(rig.sent).toHaveLength(100);
  });

  it('are the same for the same seed and node, and others for another node', async () => {
    const story = async (seed: string, nodeId: string) => {
      const rig = new ChaosRig({ killMs: 500, pauseMs: 700, serviceCutMs: 600, nodeCutMs: 800, loss: 0.3, seed });
      rig.harness('c0', { type: 'init', node_id: nodeId, node_ids: ['n0', 'n1', 'n2'], msg_id: 1 });
      rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
      for (let number = 0; number < 50; number++) rig.harness('lin-kv', { type: 'read_ok', in_reply_to: number });
      await rig.time.advance(20_000);
      // Without init, which names the node.
      return JSON.stringify([rig.done, rig.received.filter(({ type }) => type !== 'init')]);
    };
    expect(await story('7', 'n0')).toBe(await story('7', 'n0'));
    expect(await story('7', 'n0')).not.toBe(await story('7', 'n1'));
    expect(await story('7', 'n0')).not.toBe(await story('8', 'n0'));
  });
});

describe('a life that has not answered init', () => {
  const INIT = { type: 'init', node_id: 'n0', node_ids: ['n0', 'n1'], msg_id: 1 };
  const types = (rig: ChaosRig) => rig.received.map(({ type }) => type);

  it('receives only init and replies to its own requests; all others are held, in order', () => {
    const rig = new ChaosRig();
    rig.harness('c0', INIT);
    rig.harness('n1', { type: 'hello', msg_id: 1 });
    rig.harness('lin-kv', { type: 'late_ok', in_reply_to: 7 });
    rig.node('lin-kv', { type: 'read', msg_id: 1 });
    rig.harness('lin-kv', { type: 'read_ok', in_reply_to: 1 });
    rig.chaos.fromHarness('{"src":"n1"}');
    expect(types(rig)).toEqual(['init', 'read_ok']);
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(rig.nodeLines.slice(2)).toEqual([
      '{"id":0,"src":"n1","dest":"n0","body":{"type":"hello","msg_id":1}}',
      '{"id":0,"src":"lin-kv","dest":"n0","body":{"type":"late_ok","in_reply_to":7}}',
      '{"src":"n1"}',
    ]);
  });

  it('is the same after a kill: replies to requests of an earlier life are held, too', async () => {
    const rig = new ChaosRig({ killMs: 1000 }).begin();
    rig.node('lin-kv', { type: 'read', msg_id: 1 });
    await rig.until('start', 2);
    rig.harness('c5', { type: 'echo', msg_id: 1 });
    rig.harness('lin-kv', { type: 'read_ok', in_reply_to: 1 });
    expect(types(rig)).toEqual(['init']);
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(types(rig)).toEqual(['init', 'echo', 'read_ok']);
  });

  it('loses the held lines when it is killed, and counts them', async () => {
    const rig = new ChaosRig({ killMs: 1000 }).begin();
    await rig.until('start', 2);
    for (let count = 0; count < 3; count++) rig.harness('c5', { type: 'echo', msg_id: count });
    await rig.until('start', 3);
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(types(rig)).toEqual(['init', 'init']);
    expect(rig.logs.filter(({ what }) => what.message === 'restart').map(({ what }) => what.lost)).toEqual([0, 3]);
  });

  it('receives nothing before init: all lines are held until init_ok, in order', async () => {
    const rig = new ChaosRig();
    rig.harness('n1', { type: 'hello', msg_id: 1 });
    rig.chaos.fromHarness('garbage');
    rig.harness('c5', { type: 'echo', msg_id: 1 });
    await rig.time.advance(4000);
    expect(rig.nodeLines).toEqual([]);
    rig.harness('c0', INIT);
    rig.harness('n1', { type: 'hello again', msg_id: 2 });
    expect(types(rig)).toEqual(['init']);
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(rig.nodeLines[2]).toBe('garbage');
    expect(rig.nodeLines.filter((line) => line !== 'garbage').map((line) => JSON.parse(line).body.type)).toEqual([
      ...['init', 'hello', 'echo', 'hello again'],
    ]);
    // The client has waited since before init.
    await rig.time.advance(700);
    rig.node('c5', { type: 'echo_ok', in_reply_to: 1 });
    expect(rig.logs.at(-1)?.what).toMatchObject({ message: 'late answer held back', dest: 'c5' });
  });

  it('receives an init without a node id, and may refuse it', () => {
    const rig = new ChaosRig();
    rig.harness('c0', { type: 'init', msg_id: 1 });
    rig.node('c0', { type: 'error', code: 12, text: 'no node_id', in_reply_to: 1 });
    expect(types(rig)).toEqual(['init']);
    expect(rig.sent.map(({ type }) => type)).toEqual(['error']);
  });

  it('has at most 10,000 lines held before init', () => {
    const rig = new ChaosRig();
    for (let count = 0; count < 10_002; count++) rig.harness('n1', { type: 'hello', msg_id: count });
    rig.harness('c0', INIT);
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(rig.received).toHaveLength(10_001);
    expect(rig.received.at(-1)).toEqual({ type: 'hello', msg_id: 9999 });
  });

  it('has at most 10,000 held lines', async () => {
    const rig = new ChaosRig();
    rig.harness('c0', INIT);
    for (let count = 0; count < 10_002; count++) rig.harness('n1', { type: 'hello', msg_id: count });
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(rig.received).toHaveLength(10_001);
  });
});

describe('a kill', () => {
  it('is followed by a restart with the init of the harness; its second reply is dropped', async () => {
    const rig = new ChaosRig({ killMs: 1000 });
    const init = '{"id":7,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":5}}';
    rig.chaos.fromHarness(init);
    rig.node('c0', { type: 'init_ok', in_reply_to: 5 });
    expect(rig.sent).toEqual([{ type: 'init_ok', in_reply_to: 5 }]);
    for (let life = 2; life <= 5; life++) {
      await rig.until('start', life);
      expect(rig.nodeLines).toEqual(Array.from({ length: life }, () => init));
      rig.node('c0', { type: 'init_ok', in_reply_to: 5, msg_id: 0 });
      expect(rig.sent).toHaveLength(1);
    }
  });

  it('comes about as often as requested, and the restart within a second', async () => {
    const rig = new ChaosRig({ killMs: 5000 }).begin();
    await rig.time.advance(1_000_000);
    const kills = rig.done.filter(({ what }) => what === 'kill');
    expect(kills.length).toBeGreaterThan(120);
    expect(kills.length).toBeLessThan(280);
    for (const { atMs } of kills.slice(0, -1)) {
      const next = rig.done.find((told) => told.atMs >= atMs && told.what === 'start');
      expect((next?.atMs ?? Number.POSITIVE_INFINITY) - atMs).toBeLessThanOrEqual(1000);
    }
  });

  it('loses all messages until the restart, from every sender', async () => {
    const rig = new ChaosRig({ killMs: 1000 }).begin();
    await rig.until('kill');
    for (const src of ['c5', 'n1', 'lin-kv']) rig.harness(src, { type: 'echo', msg_id: 1 });
    rig.chaos.fromHarness('garbage');
    expect(rig.nodeLines).toEqual([]);
    await rig.until('start', 2);
    expect(rig.received.map(({ type }) => type)).toEqual(['init']);
    expect(rig.logs.at(-1)?.what).toEqual({ message: 'restart', life: 2, lost: 4 });
  });

  it('drops the output of the killed life', async () => {
    const rig = new ChaosRig({ killMs: 1000 }).begin();
    rig.harness('c5', { type: 'echo', msg_id: 1 });
    await rig.until('kill');
    rig.node('c5', { type: 'echo_ok', in_reply_to: 1 });
    rig.node('n1', { type: 'hello', msg_id: 1 });
    rig.chaos.fromChild('{"src":"n0","dest":"c5","bo');
    expect(rig.harnessLines).toEqual([]);
  });

  it('waits for the end of the killed life before the next one begins', async () => {
    const rig = new ChaosRig({ killMs: 1000 }).begin();
    rig.killTakesMs = 10_000;
    await rig.until('kill');
    const killedMs = rig.time.now();
    await rig.until('start', 2);
    expect(rig.time.now() - killedMs).toBe(10_000);
    const between = rig.done.slice(
      rig.done.findIndex(({ what }) => what === 'kill') + 1,
      rig.done.findLastIndex(({ what }) => what === 'start'),
    );
    expect(between).toEqual([]);
  });

  it('hits a node during its restart', async () => {
    const rig = new ChaosRig({ killMs: 500 }).begin();
    // The next lives never answer init.
    await rig.until('kill', 5);
    expect(rig.failures).toEqual([]);
  });

  it('ends the supervision when the node then refuses init', async () => {
    const rig = new ChaosRig({ killMs: 1000 }).begin();
    await rig.until('start', 2);
    rig.node('c0', { type: 'error', code: 13, text: 'the clock is behind', in_reply_to: 1 });
    expect(rig.harnessLines).toEqual([]);
    expect(rig.failures).toEqual(['it refused init when it was started again']);
  });

  it('is not followed by a restart after the harness has gone', async () => {
    const rig = new ChaosRig({ killMs: 1000 }).begin();
    await rig.until('kill');
    rig.chaos.finish();
    expect(rig.chaos.isUp).toBe(false);
    await rig.time.advance(60_000);
    expect(rig.done.map(({ what }) => what)).toEqual(['start', 'kill']);
    expect(rig.time.timerCount).toBe(0);
  });
});

describe('a pause', () => {
  it('ends by itself, and all messages pass to the paused process', async () => {
    const rig = new ChaosRig({ pauseMs: 6000 }).begin();
    await rig.until('pause');
    rig.harness('c1', { type: 'echo', msg_id: 1 });
    expect(rig.received).toHaveLength(1);
    await rig.until('resume');
    expect(rig.done.map(({ what }) => what)).toEqual(['start', 'pause', 'resume']);
  });

  it('ends when the harness has gone', async () => {
    const rig = new ChaosRig({ pauseMs: 6000 }).begin();
    await rig.until('pause');
    rig.chaos.finish();
    expect(rig.done.map(({ what }) => what)).toEqual(['start', 'pause', 'resume']);
    expect(rig.time.timerCount).toBe(0);
  });

  it('does not hit a node that is down', async () => {
    const rig = new ChaosRig({ pauseMs: 20, killMs: 300 }).begin();
    rig.killTakesMs = 1000;
    await rig.until('start', 10);
    const afterKills = rig.done.filter((_, index) => rig.done[index - 1]?.what === 'kill');
    expect(new Set(afterKills.map(({ what }) => what))).toEqual(new Set(['start']));
    expect(rig.done.some(({ what }) => what === 'pause')).toBe(true);
  });

  it('ends when the node is killed: the next life is not resumed', async () => {
    const rig = new ChaosRig({ pauseMs: 100_000, killMs: 1000, seed: '3' }).begin();
    await rig.until('pause');
    const paused = rig.done.length;
    await rig.until('kill', rig.done.filter(({ what }) => what === 'kill').length + 1);
    await rig.time.advance(100_000);
    const next = rig.done.slice(paused).find(({ what }) => what === 'pause' || what === 'resume');
    expect(next?.what).not.toBe('resume');
  });
});

describe('a cut from the services', () => {
  /** How many of three messages in each direction pass, in the middle of the first cuts of a run. */
  async function throughCuts(options: ConstructorParameters<typeof ChaosRig>[0]) {
    const rig = new ChaosRig(options).begin();
    const seen = new Map<string, { services: number[]; nodes: number[] }>();
    for (let index = 0; rig.events.filter((event) => event === 'mend').length < 30 && index < 1e6; index++) {
      await rig.time.advance(10);
      const last = rig.logs.findLast(({ what }) => what.message === 'cut' || what.message === 'mend');
      const key = last?.what.message === 'cut' ? String(last.what.directions) : 'whole';
      const pass = (peer: string) => {
        rig.forget();
        rig.harness(peer, { type: 'x', in_reply_to: index });
        rig.node(peer, { type: 'x', msg_id: index });
        return [rig.received.length, rig.sent.length];
      };
      seen.set(key, { services: pass('lin-kv'), nodes: pass('n1') });
    }
    return Object.fromEntries(seen);
  }

  it('is in one direction or both, and does not affect nodes and clients', async () => {
    expect(await throughCuts({ serviceCutMs: 1000 })).toEqual({
      whole: { services: [1, 1], nodes: [1, 1] },
      'in,out': { services: [0, 0], nodes: [1, 1] },
      in: { services: [0, 1], nodes: [1, 1] },
      out: { services: [1, 0], nodes: [1, 1] },
    });
  });

  it('does not affect nodes, and a cut from nodes does not affect services', async () => {
    const rig = new ChaosRig({ nodeCutMs: 1000 }).begin();
    await rig.time.advance(60_000);
    const cuts = rig.logs.filter(({ what }) => what.message === 'cut').map(({ what }) => what.peers as string[]);
    expect(new Set(cuts.flat())).toEqual(new Set(['n1', 'n2']));
    expect(new Set(cuts.map((peers) => peers.length))).toEqual(new Set([1, 2]));
  });

  it('drops messages in flight, and counts them', async () => {
    const rig = new ChaosRig({ serviceCutMs: 1000, delay: ALWAYS, delayMeanMs: 1 }).begin();
    let number = 0;
    while (!rig.logs.some(({ what }) => what.message === 'mend' && (what.lost as number) > 0)) {
      rig.node('lin-kv', { type: 'read', msg_id: number++ });
      rig.harness('lin-kv', { type: 'read_ok', in_reply_to: number });
      await rig.time.advance(5);
    }
    expect(rig.sent.length + rig.received.length).toBeLessThan(2 * number);
  });
});

describe('a message that meets a fate', () => {
  it('is lost, and logged', () => {
    const rig = new ChaosRig({ loss: ALWAYS }).begin();
    rig.node('n1', { type: 'ping', msg_id: 3 });
    rig.harness('lin-kv', { type: 'read_ok', in_reply_to: 4 });
    expect([...rig.sent, ...rig.received]).toEqual([]);
    expect(rig.logs.slice(-2).map(({ what }) => what)).toEqual([
      { message: 'loss', src: 'n0', dest: 'n1', type: 'ping', msg_id: 3, in_reply_to: undefined },
      { message: 'loss', src: 'lin-kv', dest: 'n0', type: 'read_ok', msg_id: undefined, in_reply_to: 4 },
    ]);
  });

  it('is delayed, and later ones are not', async () => {
    const rig = new ChaosRig({ delay: 0.5, delayMeanMs: 1000 }).begin();
    for (let number = 0; number < 100; number++) rig.node('n1', { type: 'ping', msg_id: number });
    const early = rig.sent.length;
    expect(early).toBeGreaterThan(25);
    expect(early).toBeLessThan(75);
    await rig.time.advance(60_000);
    expect(rig.sent.map(({ msg_id }) => msg_id).sort((one, other) => Number(one) - Number(other))).toEqual(
      Array.from({ length: 100 }, (_, number) => number),
    );
  });

  it('comes twice: a request where it leaves, a reply where it arrives, so each reply has a request', async () => {
    const rig = new ChaosRig({ duplicate: ALWAYS }).begin();
    rig.node('n1', { type: 'ping', msg_id: 1 });
    rig.node('n1', { type: 'gossip' });
    rig.node('n1', { type: 'pong', in_reply_to: 2 });
    rig.harness('n1', { type: 'ping', msg_id: 3 });
    rig.harness('n1', { type: 'gossip' });
    rig.harness('n1', { type: 'pong', in_reply_to: 4 });
    await rig.time.advance(60_000);
    const types = (bodies: readonly Readonly<Record<string, unknown>>[]) => bodies.map(({ type }) => type).sort();
    expect(types(rig.sent)).toEqual(['gossip', 'gossip', 'ping', 'ping', 'pong']);
    expect(types(rig.received)).toEqual(['gossip', 'ping', 'pong', 'pong']);
  });

  it.each([
    { peers: 'node', hit: ['n1'] },
    { peers: 'service', hit: ['lin-kv'] },
    { peers: 'all', hit: ['n1', 'lin-kv'] },
  ] as const)('is of the chosen peers: $peers', ({ peers, hit }) => {
    const rig = new ChaosRig({ loss: ALWAYS, peers }).begin();
    const everyPeer = ['n0', 'n1', 'lin-kv', 'c3', 'n99'];
    const passing = everyPeer.filter((peer) => !(hit as readonly string[]).includes(peer));
    for (const peer of everyPeer) {
      rig.harness(peer, { type: peer, msg_id: 1 });
      rig.node(peer, { type: peer, in_reply_to: 1 });
    }
    expect(rig.received.map(({ type }) => type)).toEqual(passing);
    expect(rig.sent.map(({ type }) => type)).toEqual(passing);
  });

  it('is as rare as requested', () => {
    const rig = new ChaosRig({ loss: 0.1 }).begin();
    for (let number = 0; number < 10_000; number++) rig.node('n1', { type: 'ping', msg_id: number });
    expect(rig.sent.length).toBeGreaterThan(8800);
    expect(rig.sent.length).toBeLessThan(9200);
  });

  it('may come from an earlier life, and reach the next life or other nodes', async () => {
    const rig = new ChaosRig({ delay: ALWAYS, delayMeanMs: 20_000, killMs: 10 }).begin();
    rig.answersInit = true;
    rig.node('lin-kv', { type: 'read', msg_id: 1 });
    rig.harness('lin-kv', { type: 'read_ok', in_reply_to: 1 });
    await rig.until('start', 3);
    expect(rig.sent.filter(({ type }) => type === 'read')).toEqual([]);
    rig.chaos.heal();
    await rig.time.advance(400_000);
    expect(rig.sent.filter(({ type }) => type === 'read')).toHaveLength(1);
    expect(rig.received.filter(({ type }) => type === 'read_ok')).toHaveLength(1);
  });
});

describe('a reply to a client', () => {
  it('passes once, with any faults', async () => {
    const rig = new ChaosRig({ loss: 0.4, duplicate: 0.3, delay: 0.3, serviceCutMs: 10, nodeCutMs: 10 }).begin();
    for (let number = 0; number < 200; number++) {
      rig.harness('c1', { type: 'echo', msg_id: number });
      rig.node('c1', { type: 'echo_ok', in_reply_to: number });
    }
    expect(rig.received).toHaveLength(200);
    expect(rig.sent).toHaveLength(200);
    await rig.time.advance(60_000);
    expect(rig.sent).toHaveLength(200);
  });

  it('is held back if its client may have timed out', async () => {
    const rig = new ChaosRig().begin();
    rig.harness('c1', { type: 'echo', msg_id: 1 });
    rig.harness('c2', { type: 'echo', msg_id: 1 });
    await rig.time.advance(4400);
    rig.node('c1', { type: 'echo_ok', in_reply_to: 1 });
    await rig.time.advance(200);
    rig.node('c2', { type: 'echo_ok', in_reply_to: 1 });
    expect(rig.harnessLines).toHaveLength(1);
    expect(rig.logs.at(-1)?.what).toEqual({
      message: 'late answer held back',
      dest: 'c2',
      type: 'echo_ok',
      in_reply_to: 1,
    });
    // Also if the request was forgotten long ago.
    await rig.time.advance(60_000);
    rig.harness('c2', { type: 'echo', msg_id: 2 });
    rig.node('c2', { type: 'echo_ok', in_reply_to: 1 });
    expect(rig.harnessLines).toHaveLength(1);
    rig.node('c2', { type: 'echo_ok', in_reply_to: 2 });
    expect(rig.harnessLines).toHaveLength(2);
  });

  it('is held back if the request arrived before a pause of this process and was read after it', async () => {
    const rig = new ChaosRig().begin();
    await rig.time.advance(1000);
    rig.time.stalledMs = 4000;
    rig.harness('c1', { type: 'echo', msg_id: 1 });
    await rig.time.advance(1000);
    rig.harness('c2', { type: 'echo', msg_id: 1 });
    for (const client of ['c1', 'c2']) rig.node(client, { type: 'echo_ok', in_reply_to: 1 });
    expect(rig.harnessLines.map((line) => JSON.parse(line).dest)).toEqual(['c2']);
  });

  it('is held back after the timeout that was given for clients', async () => {
    const rig = new ChaosRig({ clientTimeoutMs: 1000 }).begin();
    rig.harness('c1', { type: 'echo', msg_id: 1 });
    await rig.time.advance(950);
    rig.node('c1', { type: 'echo_ok', in_reply_to: 1 });
    expect(rig.harnessLines).toEqual([]);
  });

  it('may come from the next life, but only once', async () => {
    const rig = new ChaosRig({ killMs: 50 }).begin();
    rig.harness('c1', { type: 'echo', msg_id: 1 });
    rig.harness('c2', { type: 'echo', msg_id: 1 });
    rig.node('c1', { type: 'echo_ok', in_reply_to: 1 });
    await rig.until('start', 2);
    rig.node('c1', { type: 'echo_ok', in_reply_to: 1 });
    rig.node('c2', { type: 'echo_ok', in_reply_to: 1 });
    expect(rig.harnessLines.map((line) => JSON.parse(line).dest)).toEqual(['c1', 'c2']);
    expect(rig.logs.at(-1)?.what).toMatchObject({ message: 'second answer held back', dest: 'c1' });
  });

  it('is passed on if it is an error of the node itself: twice in one life, or without a request', () => {
    const rig = new ChaosRig().begin();
    rig.harness('c1', { type: 'echo', msg_id: 1 });
    for (const inReplyTo of [1, 1, 2]) rig.node('c1', { type: 'echo_ok', in_reply_to: inReplyTo });
    rig.node('c9', { type: 'echo_ok', in_reply_to: 1 });
    expect(rig.harnessLines).toHaveLength(4);
  });

  it('to init is told apart: the same msg_id of another client is another request', () => {
    const rig = new ChaosRig().begin();
    rig.harness('c1', { type: 'echo', msg_id: 1 });
    rig.node('c1', { type: 'echo_ok', in_reply_to: 1 });
    rig.node('c0', { type: 'init_ok', in_reply_to: 1 });
    expect(rig.sent).toEqual([{ type: 'echo_ok', in_reply_to: 1 }]);
  });
});
