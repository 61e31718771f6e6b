/** The feed of assignments: what its readers get, in which order, and what they never get. */

import { describe, expect, it } from 'vitest';
import { encodeCursor } from '../../../src/ids/fleet/feed-cursor.ts';
import { feedWaitingMax } from '../../../src/ids/fleet/feed-reader.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { FeedRig, type FeedRigOptions, SERVICE } from '../../support/feed-rig.ts';
import type { WireMessage } from '../../support/store-rig.ts';

const KEYS = Array.from({ length: 10 }, (_, number) => `k${number}`);

/** The creation of an assignment, but for those of a key. */
function isRecordOf(key: string): (message: WireMessage) => boolean {
  return ({ body }) => body.type === 'cas' && body.key === `guid/${SERVICE}/${key}`;
}

describe('a feed', () => {
  it('has every assignment once, in one order for every reader, in answers of any length', async () => {
    const rig = new FeedRig();
    const nodes = [await rig.open(), await rig.open(), await rig.open()];
    const assigning = nodes.flatMap((node, number) => KEYS.map((key) => node.assign(`${key}-${number}`)));
    const ids = await rig.run(Promise.all(assigning));
    const [first, ...others] = await Promise.all([await rig.open(), ...nodes].map((node) => rig.readAll(node)));
    expect(new Set(first?.ids)).toEqual(new Set(ids));
    expect(first?.ids).toHaveLength(ids.length);
    for (const other of others) expect(other).toEqual(first);
    for (const limit of [1, 2, 3, 7]) expect(await rig.readAll(await rig.open(), limit)).toEqual(first);
  });

  it('has the assignments of its service alone', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    const id = await rig.run(node.assign('k'));
    await rig.run(node.assign('k', 'booking'));
    await rig.run(node.assign('k', 'payment/0'));
    expect(await rig.readAll(node)).toMatchObject({ ids: [id], keys: ['k'] });
  });

  it('goes on behind a cursor on any node, also where a page ends', async () => {
    const rig = new FeedRig({ feedPage: 2 });
    const node = await rig.open();
    const ids: string[] = [];
    let after: string | undefined;
    for (const key of KEYS) {
      ids.push(await rig.run(node.assign(key)));
      const answer = await rig.run((await rig.open()).read({ ...(after && { after }) }));
      expect(answer.keys).toEqual([key]);
      expect(answer.ids).toEqual([ids.at(-1)]);
      after = answer.cursor;
    }
    expect((await rig.readAll(node)).ids).toEqual(ids);
  });

  it('is empty for a service without assignments, and its cursor is good for the first one', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    const { ids, cursor } = await rig.run(node.read());
    expect(ids).toEqual([]);
    const id = await rig.run(node.assign('k'));
    expect((await rig.run(node.read({ after: cursor }))).ids).toEqual([id]);
  });

  it('is one reading a page for every later reader', async () => {
    const rig = new FeedRig({ feedPage: 5 });
    const node = await rig.open();
    await rig.assignAll(node, [...KEYS, 'last']);
    await rig.readAll(node);
    expect([0, 1, 2].map((number) => rig.page(number)?.state)).toEqual(['sealed', 'sealed', 'open']);
    const late = await rig.open();
    const before = rig.readCount(`guid/`);
    await rig.readAll(late);
    // The one that is on the last page.
    expect(rig.readCount(`guid/`) - before).toBe(1);
  });
});

describe('a node that has appended nothing for long', () => {
  it.each([2, 30])('finds the end of the feed with few requests when others have filled %i pages', async (count) => {
    const rig = new FeedRig({ feedPage: 2 });
    const [late, other] = [await rig.open(), await rig.open()];
    const keys = Array.from({ length: 2 * count }, (_, number) => `k${number}`);
    const ids = [...(await rig.assignAll(late, ['first'])), ...(await rig.assignAll(other, keys))];
    const before = rig.rig.wire.length;
    ids.push(await rig.run(late.assign('last')));
    const asked = rig.rig.wire.slice(before).filter(({ body: { key } }) => String(key).startsWith('feed'));
    expect(asked.length).toBeLessThan(12);
    expect((await rig.readAll(other)).ids).toEqual(ids);
  });

  it('goes on page by page if the head lags behind', async () => {
    const rig = new FeedRig({ feedPage: 2 });
    const [late, other] = [await rig.open(), await rig.open()];
    const ids = await rig.assignAll(late, ['first']);
    rig.rig.lose(({ body }) => body.type === 'cas' && body.key === `feed/${SERVICE}`);
    ids.push(...(await rig.assignAll(other, KEYS)));
    ids.push(await rig.run(late.assign('last')));
    rig.rig.heal();
    expect((await rig.readAll(other)).ids).toEqual(ids);
  });
});

