/** Logs of two nodes on a scripted lin-kv: offsets, segments, the owner of a key, and what a lost message leaves. */

import { describe, expect, it } from 'vitest';
import { parseExact } from '../../../src/protocol/exact-json.ts';
import { hash53 } from '../../../src/protocol/hash.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { Send } from '../../../src/workloads/kafka/messages.ts';
import type { KafkaParts } from '../../../src/workloads/kafka/node.ts';
import { KafkaRig } from '../../support/kafka-rig.ts';
import { LOST } from '../../support/store-rig.ts';

/** A key of n0, and both nodes. */
function start(limits = {}) {
  const rig = new KafkaRig();
  const [owner, other] = [rig.begin('n0', limits), rig.begin('n1', limits)];
  return { rig, owner, other, key: owner.ownKey };
}

describe('a log', () => {
  it('has offsets 0, 1, 2, …, whichever node is asked, and any node shows it', async () => {
    const { owner, other, key } = start();
    expect([await owner.send(key, 'a'), await other.send(key, 'b'), await owner.send(key, 'c')]).toEqual([0, 1, 2]);
    const all = { [key]: [[0, 'a'], [1, 'b'], [2, 'c']] }; // biome-ignore format: one line
    expect(await owner.poll({ [key]: 0 })).toEqual(all);
    expect(await other.poll({ [key]: 0, none: 0 })).toEqual({
      [key]: [
        [0, 'a'],
        [1, 'b'],
      ],
    });
    expect(await other.poll({ [key]: 2 })).toEqual({});
    await other.send(key, 'd');
    expect(await other.poll({ [key]: -7 })).toMatchObject({ [key]: { length: 4 } });
    expect(await other.poll({ [key]: 9 })).toEqual({});
  });

  it('is shown from any offset by a node that only sent to it, and has only its end in memory', async () => {
    const { other, key } = start({ segment: 2, window: 2 });
    for (let message = 0; message < 9; message++) await other.send(key, message);
    for (let from = 0; from < 9; from++)
      expect((await other.poll({ [key]: from }))[key]?.[0], `from ${from}`).toEqual([from, from]);
  });

  it('holds any JSON, and exact numbers where the caller has them', async () => {
    const { owner, other, key } = start();
    const messages = [null, { a: ['x'] }, '"', parseExact('12345678901234567890'), undefined];
    await owner.sendAll(key, messages);
    const shown = (await other.poll({ [key]: 0 }))[key];
    expect(shown?.map(([, message]) => message)).toEqual([...messages.slice(0, 4), null]);
  });

  it('goes on in the next segment when one is full, and is polled without a gap from every offset', async () => {
    const { rig, owner, other, key } = start({ segment: 2, window: 1, closed: 1, page: 16 });
    await owner.sendAll(key, [0, 1, 2, 3, 4]);
    expect([0, 1, 2, 3].map((index) => rig.segment(key, index)?.base)).toEqual([0, 2, 4, undefined]);
    for (const node of [owner, other])
      for (let from = 0; from <= 5; from++) {
        const expected = [0, 1, 2, 3, 4].slice(from).map((message) => [message, message]);
        expect(await node.poll({ [key]: from })).toEqual(from === 5 ? {} : { [key]: expected });
      }
  });

  it('is polled in pages', async () => {
    const { owner, key } = start({ page: 2 });
    await owner.sendAll(key, ['a', 'b', 'c']);
    expect(await owner.poll({ [key]: 0 })).toEqual({ [key]: [[0, 'a'], [1, 'b']] }); // biome-ignore format: one line
  });

  it('is found again after kill -9 of all nodes, with few readings of a long one', async () => {
    const { rig, owner, other, key } = start({ segment: 1 });
    await owner.sendAll(key, [...Array(40).keys()]);
    owner.kill();
    other.kill();
    const again = rig.begin('n1', { segment: 1 });
    const before = rig.requests('read').length;
    expect(await again.send(key, 'new')).toBe(40);
    expect(rig.requests('read').length - before).toBeLessThan(20);
    expect(await again.poll({ [key]: 38 })).toEqual({ [key]: [[38, 38], [39, 39], [40, 'new']] }); // biome-ignore format: one line
  });

  it('is the same when the node remembers one log at a time', async () => {
    const { owner, other } = start({ logs: 1 });
    for (const node of [owner, other]) for (const key of ['x', 'y', 'z']) await node.sendAll(key, [1, 2]);
    expect(await other.poll({ x: 3, y: 0, z: 2 })).toMatchObject({ x: { length: 1 }, y: { length: 4 } });
  });
});

