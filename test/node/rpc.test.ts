import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { handler, type NodeContext, RPC_DEADLINE_MS, type RpcOptions, type RpcResult } from '../../src/node/context.ts';
import { pauseUpTo } from '../../src/node/pause.ts';
import { ERRORS } from '../../src/protocol/errors.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { TestNode } from '../support/test-node.ts';
import { settle } from '../support/virtual-time.ts';

const Read = defineRpc('read', 'Reads a key.', { key: z.string() }, { value: z.unknown() });
const Noop = defineRpc('noop', 'Nothing.', {}, {});

/** A node, its context, and an RPC to lin-kv that is under way. */
async function asking(options?: RpcOptions) {
  let context: NodeContext | undefined;
  const node = await new TestNode(async (given) => {
    context = given;
    return [handler(Noop, () => ({}))];
  }).init();
  const { rpc, broadcast, send, sleep } = context as NodeContext;
  let result: RpcResult<{ value: unknown }> | undefined;
  void rpc('lin-kv', Read, { key: 'k' }, options).then((settled) => {
    result = settled;
  });
  const messageId = node.bodies[0]?.msg_id as number;
  const answer = async (body: object, src = 'lin-kv') => {
    node.receive({ in_reply_to: messageId, ...body }, src);
    await settle();
    return result;
  };
  return { node, messageId, answer, result: () => result, context: { rpc, broadcast, send, sleep } };
}

describe('an RPC', () => {
  it('is sent with its type and a msg_id', async () => {
    const { node, messageId } = await asking();
    expect(node.sent).toEqual([{ src: 'n0', dest: 'lin-kv', body: { key: 'k', type: 'read', msg_id: messageId } }]);
  });

  it('is ok when the answer is as declared', async () => {
    const { answer, node } = await asking();
    expect(await answer({ type: 'read_ok', value: { a: 1 } })).toEqual({ kind: 'ok', reply: { value: { a: 1 } } });
    expect(node.node.load.pendingRpcs).toBe(0);
    expect(node.time.timerCount).toBe(0);
  });

  it.each(ERRORS.map(({ code, name, definite }) => [code, name, definite] as const))(
    'answered with error %d (%s) is definite: %s',
    async (code, _name, definite) => {
      const { answer } = await asking();
      expect(await answer({ type: 'error', code, text: 'so it is' })).toMatchObject({
        kind: definite ? 'definite' : 'indefinite',
        error: { code, message: 'so it is' },
      });
    },
  );

  it.each([999, 1000, 1_000_000, -1])('answered with the unknown code %d is indefinite', async (code) => {
    const { answer } = await asking();
    expect(await answer({ type: 'error', code })).toMatchObject({ kind: 'indefinite', error: { code } });
  });

  it.each([
    ['a field is missing', { type: 'read_ok' }],
    ['the type is another one', { type: 'write_ok', value: 1 }],
    ['the code of the error is none', { type: 'error', code: 'twenty' }],
  ])('is indefinite when %s: a node that answers nonsense may have done anything', async (_, body) => {
    const { answer } = await asking();
    expect(await answer(body)).toMatchObject({ kind: 'indefinite', error: { code: 13 } });
  });

  it('is indefinite after its deadline, and a late answer is dropped', async () => {
    const { node, answer, result } = await asking();
    await node.time.advance(RPC_DEADLINE_MS - 1);
    expect(result()).toBeUndefined();
    await node.time.advance(1);
    expect(result()).toMatchObject({ kind: 'indefinite', error: { code: 0 } });
    expect(await answer({ type: 'read_ok', value: 1 })).toMatchObject({ kind: 'indefinite' });
    expect(node.node.load.pendingRpcs).toBe(0);
  });

  it('uses its own deadline', async () => {
    const { node, result } = await asking({ deadlineMs: 5 });
    await node.time.advance(5);
    expect(result()).toMatchObject({ kind: 'indefinite' });
  });

  it('uses the first reply and drops a duplicate', async () => {
    const { answer, node, messageId } = await asking();
    await answer({ type: 'read_ok', value: 1 });
    expect(node.logged).toEqual([]);
    expect(await answer({ type: 'read_ok', value: 2 })).toMatchObject({ kind: 'ok', reply: { value: 1 } });
    expect(node.sent).toHaveLength(1);
    expect(node.logged).toEqual([
      {
        level: 'debug',
        message: 'a reply that no RPC waits for was dropped',
        fields: { src: 'lin-kv', in_reply_to: messageId },
      },
    ]);
  });

  it('ignores a reply from a node that was not asked', async () => {
    const { answer } = await asking();
    expect(await answer({ type: 'read_ok', value: 1 }, 'n2')).toBeUndefined();
    expect(await answer({ type: 'read_ok', value: 2 })).toMatchObject({ kind: 'ok', reply: { value: 2 } });
  });

  it('is indefinite when the node stops', async () => {
    const { node, result } = await asking();
    node.node.stop('the input has ended');
    await settle();
    expect(result()).toMatchObject({ kind: 'indefinite', error: { message: 'read to lin-kv: the input has ended' } });
    expect(node.time.timerCount).toBe(0);
  });

  it('leaves nothing behind after 10,000 of them', async () => {
    const { node, context } = await asking();
    const all = Promise.all(Array.from({ length: 10_000 }, () => context.rpc('lin-kv', Read, { key: 'k' })));
    for (const { body } of node.sent.slice(1, 5001))
      node.receive({ type: 'read_ok', value: 1, in_reply_to: body.msg_id }, 'lin-kv');
    await node.time.advance(RPC_DEADLINE_MS);
    const kinds = (await all).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'ok')).toHaveLength(5000);
    expect(kinds.filter((kind) => kind === 'indefinite')).toHaveLength(5000);
    expect(node.node.load).toEqual({ inFlight: 0, pendingRpcs: 0, sleepers: 0 });
    expect(node.time.timerCount).toBe(0);
  });

  it('is not sent any more once the node has stopped', async () => {
    const { node, context } = await asking();
    node.node.stop('the input has ended');
    const before = node.sent.length;
    expect(await context.rpc('lin-kv', Read, { key: 'k' })).toMatchObject({
      kind: 'indefinite',
      error: { code: 0, message: 'read to lin-kv: the input has ended' },
    });
    expect(node.sent).toHaveLength(before);
  });

  it.each([
    ['0', 0],
    ['1: the lowest bit counts, or 50 lives would draw the same once in 1,700 times', 1],
    ['0x12345678', 0x12345678],
    ['0xffffffff', 0xffffffff],
  ])('is numbered one after the other from a place by chance (%s)', async (_, word) => {
    const node = new TestNode(
      async (context) => {
        for (const key of 'ab') void context.rpc('lin-kv', Read, { key });
        return [];
      },
      {},
      () => word,
    );
    node.receive({ type: 'init', node_id: 'n0', node_ids: ['n0'], msg_id: 1 });
    await settle();
    expect(node.bodies.slice(0, 2).map(({ msg_id }) => msg_id)).toEqual([word * 2 ** 20 + 1, word * 2 ** 20 + 2]);
  });
});

