import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { assert } from '../../src/node/assertion.ts';
import { type Handler, handler, type NodeContext } from '../../src/node/context.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { NESTING_DEPTH_MAX } from '../../src/protocol/message.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { TestNode } from '../support/test-node.ts';
import { settle } from '../support/virtual-time.ts';

const Double = defineRpc('double', 'Twice the number.', { number: z.number() }, { number: z.number() });
const Echo = defineRpc('echo', 'The same.', { echo: z.unknown() }, { echo: z.unknown() });
const Fail = defineRpc('fail', 'Fails in the way it is told.', { how: z.string() }, {});
const Wait = defineRpc('wait', 'Answers later.', { ms: z.number() }, {});

const INIT = { type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 };

function handlers(context: NodeContext): Handler[] {
  return [
    handler(Double, ({ number }) => ({ number: 2 * number })),
    handler(Echo, ({ echo }) => ({ echo })),
    handler(Wait, async ({ ms }) => {
      await context.sleep(ms);
      return {};
    }),
    handler(Fail, async ({ how }) => {
      if (how === 'refuse') throw RpcError.of('precondition-failed', 'the balance is too low');
      assert(how !== 'assertion', 'used is never above limit');
      throw new TypeError('something is undefined');
    }),
  ];
}

const start = async (context: NodeContext) => handlers(context);
const ready = () => new TestNode(start).init();

