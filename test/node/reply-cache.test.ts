/** Which requests share an outcome, and what happens to copies where a limit is reached. */

import { describe, expect, it } from 'vitest';
import { REPLY_CACHE_LIMITS, ReplyCache, type ReplyCacheLimits } from '../../src/node/reply-cache.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { ManualClock } from '../support/manual-clock.ts';

const UNKNOWN = { code: 13 };
const REFUSED = { code: 11 };

/** Every request is answered with how many were carried out. */
function start(limits: Partial<ReplyCacheLimits> = {}) {
  const clock = new ManualClock();
  const cache = new ReplyCache<{ nth: number; text?: string }>(clock, {
    ...REPLY_CACHE_LIMITS,
    countMin: 0,
    ...limits,
  });
  let count = 0;
  const ask = (messageId: number | undefined, { src = 'c1', content = 'x', text = '' } = {}) =>
    cache.share({ src, messageId }, content, async () => ({ nth: ++count, text }));
  return { clock, cache, ask, count: () => count };
}

describe('a copy', () => {
  it('has the sender, the number and the content of a request, and shares its outcome', async () => {
    const { ask, count } = start();
    expect(await ask(7)).toBe(await ask(7));
    expect(count()).toBe(1);
    for (const [messageId, more] of [
      [7, { content: 'y' }],
      [7, { src: 'c2' }],
      [8, {}],
      [undefined, {}],
      [undefined, {}],
    ] as const)
      await ask(messageId, more);
    expect(count()).toBe(6);
    // Another content under the number is no reason to forget the first.
    expect(await ask(7)).toMatchObject({ nth: 1 });
    expect(await ask(7, { content: 'y' })).toMatchObject({ nth: 2 });
  });

  it('is not what only looks like one when sender and content are put together', async () => {
    const { ask, count } = start();
    await ask(7, { src: 'a b', content: 'c' });
    await ask(7, { src: 'a', content: 'b c' });
    expect(count()).toBe(2);
  });

  it('shares an outcome that is not known yet, and an error', async () => {
    const { cache } = start();
    let count = 0;
    const ask = () =>
      cache.share({ src: 'c1', messageId: 7 }, 'x', async () => {
        count++;
        throw RpcError.of('precondition-failed');
      });
    const both = await Promise.allSettled([ask(), ask()]);
    expect(both.map((one) => one.status === 'rejected' && one.reason)).toMatchObject([{ code: 22 }, { code: 22 }]);
    await expect(ask()).rejects.toMatchObject({ code: 22 });
    expect(count).toBe(1);
  });

  it('of what was refused before it began is tried anew', async () => {
    const { cache, ask } = start();
    const refuse = () => {
      throw RpcError.of('precondition-failed');
    };
    await expect(cache.share({ src: 'c1', messageId: 7 }, 'x', refuse)).rejects.toMatchObject({ code: 22 });
    expect(await ask(7)).toMatchObject({ nth: 1 });
  });

  it('is known for 15 s after the end of the first, and longer among the newest', async () => {
    const { clock, ask } = start();
    await ask(7);
    clock.pass(14_999);
    expect(await ask(7)).toMatchObject({ nth: 1 });
    clock.pass(1);
    expect(await ask(7)).toMatchObject({ nth: 2 });

    const newest = start({ countMin: 2 });
    for (const messageId of [1, 2, 3]) await newest.ask(messageId);
    newest.clock.pass(60_000);
    expect(await newest.ask(3)).toMatchObject({ nth: 3 });
    expect(await newest.ask(2)).toMatchObject({ nth: 2 });
  });

  it('is known from an earlier life', async () => {
    const { cache, ask, count } = start();
    cache.remember({ src: 'c1', messageId: 7, content: 'x' }, { nth: 100 });
    expect(await ask(7)).toEqual({ nth: 100 });
    await ask(8);
    expect(count()).toBe(1);
    expect([...cache.all()]).toEqual([7, 8].map((messageId) => ({ src: 'c1', messageId, content: 'x' })));
  });

  it('with a long sender and content is known, and they are not kept', async () => {
    const { cache, ask, count } = start();
    const long = { src: 'c'.repeat(5000), content: 'x'.repeat(5000) };
    await ask(7, long);
    await ask(7, long);
    await ask(7, { ...long, content: `${'x'.repeat(4999)}y` });
    expect(count()).toBe(2);
    for (const { src, content } of cache.all()) expect(src.length + content.length).toBeLessThan(100);
  });
});

describe('where a limit is reached, nothing is carried out twice', () => {
  it('the outcomes are too long: a copy is told that its outcome is not known any more', async () => {
    const { ask, count } = start({ length: 100 });
    await ask(1, { text: 'a'.repeat(40) });
    await ask(2, { text: 'b'.repeat(40) });
    await expect(ask(1)).rejects.toMatchObject(UNKNOWN);
    expect(await ask(2)).toMatchObject({ nth: 2 });
    await ask(3, { text: 'c'.repeat(200) });
    await expect(ask(3)).rejects.toMatchObject(UNKNOWN);
    expect(await ask(2)).toMatchObject({ nth: 2 });
    expect(count()).toBe(3);
  });

  it('the requests are too many: what may be a copy is not carried out, and new ones are', async () => {
    const { clock, ask, count } = start({ count: 2 });
    for (const messageId of [1, 2, 3, 4]) await ask(messageId);
    await expect(ask(1)).rejects.toMatchObject(UNKNOWN);
    await expect(ask(2, { content: 'never seen' })).rejects.toMatchObject(UNKNOWN);
    expect(await ask(3)).toMatchObject({ nth: 3 });
    expect(await ask(1, { src: 'c2' })).toMatchObject({ nth: 5 });
    expect(await ask(5)).toMatchObject({ nth: 6 });
    clock.pass(15_000);
    expect(await ask(1)).toMatchObject({ nth: 7 });
    expect(count()).toBe(7);
  });

  it('the number of a sender that is forgotten never falls', async () => {
    const { ask } = start({ count: 1 });
    for (const messageId of [9, 3, 10]) await ask(messageId).catch(() => {});
    await expect(ask(3)).rejects.toMatchObject(UNKNOWN);
    await expect(ask(9)).rejects.toMatchObject(UNKNOWN);
  });

  it('their senders are too many: new requests are refused until there is room', async () => {
    const { clock, ask, count } = start({ count: 2, senders: 1 });
    for (const src of ['c1', 'c2', 'c3']) await ask(1, { src });
    // Of the first a number is remembered in place of its requests. There is no room for that of the second.
    await expect(ask(1, { src: 'c4' })).rejects.toMatchObject(REFUSED);
    await expect(ask(1, { src: 'c1' })).rejects.toMatchObject(UNKNOWN);
    expect(await ask(1, { src: 'c2' })).toMatchObject({ nth: 2 });
    clock.pass(15_000);
    await ask(1, { src: 'c4' });
    expect(count()).toBe(4);
  });

  it('what is remembered stays within the limits', async () => {
    const { cache, ask } = start({ count: 100, senders: 10 });
    for (let messageId = 1; messageId <= 1000; messageId++)
      await ask(messageId, { src: `c${messageId % 50}` }).catch(() => {});
    expect(cache.size).toBe(100);
  });
});
