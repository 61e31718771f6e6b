/** Repeated requests. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { handler } from '../../src/node/context.ts';
import type { NodeOptions } from '../../src/node/node.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { canonicalKey } from '../../src/protocol/exact-json.ts';
import { fnv1a } from '../../src/protocol/hash.ts';
import { defineRpc, type RequestOf } from '../../src/protocol/rpc.ts';
import { TestNode } from '../support/test-node.ts';

const fields = { ms: z.int(), code: z.int().exactOptional(), text: z.string().exactOptional() };
const Work = defineRpc('work', 'Takes a while.', fields, { nth: z.int() });
const Play = defineRpc('play', 'Takes a while, too.', fields, { nth: z.int() });

/** Longer than the texts that are kept whole. */
const LONG = 'x'.repeat(5000);

async function start(options: NodeOptions = {}) {
  let count = 0;
  const node = await new TestNode(async (context) => {
    const work = async ({ ms, code, text = '' }: RequestOf<typeof Work>) => {
      const nth = ++count;
      await context.sleep(ms);
      if (code !== undefined) throw new RpcError(code, `the ${nth}th time${text}`);
      return { nth };
    };
    return [handler(Work, work), handler(Play, work)];
  }, options).init();
  const ask = (fields: object, messageId = 7, src = 'c1') =>
    node.receive({ type: 'work', ...fields, msg_id: messageId }, src);
  return { node, ask, begun: () => count, answers: () => node.bodies.map(({ nth, code }) => nth ?? code) };
}