describe('the other means of a context', () => {
  it('sends to one node, and broadcasts to all other nodes', async () => {
    const { node, context } = await asking();
    node.sent.length = 0;
    context.send('n1', { type: 'gossip', value: 1 });
    context.broadcast({ type: 'gossip', value: 2 });
    expect(node.sent).toEqual([
      { src: 'n0', dest: 'n1', body: { type: 'gossip', value: 1 } },
      { src: 'n0', dest: 'n1', body: { type: 'gossip', value: 2 } },
      { src: 'n0', dest: 'n2', body: { type: 'gossip', value: 2 } },
    ]);
  });

  it('sleeps for the given time, unless it is woken', async () => {
    const { node, context } = await asking();
    const controller = new AbortController();
    const slept = context.sleep(100);
    const woken = context.sleep(100, controller.signal);
    controller.abort();
    expect(await woken).toBe(false);
    await node.time.advance(100);
    expect(await slept).toBe(true);
    expect(await context.sleep(5, AbortSignal.abort())).toBe(false);
    expect(node.node.load.sleepers).toBe(0);
  });

  it('sleeps 1 ms once the node has stopped, so that a loop of sleeps lets the others go on', async () => {
    const { node, context } = await asking();
    node.node.stop('the input has ended');
    let slept: boolean | undefined;
    void context.sleep(1e9).then((passed) => {
      slept = passed;
    });
    await settle();
    expect(slept).toBeUndefined();
    await node.time.advance(1);
    expect(slept).toBe(false);
  });

  it.each([
    ['the least', 0, 100 / 2 ** 32],
    ['a middling', 0x7fffffff, 50],
    ['the greatest', 0xffffffff, 100],
  ])('pauses for more than 0 and up to the given time, by chance (%s word)', async (_, word, expectedMs) => {
    const { node, context } = await asking();
    let pausedMs = 0;
    void pauseUpTo({ sleep: context.sleep, randomUint32: () => word }, 100).then((passed) => {
      if (passed) pausedMs = node.time.now();
    });
    await node.time.advance(1000);
    expect(pausedMs).toBe(expectedMs);
  });
});