describe('an intention', () => {
  it('of a node that died is assigned by the reader, and found by its id', async () => {
    const rig = new FeedRig();
    const dying = await rig.open();
    rig.rig.lose(isRecordOf('k'));
    void dying.assign('k').catch(() => {});
    await rig.rig.pass(100);
    dying.life.kill();
    rig.rig.heal();
    const node = await rig.open();
    const { ids } = await rig.readAll(node);
    expect(ids).toHaveLength(1);
    expect(await rig.run(node.assign('k'))).toBe(ids[0]);
    expect(await rig.run(node.assignments.find(ids[0] as string))).toMatchObject({ service: SERVICE, key: 'k' });
  });

  it('whose node has not written the page of its id is found by its id, too', async () => {
    const rig = new FeedRig();
    const dying = await rig.open();
    rig.rig.lose(({ body }) => body.type === 'cas' && String(body.key).startsWith('guid-page/'));
    await expect(rig.run(dying.assign('k'))).rejects.toMatchObject({ code: 13 });
    rig.rig.heal();
    const node = await rig.open();
    const [id] = (await rig.readAll(node)).ids;
    expect(await rig.run(node.assignments.find(id as string))).toMatchObject({ key: 'k' });
  });

  it('that is slow is not passed: what is behind it comes later', async () => {
    const rig = new FeedRig();
    const [slow, fast] = [await rig.open(), await rig.open()];
    await rig.assignAll(fast, ['a']);
    rig.rig.lose(isRecordOf('slow'));
    const late = slow.assign('slow').catch(() => {});
    await rig.rig.pass(50);
    await rig.assignAll(fast, ['b']);
    // The reader cannot make it either.
    const node = await rig.open();
    const { keys, cursor } = await rig.run(node.read());
    expect(keys).toEqual(['a']);
    await expect(rig.run(node.read({ after: cursor }))).rejects.toMatchObject({ code: 11 });
    rig.rig.heal();
    const id = await rig.run(node.read({ after: cursor }).then(({ ids }) => ids[0]));
    await late;
    expect((await rig.readAll(fast)).keys).toEqual(['a', 'slow', 'b']);
    expect(await rig.run(slow.assign('slow'))).toBe(id);
  });

  it('that lost against another is not delivered, and marked before it is passed', async () => {
    const rig = new FeedRig();
    const nodes = [await rig.open(), await rig.open(), await rig.open()];
    const [id] = await rig.run(Promise.all(nodes.map((node) => node.assign('k'))));
    expect(rig.page(0)).toMatchObject({ lost: [] });
    expect(rig.page(0)?.entries).toHaveLength(3);
    const node = await rig.open();
    expect((await rig.readAll(node)).ids).toEqual([id]);
    expect(rig.page(0)?.lost).toHaveLength(2);
  });

  it('that lost is not passed before that is marked', async () => {
    const rig = new FeedRig();
    const nodes = [await rig.open(), await rig.open()];
    await rig.run(Promise.all(nodes.map((node) => node.assign('k'))));
    await rig.assignAll(nodes[0] as (typeof nodes)[0], ['behind']);
    rig.rig.lose(({ body }) => body.type === 'cas' && String(body.key).startsWith('feed-page/'));
    const node = await rig.open();
    const readAll = rig.readAll(node);
    await expect(readAll).rejects.toMatchObject({ code: 11 });
    expect(rig.page(0)?.lost).toEqual([]);
    rig.rig.heal();
    expect((await rig.readAll(node)).keys).toEqual(['k', 'behind']);
  });

  it('is appended once, also if answers are lost', async () => {
    for (let lost = 0; lost < 6; lost++) {
      const rig = new FeedRig();
      const node = await rig.open();
      let answered = 0;
      rig.rig.lose(({ src }) => src === 'lin-kv' && answered++ === lost);
      const id = await rig.run(node.assign('k'));
      expect(rig.page(0)?.entries).toEqual([[id, 'k']]);
      expect((await rig.readAll(node)).ids).toEqual([id]);
    }
  });
});