describe('messages', () => {
  it('cost two at the owner of a key, and four elsewhere once the log is known', async () => {
    const { rig, owner, other, key } = start();
    expect(await rig.count(() => owner.send(key, 1))).toBe(2);
    expect(await rig.count(() => other.send(key, 2))).toBe(6);
    expect(await rig.count(() => other.send(key, 3))).toBe(4);
    expect(await rig.count(() => other.poll({ [key]: 0 }))).toBe(0);
  });

  it('are shared by what is sent at the same time', async () => {
    const { rig, owner, other, key } = start();
    await other.send(key, 0);
    const together = (node: typeof owner) => () => rig.together(() => [1, 2, 3, 4].map((one) => node.send(key, one)));
    expect(await rig.count(together(owner))).toBe(4);
    expect(await rig.count(together(other))).toBe(8);
    expect(rig.stored(key)).toHaveLength(9);
  });

  it('are spared by polls at the end for half a second, and for two at the owner', async () => {
    const { rig, owner, other, key } = start();
    await other.send(key, 0);
    const polls = (node: typeof owner) => rig.count(() => node.poll({ [key]: 1 }));
    await rig.pass(400);
    expect([await polls(owner), await polls(other)]).toEqual([0, 0]);
    await rig.pass(200);
    expect([await polls(owner), await polls(other), await polls(other)]).toEqual([0, 2, 0]);
    await rig.pass(1500);
    expect(await polls(owner)).toBe(2);
  });
});

