/** The counter on the simulated disk: what is told, what outlives kills and power failures, and copies. */

import { describe, expect, it } from 'vitest';
import type { Folder } from '../../../src/protocol/folder.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { SimulatedDisk } from '../../../src/simulator/simulated-disk.ts';
import { DurableCounter } from '../../../src/workloads/pn-counter/durable-counter.ts';
import { settle } from '../../support/virtual-time.ts';

const FOREVER = Number.POSITIVE_INFINITY;

/** A life that ends before the step with this number takes effect. */
function lifeOf(steps: number) {
  let left = steps;
  return {
    setTimer: (_delayMs: number, callback: () => void) => {
      if (left-- > 0) queueMicrotask(callback);
    },
  };
}

/** A node whose lives follow each other on one disk. */
function newMachine(seed: string | number = 'counter') {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
  let lives = 0;
  let nowMs = 0;
  const clock = { wallMs: () => nowMs, monotonicMs: () => nowMs };
  return {
    disk,
    pass: (ms: number) => {
      nowMs += ms;
    },
    open: (own: { folder?: Folder | undefined; steps?: number; compactLength?: number } = {}) => {
      const { steps = FOREVER, compactLength = 1 << 20, folder = disk.open(lifeOf(steps)) } = own;
      return DurableCounter.open({ nodeId: 'n0', epoch: `e${++lives}`, clock, folder, compactLength });
    },
  };
}

const source = (messageId: number, src = 'c1') => ({ src, messageId });

describe('an add', () => {
  it('is in the sum when it is durable, and not before', async () => {
    const counter = await newMachine().open();
    const added = counter.add(5, source(1));
    expect(counter.slots.sum).toBe(0n);
    await added;
    expect(counter.slots.all()).toEqual([['n0', 'e1', 5, 0]]);
    await Promise.all([counter.add(-7, source(2)), counter.add(1, source(3))]);
    expect(counter.slots.all()).toEqual([['n0', 'e1', 6, 7]]);
  });

  it('is refused for certain if the sum of this life would be too large', async () => {
    const counter = await newMachine().open();
    await counter.add(Number.MAX_SAFE_INTEGER, source(1));
    await expect(counter.add(1, source(2))).rejects.toMatchObject({ code: 22 });
    await counter.add(-Number.MAX_SAFE_INTEGER, source(3));
    await expect(counter.add(-1, source(4))).rejects.toMatchObject({ code: 22 });
    expect(counter.slots.sum).toBe(0n);
  });

  it('is undecided, and the last, if the disk fails', async () => {
    const { disk, open } = newMachine();
    const folder = disk.open(lifeOf(FOREVER));
    const counter = await open({ folder });
    await counter.add(5, source(1));
    folder.sync = () => Promise.reject(new Error('the disk is broken'));
    const added = counter.add(3, source(2));
    const copy = counter.add(3, source(2));
    await expect(added).rejects.toMatchObject({ code: 13 });
    await expect(copy).rejects.toMatchObject({ code: 13 });
    expect(counter.failure?.message).toBe('the disk is broken');
    await expect(counter.add(1, source(3))).rejects.toMatchObject({ code: 13 });
    await expect(counter.learn([['n1', 'e', 1, 0]], 'n1')).rejects.toMatchObject({ code: 13 });
    expect(counter.slots.sum).toBe(5n);
  });
});