describe('an entry whose key has an assignment that may have ended', () => {
  /** A page with an entry that lost, read by a node that knows so much of what is kept. */
  const readWith = async (isKept: (id: string) => boolean) => {
    let isKnown = true;
    const retention: FeedRigOptions['retention'] = {
      isCurrent: () => isKnown,
      isKept: (id) => isKnown || isKept(id),
    };
    const rig = new FeedRig({ retention });
    const nodes = [await rig.open(), await rig.open()];
    const [id] = await rig.run(Promise.all(nodes.map((node) => node.assign('k'))));
    isKnown = false;
    const node = await rig.open();
    const [loser = ''] = (rig.page(0)?.entries ?? []).map(([own]) => own).filter((own) => own !== id);
    return { id, fate: rig.run(node.assignments.fateOf({ id: loser, service: SERVICE, key: 'k' })) };
  };

  it('has lost if that one is kept', async () => {
    expect(await (await readWith(() => true)).fate).toBe('lost');
  });

  it('is not told while an ended one is still there', async () => {
    const { id, fate } = await readWith(() => false);
    const message = `the assignment of ${id} has ended, and is not removed yet`;
    await expect(fate).rejects.toMatchObject({ code: 11, message });
  });

  it('is not told while it is not known what is kept', async () => {
    const message = 'it cannot be told now';
    const { fate } = await readWith(() => {
      throw RpcError.of('temporarily-unavailable', message);
    });
    await expect(fate).rejects.toMatchObject({ code: 11, message });
  });
});

it('the places for requests that wait are half of all, at least one, at most 1000', () => {
  expect([1, 2, 5, 10_000].map(feedWaitingMax)).toEqual([1, 1, 2, 1000]);
});

describe('a cursor', () => {
  it.each([
    ['a text', 'latest'],
    ['a place without its check', '0.0'],
    ['a changed place', encodeCursor(SERVICE, { page: 0, position: 1 }).replace('0.1', '0.2')],
    ['one with a leading zero', encodeCursor(SERVICE, { page: 0, position: 1 }).replace('0.1', '0.01')],
    ['one of another service', encodeCursor('booking', { page: 0, position: 0 })],
  ])('that is %s is refused with error 12', async (_, after) => {
    const node = await new FeedRig().open();
    await expect(node.read({ after })).rejects.toMatchObject({
      code: 12,
      message: expect.stringMatching(/^body\.after: /),
    });
  });

  it.each([
    ['behind the last entry', { page: 0, position: 2 }],
    ['behind the last page', { page: 1, position: 0 }],
    ['far behind', { page: 7, position: 7 }],
  ])('%s is refused with error 14, for the store has lost what was read', async (_, place) => {
    const rig = new FeedRig();
    const node = await rig.open();
    await rig.assignAll(node, ['k']);
    const reading = rig.run(node.read({ after: encodeCursor(SERVICE, place) }));
    await expect(reading).rejects.toMatchObject({ code: 14, message: expect.stringContaining('behind the end') });
    expect(await rig.run(node.reader.reaches(SERVICE, place))).toBe(false);
  });
});