describe('a node that has its init', () => {
  it('answers a request with the declared reply and nothing else', async () => {
    const node = await ready();
    node.receive({ type: 'double', number: 21, msg_id: 7 });
    expect(node.sent).toEqual([{ src: 'n0', dest: 'c1', body: { type: 'double_ok', in_reply_to: 7, number: 42 } }]);
  });

  it('drops fields that a request does not declare', async () => {
    const node = await ready();
    node.receive({ type: 'double', number: 1, colour: 'blue', msg_id: 1 });
    expect(node.bodies).toEqual([{ type: 'double_ok', in_reply_to: 1, number: 2 }]);
  });

  it('carries out a request without msg_id and answers nothing', async () => {
    const node = await ready();
    node.receive({ type: 'double', number: 1 });
    expect(node.sent).toEqual([]);
    expect(node.node.load.inFlight).toBe(0);
  });

  it('answers 12 and names the field that is wrong', async () => {
    const node = await ready();
    node.receive({ type: 'double', number: 'two', msg_id: 1 });
    node.receive({ type: 'double', msg_id: 2 });
    expect(node.bodies).toEqual([
      { type: 'error', in_reply_to: 1, code: 12, text: 'body.number: expected number, received string' },
      { type: 'error', in_reply_to: 2, code: 12, text: 'body.number: is missing' },
    ]);
  });

  it.each(['nonsense', '__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'answers 10 to the unknown type %s',
    async (type) => {
      const node = await ready();
      node.receive({ type, msg_id: 3 });
      expect(node.bodies).toEqual([
        { type: 'error', in_reply_to: 3, code: 10, text: `body.type: ${type} is not supported by this node` },
      ]);
    },
  );

  it('answers 12 to a message for another node', async () => {
    const node = await ready();
    node.receive({ type: 'double', number: 1, msg_id: 3 }, 'c1', 'n2');
    expect(node.bodies).toEqual([{ type: 'error', in_reply_to: 3, code: 12, text: 'dest: this is n0, not n2' }]);
  });

  it('gives back a value with prototype keys as it came, and pollutes nothing', async () => {
    const node = await ready();
    const line =
      '{"src":"c1","dest":"n0","body":{"type":"echo","msg_id":1,"echo":{"__proto__":{"polluted":1},"constructor":2},"__proto__":{"x":1}}}';
    node.node.receiveLine(line);
    expect(JSON.stringify(node.bodies[0])).toBe(
      '{"type":"echo_ok","in_reply_to":1,"echo":{"__proto__":{"polluted":1},"constructor":2}}',
    );
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('a message that is invalid', () => {
  const line = (text: string) => async () => {
    const node = await ready();
    node.node.receiveLine(text);
    return node;
  };

  it.each([
    ['is not JSON', 'gar{bage'],
    ['is cut short', '{"src":"c1","dest":"n0","body":{"type":"echo"'],
  ])('that %s gets a line in the log and no answer', async (_, text) => {
    const node = await line(text)();
    expect(node.sent).toEqual([]);
    expect(node.logged).toMatchObject([
      { level: 'warn', message: 'a line is not JSON and was ignored', fields: { line: text } },
    ]);
  });

  it.each([
    ['an array', '[1]', 'message'],
    ['a number', '7', 'message'],
    ['null', 'null', 'message'],
    ['without src', '{"dest":"n0","body":{"type":"echo","msg_id":1}}', 'src'],
    ['with an empty src', '{"src":"","dest":"n0","body":{"type":"echo","msg_id":1}}', 'src'],
    ['without body', '{"src":"c1","dest":"n0"}', 'body'],
    ['with a body that is an array', '{"src":"c1","dest":"n0","body":[]}', 'body'],
    ['with a src that is a number', '{"src":1,"dest":"n0","body":{"type":"echo","msg_id":1}}', 'src'],
    [
      'with a msg_id beyond 2^53',
      '{"src":"c1","dest":"n0","body":{"type":"echo","echo":1,"msg_id":9007199254740993}}',
      'body.msg_id',
    ],
    [
      'with a msg_id that is a fraction',
      '{"src":"c1","dest":"n0","body":{"type":"echo","echo":1,"msg_id":1.5}}',
      'body.msg_id',
    ],
  ])('%s is named in the log, and cannot be answered', async (_, text, field) => {
    const node = await line(text)();
    expect(node.sent).toEqual([]);
    expect(node.logged).toMatchObject([{ level: 'warn', message: 'a message was refused', fields: { field } }]);
  });

  it.each([
    ['without dest', '{"src":"c1","body":{"type":"echo","msg_id":1}}', 'dest: is missing'],
    ['without type', '{"src":"c1","dest":"n0","body":{"msg_id":1}}', 'body.type: is missing'],
    [
      'with a type that is a number',
      '{"src":"c1","dest":"n0","body":{"type":5,"msg_id":1}}',
      'body.type: expected string, received number',
    ],
  ])('%s is answered 12 when src and msg_id are usable', async (_, text, reason) => {
    const node = await line(text)();
    expect(node.sent).toEqual([
      { src: 'n0', dest: 'c1', body: { type: 'error', in_reply_to: 1, code: 12, text: reason } },
    ]);
  });

  it.each([
    ['of 200 characters is shown whole in the log', 200, ''],
    ['of 201 characters is shown in the log by its beginning', 201, '… (201 characters)'],
  ])('%s', async (_, length, mark) => {
    const node = await ready();
    const message = { src: 'c1', dest: 'n7', body: { type: 'echo', text: '' } };
    message.body.text = 'x'.repeat(length - JSON.stringify(message).length);
    node.node.receive(message);
    expect(node.logged[0]?.fields.received).toBe(JSON.stringify(message).slice(0, 200) + mark);
  });

  it('and is nested too deep to print is named in the log', async () => {
    const node = await ready();
    let echo: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) echo = [echo];
    node.node.receive({ src: 'c1', dest: 'n7', body: { type: 'echo', echo } });
    expect(node.logged[0]?.fields.received).toBe('a message that is nested too deep to print');
  });

  it('without dest is answered before init from an empty name', () => {
    const node = new TestNode(start);
    node.node.receiveLine('{"src":"c1","body":{"type":"echo","msg_id":1}}');
    expect(node.sent).toEqual([
      { src: '', dest: 'c1', body: { type: 'error', in_reply_to: 1, code: 12, text: 'dest: is missing' } },
    ]);
  });

  it('that is a reply is never answered, even if it is invalid', async () => {
    const node = await ready();
    node.receive({ type: 5, in_reply_to: 3, msg_id: 4 }, 'n1');
    node.receive({ type: 'double_ok', in_reply_to: 3, msg_id: 4 }, 'n1');
    expect(node.sent).toEqual([]);
  });
});

describe('nesting', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const echo = (value: string) => `{"src":"c1","dest":"n0","body":{"type":"echo","msg_id":1,"echo":${value}}}`;

  it('up to the limit is answered', async () => {
    const node = await ready();
    node.node.receiveLine(echo(nested(NESTING_DEPTH_MAX - 2)));
    expect(node.bodies[0].type).toBe('echo_ok');
  });

  it.each([NESTING_DEPTH_MAX - 1, 100_000])(
    'of %d levels below the body is answered 12, and the node lives on',
    async (depth) => {
      const node = await ready();
      node.node.receiveLine(echo(nested(depth)));
      expect(node.bodies).toMatchObject([
        { type: 'error', code: 12, text: `message: nested deeper than ${NESTING_DEPTH_MAX} levels` },
      ]);
      node.receive({ type: 'double', number: 1, msg_id: 2 });
      expect(node.bodies).toHaveLength(2);
    },
  );

  it('does not count brackets within strings', async () => {
    const node = await ready();
    const value = JSON.stringify(`\\"${'['.repeat(5000)}`);
    node.node.receiveLine(echo(value));
    expect(node.bodies[0]).toMatchObject({ type: 'echo_ok', echo: JSON.parse(value) });
  });
});

describe('init', () => {
  it('answers 11 to what comes before it', () => {
    const node = new TestNode(start);
    node.receive({ type: 'double', number: 1, msg_id: 5 });
    expect(node.sent).toMatchObject([{ src: 'n0', dest: 'c1', body: { type: 'error', in_reply_to: 5, code: 11 } }]);
  });

  it('is answered once the handlers have started', async () => {
    let startNow = () => {};
    const node = new TestNode(async (context) => {
      await new Promise<void>((resolve) => {
        startNow = resolve;
      });
      return handlers(context);
    });
    node.receive(INIT, 'c0');
    await settle();
    expect(node.sent).toEqual([]);
    startNow();
    await settle();
    expect(node.sent).toEqual([{ src: 'n0', dest: 'c0', body: { type: 'init_ok', in_reply_to: 1 } }]);
  });

  it('holds what comes while the handlers start, and answers it in order after init_ok', async () => {
    const node = new TestNode(start);
    node.receive(INIT, 'c0');
    node.receive({ type: 'double', number: 1, msg_id: 2 });
    node.receive({ type: 'double', number: 2, msg_id: 3 });
    await settle();
    expect(node.bodies).toMatchObject([{ type: 'init_ok' }, { number: 2 }, { number: 4 }]);
  });

  it('lets the handlers send RPCs while they start, though requests are held', async () => {
    const node = new TestNode(async (context) => {
      const answer = await context.rpc('lin-kv', Double, { number: 1 });
      expect(answer).toEqual({ kind: 'ok', reply: { number: 2 } });
      return handlers(context);
    });
    node.receive(INIT, 'c0');
    node.receive({ type: 'double', number: 5, msg_id: 2 });
    expect(node.held).toEqual([true, false]);
    expect(node.sent).toMatchObject([{ dest: 'lin-kv', body: { type: 'double', number: 1 } }]);
    node.receive({ type: 'double_ok', number: 2, in_reply_to: node.bodies[0].msg_id }, 'lin-kv');
    await settle();
    expect(node.bodies.slice(1)).toMatchObject([{ type: 'init_ok' }, { type: 'double_ok', number: 10 }]);
  });

  it('asks for as little input as possible while the handlers start, and says nothing about it later', async () => {
    let context: NodeContext | undefined;
    const node = new TestNode(async (given) => {
      context = given;
      return handlers(given);
    });
    node.receive(INIT, 'c0');
    expect(node.held).toEqual([true]);
    await settle();
    expect(node.held).toEqual([true, false]);
    expect(context).toBeDefined();
    void context?.rpc('lin-kv', Double, { number: 1 });
    expect(node.held).toEqual([true, false]);
  });

  it('holds no more than the limit', async () => {
    const node = new TestNode(start, { inFlightMax: 2 });
    node.receive(INIT, 'c0');
    for (let number = 0; number < 3; number++) node.receive({ type: 'double', number, msg_id: 10 + number });
    expect(node.bodies).toMatchObject([{ in_reply_to: 12, code: 11 }]);
    await settle();
    expect(node.bodies.slice(1)).toMatchObject([{ type: 'init_ok' }, { in_reply_to: 10 }, { in_reply_to: 11 }]);
  });

  it.each([
    ['8 messages of 4 Mi characters', 4 * 2 ** 20, 8],
    ['one more if they are shorter', 4 * 2 ** 20 - 1, 9],
  ])('holds up to 32 Mi characters, and the message that goes beyond: %s', async (_, length, held) => {
    const node = new TestNode(start);
    node.receive(INIT, 'c0');
    const message = { src: 'c1', dest: 'n0', body: { type: 'double', number: 1, padding: '', msg_id: 10 } };
    message.body.padding = 'x'.repeat(length - JSON.stringify(message).length);
    for (let nth = 0; nth < held + 2; nth++)
      node.node.receive({ ...message, body: { ...message.body, msg_id: 10 + nth } });
    expect(node.bodies).toMatchObject([held, held + 1].map((nth) => ({ in_reply_to: 10 + nth, code: 11 })));
    await settle();
    expect(node.bodies.slice(3)).toMatchObject(Array(held).fill({ type: 'double_ok' }));
  });

  it('that comes again does not answer again what was held', async () => {
    const node = new TestNode(start);
    node.receive(INIT, 'c0');
    node.receive({ type: 'double', number: 1, msg_id: 2 });
    await settle();
    node.receive(INIT, 'c0');
    await settle();
    expect(node.bodies.map(({ type }) => type)).toEqual(['init_ok', 'double_ok', 'init_ok']);
  });

  it('gives the node its id', async () => {
    const node = new TestNode(start);
    expect(node.node.nodeId).toBe('');
    expect((await node.init()).node.nodeId).toBe('n0');
  });

  it('with the same content is answered again, and starts nothing', async () => {
    let starts = 0;
    const node = new TestNode(async (context) => {
      starts++;
      return handlers(context);
    });
    node.receive(INIT, 'c0');
    await settle();
    node.receive({ ...INIT, msg_id: 9 }, 'c5');
    await settle();
    expect(node.sent.map(({ dest, body }) => [dest, body.type, body.in_reply_to])).toEqual([
      ['c0', 'init_ok', 1],
      ['c5', 'init_ok', 9],
    ]);
    expect(starts).toBe(1);
  });

  it.each([
    ['another order of nodes', { ...INIT, node_ids: ['n1', 'n0', 'n2'] }],
    ['more nodes', { ...INIT, node_ids: ['n0', 'n1', 'n2', 'n3'] }],
    ['another name', { ...INIT, node_id: 'n1' }],
  ])('with %s is refused, and the node stays who it is', async (_, other) => {
    const node = await ready();
    node.receive(other, 'c9', other.node_id);
    await settle();
    const text = 'this node is n0 of n0, n1, n2 already, and stays so';
    expect(node.bodies).toEqual([{ type: 'error', in_reply_to: 1, code: 22, text }]);
    expect(node.logged).toEqual([
      {
        level: 'warn',
        message: 'a second init with other content was refused',
        fields: { received: JSON.stringify({ src: 'c9', dest: other.node_id, body: other }) },
      },
    ]);
    node.receive({ type: 'double', number: 1, msg_id: 2 });
    expect(node.bodies[1]).toMatchObject({ type: 'double_ok' });
  });

  it.each([
    ['that does not list the node', { ...INIT, node_ids: ['n1'] }, 'body.node_ids: does not contain node_id'],
    ['that lists a node twice', { ...INIT, node_ids: ['n0', 'n0'] }, 'body.node_ids: names a node twice'],
    ['without node_ids', { type: 'init', node_id: 'n0', msg_id: 1 }, 'body.node_ids: is missing'],
    ['with an empty id', { ...INIT, node_id: '' }, 'body.node_id: Too small: expected string to have >=1 characters'],
  ])('%s is answered 12', async (_, init, text) => {
    const node = new TestNode(start);
    node.receive(init, 'c0');
    await settle();
    expect(node.bodies).toEqual([{ type: 'error', in_reply_to: 1, code: 12, text }]);
  });

  it('for another node is answered 12', async () => {
    const node = new TestNode(start);
    node.receive(INIT, 'c0', 'n7');
    await settle();
    expect(node.bodies).toMatchObject([{ code: 12, text: 'dest: init for n0 was sent to n7' }]);
  });

  it('that cannot be carried out is answered and ends the node', async () => {
    const node = new TestNode(async () => {
      throw new Error('the state file is cut short');
    });
    node.receive(INIT, 'c0');
    await settle();
    expect(node.bodies).toEqual([
      { type: 'error', in_reply_to: 1, code: 14, text: 'cannot start: the state file is cut short' },
    ]);
    expect(node.crashes).toMatchObject([{ message: 'the state file is cut short' }]);
  });

  it('of two handlers for one type ends the node', async () => {
    const node = new TestNode(async (context) => [...handlers(context), ...handlers(context)]);
    node.receive(INIT, 'c0');
    await settle();
    expect(node.crashes).toMatchObject([{ name: 'AssertionFailure', message: 'two handlers for double' }]);
  });
});

describe('a handler', () => {
  it('that refuses answers its code and text', async () => {
    const node = await ready();
    node.receive({ type: 'fail', how: 'refuse', msg_id: 1 });
    await settle();
    expect(node.bodies).toEqual([{ type: 'error', in_reply_to: 1, code: 22, text: 'the balance is too low' }]);
    expect(node.logged).toEqual([]);
  });

  it('that throws answers 13 and logs the stack', async () => {
    const node = await ready();
    node.receive({ type: 'fail', how: 'bug', msg_id: 1 });
    await settle();
    expect(node.bodies).toEqual([
      { type: 'error', in_reply_to: 1, code: 13, text: 'the handler of fail failed: something is undefined' },
    ]);
    expect(node.logged).toMatchObject([
      { level: 'error', fields: { stack: expect.stringContaining('TypeError: something is undefined\n    at ') } },
    ]);
    expect(node.crashes).toEqual([]);
  });

  it('whose assertion fails ends the process and answers nothing', async () => {
    const node = await ready();
    node.receive({ type: 'fail', how: 'assertion', msg_id: 1 });
    await settle();
    expect(node.sent).toEqual([]);
    expect(node.crashes).toMatchObject([{ name: 'AssertionFailure', message: 'used is never above limit' }]);
  });

  it('whose reply is not as declared answers 13', async () => {
    const wrong = { rpc: Double, handle: () => ({ number: 'many' }) } as Handler;
    const node = await new TestNode(async () => [wrong]).init();
    node.receive({ type: 'double', number: 1, msg_id: 1 });
    expect(node.bodies).toMatchObject([
      { code: 13, text: expect.stringContaining('number: expected number, received string') },
    ]);
  });

  it('whose reply cannot be written answers 13', async () => {
    const endless: Record<string, unknown> = {};
    endless.endless = endless;
    const node = await new TestNode(async () => [handler(Echo, () => ({ echo: endless }))]).init();
    node.receive({ type: 'echo', echo: 1, msg_id: 1 });
    expect(node.bodies).toMatchObject([{ code: 13, text: expect.stringMatching(/^the handler of echo failed: ./) }]);
  });

  it('works on 10,000 requests at once unless an option says otherwise', async () => {
    const node = await ready();
    for (let messageId = 1; messageId <= 10_001; messageId++) node.receive({ type: 'wait', ms: 1, msg_id: messageId });
    expect(node.bodies).toMatchObject([{ in_reply_to: 10_001, code: 11 }]);
    expect(node.node.load.inFlight).toBe(10_000);
  });

  it('works on requests without msg_id separately, though they are equal', async () => {
    const node = await ready();
    for (let copies = 0; copies < 2; copies++) node.receive({ type: 'wait', ms: 1 });
    expect(node.node.load).toEqual({ inFlight: 2, pendingRpcs: 0, sleepers: 2 });
  });

  it('that works when the limit is reached makes the next request get 11', async () => {
    const node = await new TestNode(start, { inFlightMax: 2 }).init();
    for (let messageId = 1; messageId <= 3; messageId++) node.receive({ type: 'wait', ms: 100, msg_id: messageId });
    expect(node.bodies).toEqual([
      { type: 'error', in_reply_to: 3, code: 11, text: '2 requests are in flight already' },
    ]);
    await node.time.advance(100);
    node.receive({ type: 'wait', ms: 1, msg_id: 4 });
    await node.time.advance(1);
    expect(node.bodies.slice(1).map((body) => body.in_reply_to)).toEqual([1, 2, 4]);
    expect(node.node.load).toEqual({ inFlight: 0, pendingRpcs: 0, sleepers: 0 });
  });
});

describe('the end of a node', () => {
  it('waits for all that is in flight', async () => {
    const node = await ready();
    for (const ms of [50, 10, 20]) node.receive({ type: 'wait', ms, msg_id: ms });
    let idle = false;
    void node.node.idle().then(() => {
      idle = true;
    });
    await node.time.advance(49);
    expect(idle).toBe(false);
    await node.time.advance(1);
    expect(idle).toBe(true);
  });

  it('waits for nothing when nothing is in flight', async () => {
    const node = await ready();
    let idle = false;
    void node.node.idle().then(() => {
      idle = true;
    });
    await settle();
    expect(idle).toBe(true);
  });

  it('is told to the parts once, while they can still send', async () => {
    const node = await new TestNode(async (context) => {
      for (const part of ['a', 'b']) context.onStop(() => context.send('n1', { type: `${part}_ends` }));
      return handlers(context);
    }).init();
    for (const reason of ['the input has ended', 'SIGTERM']) node.node.stop(reason);
    expect(node.bodies).toEqual([{ type: 'a_ends' }, { type: 'b_ends' }]);
  });

  it('is announced to the parts once, before anything is ended', async () => {
    const node = await new TestNode(async (context) => {
      context.onStop(() => context.send('n1', { type: 'ends' }));
      context.onDrain(() => context.send('n1', { type: 'drains' }));
      return handlers(context);
    }).init();
    node.receive({ type: 'wait', ms: 1e9, msg_id: 1 });
    node.node.drain();
    await settle();
    expect(node.bodies).toEqual([{ type: 'drains' }]);
    node.node.stop('SIGTERM');
    await node.node.idle();
    expect(node.bodies.map(({ type }) => type)).toEqual(['drains', 'ends', 'wait_ok']);
  });

  it('drains first if that was not announced', async () => {
    const node = await new TestNode(async (context) => {
      context.onStop(() => context.send('n1', { type: 'ends' }));
      context.onDrain(() => context.send('n1', { type: 'drains' }));
      return handlers(context);
    }).init();
    node.node.stop('SIGTERM');
    expect(node.bodies).toEqual([{ type: 'drains' }, { type: 'ends' }]);
  });

  it('wakes all sleepers, so that it need not wait', async () => {
    const node = await ready();
    node.receive({ type: 'wait', ms: 1e9, msg_id: 1 });
    node.node.stop('the input has ended');
    await node.node.idle();
    expect(node.bodies).toEqual([{ type: 'wait_ok', in_reply_to: 1 }]);
    expect(node.time.timerCount).toBe(0);
  });
});