describe('a message is in the log once', () => {
  it.each(['cas', 'cas_ok'])('if the store is not heard: %s', async (type) => {
    const { rig, owner, key } = start();
    await owner.send(key, 'a');
    rig.next(type, LOST);
    expect(await owner.send(key, 'b')).toBe(1);
    expect(rig.stored(key)).toEqual(['a', 'b']);
  });

  it.each(['append_entries', 'append_entries_ok'])('if the owner is not heard: %s', async (type) => {
    const { rig, other, key } = start({ segment: 1 });
    await other.send(key, 'a');
    rig.next(type, LOST);
    expect(await other.send(key, 'b')).toBe(1);
    expect(rig.stored(key)).toEqual(['a', 'b']);
  });

  it('if the owner hears of it late, when the node has appended it itself and its segment is closed', async () => {
    const { rig, owner, other, key } = start({ segment: 1 });
    await other.send(key, 'a');
    rig.next('append_entries', [4000]);
    expect(await other.send(key, 'b')).toBe(1);
    await other.send(key, 'c');
    await rig.pass(5000);
    expect(rig.stored(key)).toEqual(['a', 'b', 'c']);
    expect(await owner.send(key, 'd')).toBe(3);
  });

  it('if a life of the owner hears of it that knows nothing of the log', async () => {
    const { rig, owner, other, key } = start({ segment: 1, window: 1 });
    await other.sendAll(key, ['a', 'b']);
    rig.next('append_entries', [1, 4000]);
    await other.sendAll(key, ['c', 'd', 'e']);
    owner.kill();
    rig.begin('n0', { segment: 1, window: 1 });
    await rig.pass(5000);
    expect(rig.stored(key)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('if the network delivers its request twice', async () => {
    const { rig, owner, key } = start();
    expect([await owner.send(key, 'a', 7), await owner.send(key, 'a', 7), await owner.send(key, 'a', 8)]).toEqual([
      0, 0, 1,
    ]);
    expect(rig.stored(key)).toEqual(['a', 'a']);
    await rig.pass(30_000);
    // It is among the newest, which are known for longer than messages are under way.
    expect(await owner.send(key, 'a', 7)).toBe(0);
  });

  it('if two nodes append at the same time: each has an offset of its own', async () => {
    const { rig, owner, other, key } = start();
    await rig.together(() => [owner.send(key, 'a'), other.send(key, 'b')]);
    rig.drawFate = ({ body: { type } }) => (type === 'append_entries' ? LOST : [1]);
    // The owner is not heard, so both append from here on.
    await other.send(key, 'c');
    const both = (message: string) => [owner.send(key, message), other.send(key, message)];
    const offsets = await rig.together(() => ['d', 'e', 'f'].flatMap(both));
    expect(new Set(offsets).size).toBe(6);
    expect(rig.stored(key)).toHaveLength(9);
  });
});

describe('an owner that is dead', () => {
  it('delays one message by a second and a look at the store, and no other', async () => {
    const { rig, owner, other, key } = start();
    await other.send(key, 'a');
    owner.kill();
    const [before, first] = [rig.time.now(), await other.send(key, 'b')];
    const second = rig.time.now();
    expect(await other.send(key, 'c')).toBe(2);
    expect([first, second - before, rig.time.now() - second]).toEqual([1, 1006, 2]);
    await rig.pass(4000);
    const late = rig.time.now();
    expect((await rig.together(() => ['d', 'e', 'f'].map((message) => other.send(key, message)))).sort()).toEqual([
      3, 4, 5,
    ]);
    expect(rig.time.now() - late).toBeLessThan(1020);
    rig.begin('n0');
    await rig.pass(4000);
    expect(await rig.count(() => other.send(key, 'd'))).toBeGreaterThan(3);
  });
});

describe('a store that is silent', () => {
  const silence = (rig: KafkaRig) => {
    rig.drawFate = ({ src, dest }) => (src === 'lin-kv' || dest === 'lin-kv' ? LOST : [1]);
  };

  it('leaves a message undecided that may have reached it, error 13', async () => {
    const { rig, owner, other, key } = start();
    await other.send(key, 'a');
    silence(rig);
    for (const node of [owner, other]) await expect(node.send(key, 'b')).rejects.toMatchObject({ code: 13 });
  });

  it('refuses a message that nothing was done for, error 11', async () => {
    const { rig, other, key } = start();
    silence(rig);
    await expect(other.send(key, 'a')).rejects.toMatchObject({ code: 11 });
  });

  it('refuses a poll that needs it, and not one from memory', async () => {
    const { rig, owner, key } = start();
    await owner.send(key, 'a');
    silence(rig);
    await rig.pass(3000);
    expect(await owner.poll({ [key]: 0, other: 0 })).toEqual({ [key]: [[0, 'a']] });
    await expect(owner.poll({ [key]: 1 })).rejects.toMatchObject({ code: 11 });
  });

  it('leaves a commit undecided, never refused: the client has moved on', async () => {
    const { rig, owner } = start();
    silence(rig);
    await expect(owner.commit({ k: 1 })).rejects.toMatchObject({ code: 13 });
  });
});

describe('committed offsets', () => {
  it('are the greatest of all, at every node and after kill -9', async () => {
    const { rig, owner, other } = start();
    await owner.commit({ a: 3, b: 0 });
    await rig.together(() => [other.commit({ a: 2, c: 9 }), owner.commit({ c: 7 }), owner.commit({ c: 8 })]);
    owner.kill();
    other.kill();
    expect(await rig.begin('n0').committed('a', 'b', 'c', 'd')).toEqual({ a: 3, b: 0, c: 9 });
  });

  it('are there though the store was not heard', async () => {
    const { rig, owner, other } = start();
    rig.next('cas_ok', LOST);
    await owner.commit({ a: 3 });
    expect(await other.committed('a')).toEqual({ a: 3 });
  });

  it('cost nothing where they are known to be no news', async () => {
    const { rig, owner } = start();
    expect(await rig.count(() => owner.commit({ a: 3 }))).toBe(2);
    expect(await rig.count(() => owner.commit({ a: 2 }))).toBe(0);
  });

  it('are in parts where a document has too many keys, and none is lost on the way', async () => {
    const { rig, owner, other } = start({ committed: 8 });
    const keys = Array.from({ length: 120 }, (_, number) => `k${number}`);
    for (const [offset, key] of keys.entries()) await (offset % 2 === 0 ? owner : other).commit({ [key]: offset });
    const all = Object.fromEntries(keys.map((key, offset) => [key, offset]));
    for (const node of [owner, other]) expect(await node.committed(...keys)).toEqual(all);
    owner.kill();
    other.kill();
    // The greatest of two in the parts as well, at a node that does not know of them.
    await rig.begin('n1').commit({ k0: 9, k119: 5 });
    expect(await rig.begin('n0').committed(...keys)).toEqual({ ...all, k0: 9 });
    const document = (name: string) => JSON.parse(rig.look('lin-kv', { type: 'read', key: name }).value ?? '{}');
    expect(document('committed/0')).toMatchObject({ offsets: [], isSplit: true });
    const lengths = ['', ...'01234567'].flatMap((first) =>
      [...'01234567'].map((second) => document(`committed/${first && `${first}/`}${second}`).offsets?.length ?? 0),
    );
    expect(Math.max(...lengths)).toBeLessThanOrEqual(4);
  });

  /** How often a commit is gone that came while another node, and only that, split the document. */
  async function lostCommits(altered: Partial<KafkaParts> = {}): Promise<number> {
    const [first = '', second = '', third = ''] = [
      'k',
      ...Array.from({ length: 50 }, (_, number) => `k${number}`),
    ].filter((key) => hash53(key) % 8 === hash53('k') % 8);
    let lost = 0;
    for (let atMs = 0; atMs < 40; atMs++) {
      const rig = new KafkaRig();
      const random = new SeededRandom(atMs);
      rig.drawFate = () => [1 + random.integer(20)];
      const [one, other] = [rig.begin('n0', { committed: 1 }, altered), rig.begin('n1')];
      rig.isTogether = true;
      const commits = [
        one.commit({ [first]: 1, [second]: 1 }),
        new Promise<void>((resolve) => rig.time.schedule(atMs, resolve)).then(() => other.commit({ [third]: 1 })),
      ];
      await rig.run(Promise.all(commits));
      rig.isTogether = false;
      await rig.pass(500);
      one.kill();
      if (Object.keys(await rig.begin('n0').committed(first, second, third)).length < 3) lost++;
    }
    return lost;
  }

  it('are not lost when a commit comes while their document is split', async () => {
    expect(await lostCommits()).toBe(0);
  });

  it('would be lost if the parts were believed to have all of it', async () => {
    expect(await lostCommits({ commits: { isMoved: () => true } })).toBeGreaterThan(0);
  });

  it('are no negative numbers, and none beyond a double', async () => {
    const { owner } = start();
    for (const offset of [-1, 2 ** 60, 0.5]) {
      await expect(owner.commit({ a: offset })).rejects.toMatchObject({ code: 12 });
    }
  });
});

describe('a key', () => {
  it('may be any text, and must be well-formed', async () => {
    const { owner } = start();
    for (const key of ['', '__proto__', 'a/b', '%']) expect(await owner.send(key, 1)).toBe(0);
    expect(Object.entries(await owner.poll({ 'a/b': 0, '%': 0 }))).toHaveLength(2);
    const offsets = JSON.parse('{"__proto__":0,"constructor":0}');
    await owner.commit(offsets);
    expect(JSON.stringify(await owner.committed('__proto__', 'constructor', 'toString'))).toBe(JSON.stringify(offsets));
    expect(JSON.stringify(await owner.poll(offsets))).toBe('{"__proto__":[[0,1]]}');
    await expect(owner.ask(Send, { key: '\ud800', msg: 1 })).rejects.toMatchObject({ code: 12 });
  });
});