describe('a request that waits', () => {
  it('is answered when this node assigns an id', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    const waiting = node.read({ waitMs: 10_000 });
    await rig.rig.pass(1000);
    const beganMs = rig.rig.time.now();
    const id = await rig.run(node.assign('k'));
    expect((await rig.run(waiting)).ids).toEqual([id]);
    expect(rig.rig.time.now() - beganMs).toBeLessThan(20);
  });

  it('is answered soon when another node assigns an id, from wherever it waits', async () => {
    const rig = new FeedRig({ feedPage: 2 });
    const [node, other] = [await rig.open(), await rig.open()];
    for (const key of KEYS) {
      const { cursor } = await rig.readAll(node);
      const waiting = node.read({ after: cursor, waitMs: 10_000 });
      await rig.rig.pass(1000);
      const beganMs = rig.rig.time.now();
      const id = await rig.run(other.assign(key));
      expect((await rig.run(waiting)).ids).toEqual([id]);
      expect(rig.rig.time.now() - beganMs).toBeLessThan(200);
    }
  });

  it('is answered when the time is over, with a cursor and nothing else', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    const { cursor } = await rig.readAll(node);
    const answer = await rig.run(node.read({ waitMs: 3000 }));
    expect(answer).toEqual({ ids: [], keys: [], cursor });
    expect(rig.rig.time.now()).toBeGreaterThanOrEqual(3000);
    expect(node.reader.waitingCount).toBe(0);
  });

  it('costs no reading of its own', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    const waiting = Promise.all(Array.from({ length: 10 }, () => node.read({ waitMs: 5000 })));
    await rig.rig.pass(100);
    const before = rig.readCount('feed');
    await rig.rig.pass(1000);
    expect(rig.readCount('feed') - before).toBeLessThan(11);
    await rig.run(waiting);
    const after = rig.readCount('feed');
    await rig.rig.pass(1000);
    expect(rig.readCount('feed')).toBe(after);
  });

  it('is refused if too many wait', async () => {
    const rig = new FeedRig({ waitingMax: 2 });
    const node = await rig.open();
    const waiting = [node.read({ waitMs: 2000 }), node.read({ waitMs: 2000 })];
    await rig.rig.pass(100);
    await expect(rig.run(node.read({ waitMs: 2000 }))).rejects.toMatchObject({
      code: 11,
      message: '2 requests wait for new assignments already',
    });
    await rig.run(Promise.all(waiting));
    expect((await rig.run(node.read({ waitMs: 10 }))).ids).toEqual([]);
  });

  it('is answered at once when the node is about to stop, and none waits from then on', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    const waiting = node.read({ waitMs: 10_000 });
    await rig.rig.pass(100);
    const beganMs = rig.rig.time.now();
    node.life.node.drain();
    expect((await rig.run(waiting)).ids).toEqual([]);
    expect(rig.rig.time.now()).toBe(beganMs);
    expect((await rig.run(node.read({ waitMs: 10_000 }))).ids).toEqual([]);
    expect(rig.rig.time.now() - beganMs).toBeLessThan(100);
  });

  it('is answered at once when the node stops', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    const waiting = node.read({ waitMs: 10_000 });
    await rig.rig.pass(100);
    const beganMs = rig.rig.time.now();
    node.life.node.stop('the end');
    expect((await rig.run(waiting)).ids).toEqual([]);
    expect(rig.rig.time.now()).toBe(beganMs);
    expect(
      await rig.run(
        node.reader.read({ service: SERVICE, from: undefined, limit: 1, waitMs: 9 }).catch((error) => error),
      ),
    ).toMatchObject({ code: 11 });
  });
});

describe('a group', () => {
  it('moves forward only, on every node, and each is told where it is', async () => {
    const rig = new FeedRig({ feedPage: 2 });
    const [one, other] = [await rig.open(), await rig.open()];
    const places = [
      { page: 0, position: 1 },
      { page: 1, position: 0 },
      { page: 1, position: 1 },
    ] as const;
    expect(await rig.run(one.groups.placeOf(SERVICE, 'g'))).toBeUndefined();
    expect(await rig.run(one.groups.commit(SERVICE, 'g', places[1]))).toEqual(places[1]);
    expect(await rig.run(other.groups.commit(SERVICE, 'g', places[0]))).toEqual(places[1]);
    expect(await rig.run(other.groups.placeOf(SERVICE, 'g'))).toEqual(places[1]);
    expect(await rig.run(other.groups.commit(SERVICE, 'g', places[2]))).toEqual(places[2]);
    expect(await rig.run(one.groups.placeOf(SERVICE, 'g'))).toEqual(places[2]);
    expect(await rig.run(one.groups.placeOf(SERVICE, 'h'))).toBeUndefined();
    expect(await rig.run(one.groups.placeOf('booking', 'g'))).toBeUndefined();
  });

  it('is not said to have moved if that is not known', async () => {
    const rig = new FeedRig();
    const node = await rig.open();
    rig.rig.lose(({ body }) => body.type === 'cas');
    await expect(rig.run(node.groups.commit(SERVICE, 'g', { page: 0, position: 0 }))).rejects.toMatchObject({
      code: 13,
    });
  });
});
