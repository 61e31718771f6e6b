/** Requests that come twice. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { handler } from '../../src/node/context.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { TestNode } from '../support/test-node.ts';

const Work = defineRpc('work', 'Takes a while.', { ms: z.int(), code: z.int().exactOptional() }, { nth: z.int() });

async function start() {
  let count = 0;
  const node = await new TestNode(async (context) => [
    handler(Work, async ({ ms, code }) => {
      const nth = ++count;
      await context.sleep(ms);
      if (code !== undefined) throw new RpcError(code, `the ${nth}th time`);
      return { nth };
    }),
  ]).init();
  const ask = (fields: object, messageId = 7, src = 'c1') =>
    node.receive({ type: 'work', ...fields, msg_id: messageId }, src);
  return { node, ask, begun: () => count, answers: () => node.bodies.map(({ nth, code }) => nth ?? code) };
}

describe('a request that comes again', () => {
  it('while it is worked on gets the same outcome, and nothing is done twice', async () => {
    const { node, ask, begun, answers } = await start();
    ask({ ms: 100 });
    await node.time.advance(50);
    ask({ ms: 100 });
    await node.time.advance(200);
    expect(begun()).toBe(1);
    expect(answers()).toEqual([1, 1]);
  });

  it('after it was refused for certain is refused again', async () => {
    const { node, ask, begun, answers } = await start();
    ask({ ms: 1, code: 11 });
    await node.time.advance(5000);
    ask({ ms: 1, code: 11 });
    await node.time.advance(10);
    expect(begun()).toBe(1);
    expect(answers()).toEqual([11, 11]);
  });

  it.each([
    ['much later', { ms: 1, code: 11 }, { ms: 1, code: 11 }, 7, 'c1', 15_002],
    ['with another body', { ms: 1, code: 11 }, { ms: 2, code: 11 }, 7, 'c1', 10],
    ['under another number', { ms: 1, code: 11 }, { ms: 1, code: 11 }, 8, 'c1', 10],
    ['from somebody else', { ms: 1, code: 11 }, { ms: 1, code: 11 }, 7, 'c2', 10],
    ['after it may have happened', { ms: 1, code: 13 }, { ms: 1, code: 13 }, 7, 'c1', 10],
    ['after it succeeded', { ms: 1 }, { ms: 1 }, 7, 'c1', 10],
  ])('is another request: %s', async (_, first, second, messageId, src, afterMs) => {
    const { node, ask, begun } = await start();
    ask(first);
    await node.time.advance(afterMs);
    ask(second, messageId, src);
    await node.time.advance(10);
    expect(begun()).toBe(2);
  });

  it('is remembered in bounded memory: the oldest of too many refusals is forgotten', async () => {
    const { node, ask, begun } = await start();
    for (let messageId = 1; messageId <= 4097; messageId++) ask({ ms: 1, code: 11 }, messageId);
    await node.time.advance(10);
    ask({ ms: 1, code: 11 }, 1);
    ask({ ms: 1, code: 11 }, 4097);
    await node.time.advance(10);
    expect(begun()).toBe(4098);
  });
});
