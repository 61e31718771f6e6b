import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { assert } from '../../src/node/assertion.ts';
import { type Handler, handler, type NodeContext } from '../../src/node/context.ts';
import type { Environment } from '../../src/node/environment.ts';
import { RequestMetrics } from '../../src/node/metrics.ts';
import { Node, type NodeOptions } from '../../src/node/node.ts';
import { Health, Metrics } from '../../src/node/status.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { defineRpc, findReplyProblem } from '../../src/protocol/rpc.ts';
import { TestNode } from '../support/test-node.ts';
import { settle } from '../support/virtual-time.ts';

const Double = defineRpc('double', 'Twice the number.', { number: z.number() }, { number: z.number() });
const Wait = defineRpc('wait', 'Answers later.', { ms: z.number() }, {});
const Fail = defineRpc('fail', 'Fails in the way it is told.', { how: z.string() }, {});
const Ask = defineRpc('ask', 'Asks a node.', { dest: z.string() }, {});

async function start(context: NodeContext): Promise<Handler[]> {
  return [
    handler(Double, ({ number }) => ({ number: 2 * number })),
    handler(Wait, async ({ ms }) => {
      await context.sleep(ms);
      return {};
    }),
    handler(Fail, async ({ how }) => {
      if (how === 'refuse') throw RpcError.of('precondition-failed');
      assert(how !== 'assertion', 'used is never above limit');
      throw new TypeError('something is undefined');
    }),
    handler(Ask, async ({ dest }) => {
      const answer = await context.rpc(dest, Double, { number: 1 });
      if (answer.kind !== 'ok') throw answer.error;
      return {};
    }),
  ];
}

const INIT_MESSAGES = 1;

const ready = (options?: NodeOptions) => new TestNode(start, options).init();

/** A node without virtual time, made ready; `parts` are given to it in place of parts that do nothing. */
async function bareNode(parts: Partial<Environment>) {
  const ignore = () => {};
  const transmitted: string[] = [];
  const environment: Environment = {
    clock: { wallMs: () => 0, monotonicMs: () => 0 },
    randomUint32: () => 0,
    setTimer: () => ignore,
    transmit: (line) => transmitted.push(line),
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    crash: ignore,
    ...parts,
  };
  const node = new Node(environment, start);
  node.receive({ src: 'c0', dest: 'n0', body: { type: 'init', node_id: 'n0', node_ids: ['n0'], msg_id: 1 } });
  await settle();
  return { node, transmitted };
}

/** What the node answers to `type`. */
function ask(node: TestNode, type: 'metrics' | 'health') {
  node.receive({ type, msg_id: 1000 }, 'c9');
  const { body } = node.sent.pop() ?? {};
  expect(findReplyProblem(type === 'metrics' ? Metrics : Health, body)).toBeUndefined();
  return body;
}