describe('a request that comes again', () => {
  it('while the first is in flight gets the same outcome, and nothing is done twice', async () => {
    const { node, ask, begun, answers } = await start();
    ask({ ms: 100 });
    await node.time.advance(50);
    ask({ ms: 100 });
    await node.time.advance(200);
    expect(begun()).toBe(1);
    expect(answers()).toEqual([1, 1]);
  });

  it('is not taken for another one with its number that has ended meanwhile', async () => {
    const { node, ask, begun, answers } = await start();
    ask({ ms: 100 });
    ask({ ms: 200 });
    await node.time.advance(150);
    ask({ ms: 200 });
    await node.time.advance(200);
    expect(begun()).toBe(2);
    expect(answers()).toEqual([1, 2, 2]);
  });

  it('within 15 s after it was refused for certain is refused again', async () => {
    const { node, ask, begun, answers } = await start();
    ask({ ms: 1, code: 11 });
    await node.time.advance(15_000);
    ask({ ms: 1, code: 11 });
    await node.time.advance(10);
    expect(begun()).toBe(1);
    expect(answers()).toEqual([11, 11]);
  });

  it('after it was refused because too much was in flight is refused again when there is room', async () => {
    const { node, ask, begun, answers } = await start({ inFlightMax: 1 });
    ask({ ms: 100 }, 1);
    ask({ ms: 1 }, 2);
    await node.time.advance(200);
    ask({ ms: 1 }, 2);
    await node.time.advance(10);
    expect(begun()).toBe(1);
    expect(answers()).toEqual([11, 1, 11]);
  });

  it('after it was refused because its client asked too much is refused again later', async () => {
    const { node, ask, begun, answers } = await start({ rateLimitPerSecond: 1 });
    ask({ ms: 1 }, 1);
    ask({ ms: 1 }, 2);
    await node.time.advance(5000);
    ask({ ms: 1 }, 2);
    await node.time.advance(10);
    expect(begun()).toBe(1);
    expect(answers()).toEqual([11, 1, 11]);
  });

  it.each<[string, NodeOptions]>([
    ['too much is in flight', { inFlightMax: 1 }],
    ['its client asks too much', { rateLimitPerSecond: 1 }],
  ])('while the first is in flight is not refused because %s', async (_, options) => {
    const { node, ask, answers } = await start(options);
    ask({ ms: 100 });
    ask({ ms: 100 });
    await node.time.advance(200);
    expect(answers()).toEqual([1]);
  });

  it.each<[string, NodeOptions]>([
    ['too much is in flight', { inFlightMax: 1 }],
    ['its client asks too much', { rateLimitPerSecond: 1 }],
  ])('after it succeeded is not refused because %s: an error would deny what has happened', async (_, options) => {
    const { node, ask } = await start(options);
    ask({ ms: 1 });
    await node.time.advance(2);
    ask({ ms: 100 }, 8);
    ask({ ms: 1 });
    await node.time.advance(200);
    expect(node.bodies.filter(({ in_reply_to: inReplyTo }) => inReplyTo === 7)).toMatchObject([{ nth: 1 }]);
  });

  it.each([
    ['much later', { ms: 1, code: 11 }, { ms: 1, code: 11 }, 7, 'c1', 15_001],
    ['with another body', { ms: 1, code: 11 }, { ms: 2, code: 11 }, 7, 'c1', 10],
    ['of another type', { ms: 1, code: 11 }, { type: 'play', ms: 1, code: 11 }, 7, 'c1', 10],
    ['of another type, meanwhile', { ms: 100 }, { type: 'play', ms: 100 }, 7, 'c1', 10],
    ['with another long text', { ms: 1, code: 11, text: LONG }, { ms: 1, code: 11, text: `${LONG}.` }, 7, 'c1', 10],
    [
      'with another text as long',
      { ms: 1, code: 11, text: `${LONG}a` },
      { ms: 1, code: 11, text: `${LONG}b` },
      7,
      'c1',
      10,
    ],
    ['under another number', { ms: 1, code: 11 }, { ms: 1, code: 11 }, 8, 'c1', 10],
    ['from another client', { ms: 1, code: 11 }, { ms: 1, code: 11 }, 7, 'c2', 10],
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

  it('is the same with another field that is not declared', async () => {
    const { node, ask, begun, answers } = await start();
    for (const messageId of [7, 8]) ask({ ms: 100, code: 11 }, messageId);
    ask({ ms: 100, code: 11, hop: 2 }, 7);
    await node.time.advance(200);
    ask({ ms: 100, code: 11, hop: 2 }, 8);
    expect(begun()).toBe(2);
    expect(answers()).toEqual([11, 11, 11, 11]);
  });

  it('is refused again for any length of request, sender and text; a long text is cut', async () => {
    const { node, ask, begun } = await start();
    const fields = { ms: 1, code: 11, text: LONG };
    for (let copies = 0; copies < 2; copies++) {
      ask(fields, 7, `c${LONG}`);
      await node.time.advance(10);
    }
    ask(fields, 7, `d${LONG}`);
    await node.time.advance(10);
    expect(begun()).toBe(2);
    const texts = node.bodies.map(({ text }) => text as string);
    expect(texts[0]).toBe(`the 1th time${LONG}`);
    expect(texts[1]).toMatch(/^the 1th timex{100,900}…$/);
    expect(texts[2]).toBe(`the 2th time${LONG}`);
  });

  it.each([
    ['of 512 characters whole', 500, /^the 1th timex{500}$/],
    ['of 513 characters without its last', 501, /^the 1th timex{500}…$/],
  ])('is refused again with a text %s', async (_, length, expected) => {
    const { node, ask } = await start();
    for (let copies = 0; copies < 2; copies++) {
      ask({ ms: 1, code: 11, text: 'x'.repeat(length) });
      await node.time.advance(10);
    }
    expect(node.bodies[1].text).toMatch(expected);
  });

  it.each([
    ['up to 512 characters is compared in full', 512, 2],
    ['more is compared by its length and a hash', 513, 1],
  ])('and has %s', async (_, length, times) => {
    const { node, ask, begun, answers } = await start();
    const [one, other] = ['182vu', '1juea'].map((text) => {
      const fields = { ms: 1, code: 11, text };
      return { ...fields, text: text.padEnd(text.length + length - canonicalKey(fields).length, '.') };
    }) as [object, object];
    expect(canonicalKey(one)).toHaveLength(length);
    expect(fnv1a(canonicalKey(one))).toBe(fnv1a(canonicalKey(other)));
    ask(one);
    await node.time.advance(10);
    ask(other);
    await node.time.advance(10);
    expect(begun()).toBe(times);
    expect(answers()).toEqual([11, 11]);
  });

  it('is remembered in bounded memory: the oldest of more than 4096 refusals is forgotten', async () => {
    const { node, ask, begun } = await start();
    for (let messageId = 1; messageId <= 4097; messageId++) ask({ ms: 1, code: 11 }, messageId);
    await node.time.advance(10);
    for (const messageId of [2, 4097]) ask({ ms: 1, code: 11 }, messageId);
    expect(begun()).toBe(4097);
    ask({ ms: 1, code: 11 }, 1);
    await node.time.advance(10);
    expect(begun()).toBe(4098);
  });

  it('is remembered like any other when its number was used before', async () => {
    const { node, ask, begun } = await start();
    for (let messageId = 1; messageId <= 4095; messageId++) ask({ ms: 1, code: 11 }, messageId);
    await node.time.advance(10);
    ask({ ms: 2, code: 11 }, 1);
    for (const messageId of [4096, 4097]) ask({ ms: 3, code: 11 }, messageId);
    await node.time.advance(10);
    expect(begun()).toBe(4098);
    ask({ ms: 2, code: 11 }, 1);
    expect(begun()).toBe(4098);
  });
});