describe('a copy', () => {
  it('counts once: while the first one waits for the disk, and later', async () => {
    const counter = await newMachine().open();
    await Promise.all([counter.add(5, source(1)), counter.add(5, source(1))]);
    await counter.add(5, source(1));
    expect(counter.slots.sum).toBe(5n);
  });

  it('is not what another client asks, or under another number, or for another delta', async () => {
    const counter = await newMachine().open();
    await counter.add(5, source(1));
    await counter.add(5, source(1, 'c2'));
    await counter.add(5, source(2));
    await counter.add(4, source(1));
    await counter.add(1, { src: 'c1' });
    await counter.add(1, { src: 'c1' });
    expect(counter.slots.sum).toBe(21n);
  });

  it.each([1 << 20, 1])('counts once in a later life too, with a journal written anew at %i', async (compactLength) => {
    const { open } = newMachine();
    const first = await open({ compactLength });
    for (let number = 0; number < 5; number++) await first.add(1, source(number));
    await settle();
    for (let life = 0; life < 3; life++) {
      const next = await open({ compactLength });
      for (let number = 0; number < 5; number++) await next.add(1, source(number));
      expect(next.slots.all()).toEqual([['n0', 'e1', 5, 0]]);
      await settle();
    }
  });

  it('is known for 15 s, and the newest 4096 for longer', async () => {
    const { open, pass } = newMachine();
    const counter = await open({ folder: undefined });
    await counter.add(1, source(0));
    pass(14_999);
    for (let number = 1; number <= 4097; number++) await counter.add(1, source(number));
    await counter.add(1, source(0));
    expect(counter.slots.sum).toBe(4098n);
    pass(2);
    await counter.add(1, source(5000));
    await counter.add(1, source(0));
    expect(counter.slots.sum).toBe(4100n);
    await counter.add(1, source(1000));
    expect(counter.slots.sum).toBe(4100n);
  });
});

it('learns what is durable, and nothing before', async () => {
  const { open } = newMachine();
  const counter = await open();
  const learned = counter.learn([['n1', 'x', 7, 2]], 'n1');
  expect(counter.slots.sum).toBe(0n);
  await learned;
  expect(counter.slots.sum).toBe(5n);
  const { length } = counter;
  await counter.learn([['n1', 'x', 6, 2]], 'n1');
  expect(counter.length).toBe(length);
  expect((await open()).slots.sum).toBe(5n);
});

describe('a later life', () => {
  it('knows what was added and learned, and adds in a slot of its own', async () => {
    const { open } = newMachine();
    const first = await open();
    await first.add(5, source(1));
    await first.learn([['n1', 'x', 7, 2]], 'n1');
    const second = await open();
    expect(second.slots.sum).toBe(10n);
    await second.add(-1, source(2));
    await open();
    const fourth = await open();
    expect(fourth.slots.all()).toEqual([
      ['n0', 'e1', 5, 0],
      ['n0', 'e2', 0, 1],
      ['n1', 'x', 7, 2],
    ]);
  });

  it('that lost its disk is not swallowed by what others know of the old one', async () => {
    const { disk, open } = newMachine();
    await (await open()).add(5, source(1));
    disk.damage('lost');
    const second = await open();
    await second.add(3, source(2));
    await second.learn([['n0', 'e1', 5, 0]], 'n1');
    expect(second.slots.sum).toBe(8n);
  });

  it('never shows less than was acknowledged or shown, nor more than was asked for, whenever a life ends', async () => {
    for (let round = 0; round < 150; round++) {
      const random = new SeededRandom(round);
      const { disk, open } = newMachine(round);
      let [acknowledged, asked, messageId] = [0, 0, 0];
      for (let life = 0; life < 4; life++) {
        const opening = open({ steps: 20 + random.integer(150), compactLength: random.pick([1, 100, 1000]) });
        const counter = await Promise.race([opening, settle().then(settle).then(settle)]);
        if (counter !== undefined) {
          const shown = Number(counter.slots.sum);
          expect(shown).toBeGreaterThanOrEqual(acknowledged);
          expect(shown).toBeLessThanOrEqual(asked);
          for (let step = 0; step < 10; step++) {
            const delta = 1 + random.integer(5);
            asked += delta;
            void counter.add(delta, source(++messageId)).then(() => {
              acknowledged += delta;
            });
            if (random.integer(3) === 0) await settle();
          }
          await settle();
          acknowledged = Math.max(acknowledged, Number(counter.slots.sum));
        }
        if (random.integer(2) === 0) disk.damage(random.pick(['unsynced', 'torn'] as const));
      }
      expect(Number((await open()).slots.sum)).toBeGreaterThanOrEqual(acknowledged);
    }
  });
});