describe('metrics', () => {
  it('of a node that has done nothing list no type of request', async () => {
    const { requests, rpcs, parts } = ask(await ready(), 'metrics');
    expect(requests).toEqual({});
    expect(rpcs).toEqual({ asked: 0, answered: 0, timeouts: 0, pending: 0 });
    expect(parts).toEqual({});
  });

  it('tell how long the node has been up', async () => {
    const node = await ready();
    await node.time.advance(1234.5678);
    expect(ask(node, 'metrics').uptime_ms).toBe(1234.568);
  });

  it('tell the time since the node began, not since its machine did', async () => {
    let nowMs = 5000;
    const { node } = await bareNode({ clock: { wallMs: () => 0, monotonicMs: () => nowMs } });
    nowMs = 5700;
    expect(node.readMetrics().uptime_ms).toBe(700);
  });

  it('count answers and errors by type and code', async () => {
    const node = await ready();
    for (let number = 0; number < 3; number++) node.receive({ type: 'double', number, msg_id: 1 });
    node.receive({ type: 'double', number: 1 });
    node.receive({ type: 'double', number: 'two', msg_id: 1 });
    node.receive({ type: 'double', msg_id: 1 });
    for (const how of ['refuse', 'bug', 'refuse']) node.receive({ type: 'fail', how, msg_id: 1 });
    await settle();
    const { requests } = ask(node, 'metrics');
    expect(requests.double).toMatchObject({ count: 6, ok: 4, errors: { 12: 2 }, in_flight: 0 });
    expect(requests.fail).toMatchObject({ count: 3, ok: 0, errors: { 22: 2, 13: 1 }, in_flight: 0 });
  });

  it('count a reply that is not as declared as the error that is answered', async () => {
    const wrong = { rpc: Double, handle: () => ({ number: 'many' }) } as Handler;
    const node = await new TestNode(async () => [wrong]).init();
    node.receive({ type: 'double', number: 1, msg_id: 1 });
    expect(ask(node, 'metrics').requests.double).toMatchObject({ count: 1, ok: 0, errors: { 13: 1 } });
  });

  it('count a reply that a simulator takes as a value like any other', async () => {
    const taken: string[] = [];
    const { node, transmitted } = await bareNode({ offerReply: (_dest, { type }) => taken.push(type) > 0 });
    node.receive({ src: 'c1', dest: 'n0', body: { type: 'double', number: 1, msg_id: 2 } });
    expect(taken).toEqual(['double_ok']);
    expect(transmitted.map((line) => JSON.parse(line).body.type)).toEqual(['init_ok']);
    expect(node.readMetrics()).toMatchObject({ messages_out: 2, requests: { double: { count: 1, ok: 1 } } });
  });

  it('count a request and an error that a simulator takes as values like any other', async () => {
    const taken: unknown[] = [];
    const { node, transmitted } = await bareNode({ offerMessage: (dest, { type }) => taken.push([dest, type]) > 0 });
    node.receive({ src: 'c1', dest: 'n0', body: { type: 'ask', dest: 'n7', msg_id: 2 } });
    node.receive({ src: 'c1', dest: 'n0', body: { type: 'fail', how: 'refuse', msg_id: 3 } });
    await settle();
    expect(taken).toEqual([
      ['n7', 'double'],
      ['c1', 'error'],
    ]);
    expect(transmitted.map((line) => JSON.parse(line).body.type)).toEqual(['init_ok']);
    expect(node.readMetrics()).toMatchObject({ messages_out: 3 });
  });

  it('count all undeclared types together, any number of them', async () => {
    const node = await ready();
    for (let number = 0; number < 50; number++) node.receive({ type: `invented-${number}`, msg_id: 1 });
    for (const type of ['__proto__', 'constructor']) node.receive({ type, msg_id: 1 });
    const { requests } = ask(node, 'metrics');
    expect(requests.unknown).toEqual({ count: 52, ok: 0, errors: { 10: 52 }, in_flight: 0 });
    expect(Object.keys(requests)).toEqual(['unknown']);
  });

  it('count earlier metrics requests, but not the current one', async () => {
    const node = await ready();
    const counts = () => {
      const { requests } = ask(node, 'metrics');
      return [requests.metrics?.count ?? 0, requests.health?.count ?? 0];
    };
    expect(counts()).toEqual([0, 0]);
    ask(node, 'health');
    expect(counts()).toEqual([1, 1]);
  });

  it('report requests in flight, by type and in total', async () => {
    const node = await ready();
    for (const ms of [10, 20, 30]) node.receive({ type: 'wait', ms, msg_id: 1 });
    node.receive({ type: 'ask', dest: 'n1', msg_id: 1 });
    await node.time.advance(10);
    const { in_flight, requests } = ask(node, 'metrics');
    expect(in_flight).toBe(3);
    expect(requests.wait).toMatchObject({ count: 3, ok: 1, in_flight: 2 });
    expect(requests.ask).toMatchObject({ count: 1, ok: 0, in_flight: 1 });
  });

  it('count what is refused because too much is in flight as an error of its type', async () => {
    const node = await ready({ inFlightMax: 1 });
    for (const ms of [10, 20, 30]) node.receive({ type: 'wait', ms, msg_id: 1 });
    await node.time.advance(10);
    expect(ask(node, 'metrics').requests.wait).toMatchObject({ count: 3, ok: 1, errors: { 11: 2 } });
  });

  it('report latencies, of errors too, and 0 for answers at once', async () => {
    const node = await ready();
    for (let ms = 1; ms <= 100; ms++) node.receive({ type: 'wait', ms, msg_id: 1 });
    node.receive({ type: 'ask', dest: 'n1', msg_id: 1 });
    node.receive({ type: 'double', number: 1, msg_id: 1 });
    await node.time.advance(5000);
    const { requests } = ask(node, 'metrics');
    const near = (ms: number) => expect.closeTo(ms, Math.log10(ms) > 1.5 ? -0.5 : 0);
    expect(requests.wait.latency_ms).toEqual({ p50: near(50), p95: near(95), p99: near(99), max: 100 });
    expect(requests.ask).toMatchObject({ errors: { 0: 1 }, latency_ms: { p50: 1000, max: 1000 } });
    expect(requests.double.latency_ms).toEqual({ p50: 0, p95: 0, p99: 0, max: 0 });
  });

  it('have no latency of requests without a handler', async () => {
    const node = await ready();
    node.receive({ type: 'double', msg_id: 1 });
    expect(ask(node, 'metrics').requests.double).toEqual({ count: 1, ok: 0, errors: { 12: 1 }, in_flight: 0 });
  });

  it('report how RPCs ended', async () => {
    const node = await ready();
    for (const dest of ['n1', 'n2', 'lin-kv']) node.receive({ type: 'ask', dest, msg_id: 1 });
    const ids = node.bodies.map((body) => body.msg_id);
    node.receive({ type: 'double_ok', number: 2, in_reply_to: ids[0] }, 'n1');
    node.receive({ type: 'error', code: 11, in_reply_to: ids[1] }, 'n2');
    // No RPC waits for this one any more.
    node.receive({ type: 'double_ok', number: 2, in_reply_to: ids[0] }, 'n1');
    expect(ask(node, 'metrics').rpcs).toEqual({ asked: 3, answered: 2, timeouts: 0, pending: 1 });
    await node.time.advance(1000);
    expect(ask(node, 'metrics').rpcs).toEqual({ asked: 3, answered: 2, timeouts: 1, pending: 0 });
  });

  it('do not count an RPC settled by the end of the node as a timeout', async () => {
    const node = await ready();
    node.receive({ type: 'ask', dest: 'n1', msg_id: 1 });
    node.node.stop('the input has ended');
    expect(node.node.readMetrics().rpcs).toEqual({ asked: 1, answered: 0, timeouts: 0, pending: 0 });
  });

  it('count every message that came, went or was refused, each once', async () => {
    const node = new TestNode(start);
    node.receive({ type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 }, 'c0');
    // Held until the handlers have started.
    node.receive({ type: 'double', number: 1, msg_id: 2 });
    await settle();
    node.receive({ type: 'double', number: 1 });
    node.receive({ type: 'double_ok', number: 1, in_reply_to: 77 }, 'n1');
    const refused = ['garbage', '[]', '{"src":"c1","dest":"n7","body":{"type":"double","number":1,"msg_id":3}}'];
    refused.push(
      `{"src":"c1","dest":"n0","body":{"type":"double","msg_id":4,"x":${'['.repeat(2000)}${']'.repeat(2000)}}}`,
    );
    for (const line of refused) node.node.receiveLine(line);
    node.receive({ type: 'nonsense', msg_id: 5 });
    node.receive({ type: 'double', msg_id: 6 });
    node.node.refuseLine('a line is not UTF-8 and was refused', '{');
    expect(node.sent.map(({ body }) => body.in_reply_to)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(node.node.readMetrics()).toMatchObject({
      messages_in: INIT_MESSAGES + 3 + refused.length + 3,
      messages_out: 6,
      messages_refused: refused.length + 3,
    });
    expect(node.logged.at(-1)).toMatchObject({ level: 'warn', message: 'a line is not UTF-8 and was refused' });
  });

  it('count messages sent by handlers', async () => {
    let context: NodeContext | undefined;
    const node = await new TestNode(async (given) => {
      context = given;
      return [];
    }).init();
    context?.broadcast({ type: 'hello' });
    context?.send('n1', { type: 'hello' });
    expect(ask(node, 'metrics').messages_out).toBe(INIT_MESSAGES + 3);
  });

  it('leave out bytes if there are none', async () => {
    expect(ask(await ready(), 'metrics')).not.toHaveProperty('bytes_in');
  });

  it('tell the bytes on the wire', async () => {
    const { node } = await bareNode({ traffic: () => ({ bytesIn: 120, bytesOut: 85 }) });
    expect(node.readMetrics()).toMatchObject({ bytes_in: 120, bytes_out: 85 });
  });

  it('tell the latency of a request from when it came, and that of the 99th of a hundred', async () => {
    const node = await ready();
    await node.time.advance(5000);
    for (let nth = 1; nth <= 100; nth++) node.receive({ type: 'wait', ms: nth < 100 ? 10 : 400, msg_id: nth });
    await node.time.advance(400);
    const near = expect.closeTo(10, 0);
    expect(ask(node, 'metrics').requests.wait.latency_ms).toEqual({ p50: near, p95: near, p99: near, max: 400 });
  });

  it('count a refusal at once like an answer at once', async () => {
    const refuse = () => {
      throw RpcError.of('precondition-failed', 'no');
    };
    const node = await new TestNode(async () => [handler(Double, refuse)]).init();
    node.receive({ type: 'double', number: 1, msg_id: 3 });
    expect(node.bodies).toEqual([{ type: 'error', in_reply_to: 3, code: 22, text: 'no' }]);
    expect(ask(node, 'metrics').requests.double).toEqual({
      count: 1,
      ok: 0,
      errors: { 22: 1 },
      in_flight: 0,
      latency_ms: { p50: 0, p95: 0, p99: 0, max: 0 },
    });
  });

  it('carry the figures of the parts, as they are when asked for', async () => {
    let used = 1;
    const node = await new TestNode(async (context) => {
      context.report('ids', () => ({ used, lead_ms: 0.5 }));
      context.report('cache', () => ({ entries: 3 }));
      return [];
    }).init();
    used = 2;
    expect(ask(node, 'metrics').parts).toEqual({ ids: { used: 2, lead_ms: 0.5 }, cache: { entries: 3 } });
  });

  it('of one type count 64 codes separately and the others together', () => {
    const requests = new RequestMetrics();
    for (let code = 1000; code < 1100; code++) requests.countError(code);
    requests.countError(1000);
    const { count, errors } = requests.read();
    expect(count).toBe(101);
    expect(Object.keys(errors)).toHaveLength(65);
    expect(errors).toMatchObject({ 1000: 2, 1063: 1, other: 36 });
  });

  it('end with the node when an assertion fails, and nothing stays in flight', async () => {
    const node = await ready();
    node.receive({ type: 'fail', how: 'assertion', msg_id: 1 });
    await settle();
    expect(node.crashes).toHaveLength(1);
    expect(node.node.readMetrics().requests.fail).toBeUndefined();
  });
});

describe('health', () => {
  it('is ok while no part has trouble', async () => {
    const node = await new TestNode(async (context) => {
      context.diagnose('ids', () => undefined);
      return [];
    }).init();
    expect(ask(node, 'health')).toEqual({ type: 'health_ok', in_reply_to: 1000, status: 'ok', troubles: {} });
  });

  it('is degraded while a part has trouble, and says which and why', async () => {
    let trouble: string | undefined = 'the lease was lost';
    const node = await new TestNode(async (context) => {
      context.diagnose('ids', () => trouble);
      context.diagnose('cache', () => undefined);
      return [];
    }).init();
    expect(ask(node, 'health')).toMatchObject({ status: 'degraded', troubles: { ids: 'the lease was lost' } });
    trouble = undefined;
    expect(ask(node, 'health')).toMatchObject({ status: 'ok', troubles: {} });
  });

  it.each([Metrics, Health])('and metrics cannot be served by a workload ($type)', async (rpc) => {
    const node = new TestNode(async () => [handler(rpc, () => ({}) as never)]);
    node.receive({ type: 'init', node_id: 'n0', node_ids: ['n0'], msg_id: 1 }, 'c0');
    await settle();
    expect(node.crashes).toMatchObject([{ name: 'AssertionFailure', message: `two handlers for ${rpc.type}` }]);
  });

  it('and metrics leave no promise, timer or other state behind', async () => {
    const node = await ready();
    ask(node, 'metrics');
    ask(node, 'health');
    expect(node.node.load).toEqual({ inFlight: 0, pendingRpcs: 0, sleepers: 0 });
    expect(node.time.timerCount).toBe(0);
  });
});

describe('a node with a rate limit', () => {
  let messageId = 0;
  const limited = () => {
    messageId = 0;
    return ready({ rateLimitPerSecond: 2 });
  };
  const double = (node: TestNode, src: string, count = 1) => {
    const before = node.sent.length;
    for (let number = 0; number < count; number++) node.receive({ type: 'double', number, msg_id: messageId++ }, src);
    return node.bodies.slice(before).map((body) => body.code ?? 'ok');
  };

  it('answers 11 to a client that asks too much, and says how long to wait', async () => {
    const node = await limited();
    expect(double(node, 'c1', 3)).toEqual(['ok', 'ok', 11]);
    expect(node.bodies.at(-1)).toEqual({
      type: 'error',
      in_reply_to: 2,
      code: 11,
      text: 'c1 may send 2 requests/s; try again in 500 ms',
    });
    await node.time.advance(499);
    expect(double(node, 'c1')).toEqual([11]);
    expect(node.bodies.at(-1).text).toBe('c1 may send 2 requests/s; try again in 1 ms');
    await node.time.advance(1);
    expect(double(node, 'c1')).toEqual(['ok']);
  });

  it('keeps serving other clients meanwhile', async () => {
    const node = await limited();
    expect(double(node, 'c1', 5)).toEqual(['ok', 'ok', 11, 11, 11]);
    expect(double(node, 'c2', 2)).toEqual(['ok', 'ok']);
  });

  it('does not limit the nodes, nor replies', async () => {
    const node = await limited();
    for (const src of ['n1', 'n2', 'n0']) expect(double(node, src, 20)).toEqual(Array(20).fill('ok'));
    for (let number = 0; number < 20; number++) {
      node.receive({ type: 'ask', dest: 'lin-kv', msg_id: number }, 'n1');
      node.receive({ type: 'double_ok', number: 1, in_reply_to: node.bodies.at(-1).msg_id }, 'lin-kv');
      await settle();
      expect(node.bodies.at(-1)).toEqual({ type: 'ask_ok', in_reply_to: number });
    }
  });

  it('does not limit init, metrics and health, and they use up nothing', async () => {
    const node = await limited();
    for (let number = 0; number < 10; number++) {
      node.receive({ type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: number }, 'c9');
      await settle();
      expect(node.sent.pop()?.body.type).toBe('init_ok');
      expect(ask(node, 'metrics').type).toBe('metrics_ok');
      expect(ask(node, 'health').type).toBe('health_ok');
    }
    expect(double(node, 'c9', 2)).toEqual(['ok', 'ok']);
  });

  it('answers a flooding client 10 for a type that it does not serve', async () => {
    const node = await limited();
    double(node, 'c1', 5);
    node.receive({ type: 'nonsense', msg_id: 9 });
    expect(node.bodies.at(-1).code).toBe(10);
  });

  it('counts refused requests as errors of the type', async () => {
    const node = await limited();
    double(node, 'c1', 5);
    const { requests, messages_refused } = ask(node, 'metrics');
    expect(requests.double).toMatchObject({ count: 5, ok: 2, errors: { 11: 3 } });
    expect(messages_refused).toBe(0);
  });

  it('answers nothing to a message without msg_id, and does not carry it out', async () => {
    const node = await limited();
    double(node, 'c1', 2);
    node.sent.length = 0;
    node.receive({ type: 'double', number: 1 });
    expect(node.sent).toEqual([]);
    expect(ask(node, 'metrics').requests.double).toMatchObject({ ok: 2, errors: { 11: 1 } });
  });

  it('limits no client unless an option says so', async () => {
    expect(double(await ready(), 'c1', 5000)).toEqual(Array(5000).fill('ok'));
  });
});
