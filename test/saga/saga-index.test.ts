/** Entries that a node adds before it begins a saga, and removes when it is finished. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { FixedMembers } from '../../src/kv/members.ts';
import type { LinearizableStore } from '../../src/kv/store.ts';
import type { Node } from '../../src/node/node.ts';
import { indexKey, openSagaStore } from '../../src/saga/record.ts';
import { SagaIndex } from '../../src/saga/saga-index.ts';
import { isCas, LONG_MS, SagaRig, watch } from '../support/saga-rig.ts';
import { LOST } from '../support/store-rig.ts';

const KEY = indexKey('n0');
const LISTED_MAX = 2048;

class Bench {
  readonly rig = new SagaRig();
  readonly node: Node;
  readonly index: SagaIndex;

  constructor(alterStore: (kv: LinearizableStore) => LinearizableStore = (kv) => kv) {
    const { context, node } = this.rig.life('n0');
    this.node = node;
    this.index = new SagaIndex(
      context,
      openSagaStore(context, alterStore(new LinKvStore(context))),
      new FixedMembers(context),
    );
  }

  add(...ids: string[]): Promise<unknown> {
    return this.rig.run(Promise.all(ids.map((id) => this.index.add(id, `d${id}`))));
  }

  get listed(): string[] | undefined {
    return this.rig.index('n0')?.map(([id]) => id);
  }

  get written(): number {
    return this.rig.asked('cas', KEY).length;
  }
}

describe('sagas that begin', () => {
  it('are in the store, with their digest, when `add` resolves', async () => {
    const bench = new Bench();
    await bench.add('a');
    expect(bench.rig.index('n0')).toEqual([['a', 'da']]);
  });

  it('together are added together, in their order', async () => {
    const bench = new Bench();
    const ids = Array.from({ length: 100 }, (_, number) => `s${number}`);
    await bench.add(...ids);
    expect(bench.written).toBe(2);
    expect(bench.listed).toEqual(ids);
  });

  it('one after the other cost a compare-and-set each, and no read', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.rig.wire.length = 0;
    for (const id of ['b', 'c', 'd']) await bench.add(id);
    expect(bench.rig.wire.map(({ body }) => body.type)).toEqual(
      Array.from({ length: 3 }, () => ['cas', 'cas_ok']).flat(),
    );
    expect(bench.listed).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keep entries of an earlier life of the node', async () => {
    const bench = new Bench();
    bench.rig.put(KEY, { sagas: [['old', 'd']] }, 7);
    await bench.add('a');
    expect(bench.listed).toEqual(['old', 'a']);
  });

  it('learn whether they are new', async () => {
    const bench = new Bench();
    bench.rig.put(KEY, { sagas: [['old', 'd']] }, 7);
    expect(await bench.add('a', 'old')).toEqual([true, false]);
    expect(await bench.add('a')).toEqual([false]);
    bench.index.remove('a');
    expect(await bench.add('a')).toEqual([true]);
    expect(await bench.add('old', 'b')).toEqual([false, true]);
  });

  it('are new although the reply of the store was lost', async () => {
    const bench = new Bench();
    await bench.add('first');
    bench.rig.next('cas_ok', LOST);
    expect(await bench.add('a')).toEqual([true]);
    expect(bench.listed).toEqual(['first', 'a']);
    expect(bench.written).toBe(2);
  });

  it('are refused with 11 if the store is silent, and the next ones are not held up', async () => {
    const bench = new Bench();
    await bench.add('first');
    bench.rig.lose(({ dest }) => dest === 'lin-kv');
    const work = ['a', 'b'].map((id) => watch(bench.index.add(id, 'd')));
    await bench.rig.pass(12_000);
    for (const { outcome } of work)
      expect(outcome).toMatchObject({ code: 11, message: expect.stringContaining('index') });
    bench.rig.heal();
    bench.rig.wire.length = 0;
    await bench.add('c');
    expect(bench.listed).toContain('c');
    // Without a reading the first try would most likely fail.
    expect(bench.rig.wire.map(({ body }) => body.type)).toEqual(['read', 'read_ok', 'cas', 'cas_ok']);
  });

  it('are refused with the error of a store that fails in an unknown way', async () => {
    const bench = new Bench((kv) => ({
      name: kv.name,
      read: (key) => kv.read(key),
      replace: () => Promise.reject(new TypeError('a mistake')),
    }));
    await expect(bench.add('a')).rejects.toThrow('a mistake');
  });

  it('may be in the index in spite of error 11, if a compare-and-set is late', async () => {
    const bench = new Bench();
    await bench.add('first');
    bench.rig.rule((message) => (isCas(message, KEY) ? [8000] : undefined));
    await expect(bench.add('a')).rejects.toMatchObject({ code: 11, definite: true });
    await bench.rig.pass(LONG_MS);
    expect(bench.listed).toEqual(['first', 'a']);
  });

  it('are refused with 11 if too many are unfinished', async () => {
    const bench = new Bench();
    bench.rig.put(KEY, { sagas: Array.from({ length: LISTED_MAX }, (_, number) => [`s${number}`, 'd']) });
    await expect(bench.add('a')).rejects.toMatchObject({
      code: 11,
      message: expect.stringContaining('too many sagas'),
    });
    bench.index.remove('s0');
    await bench.add('a');
    expect(bench.listed).toHaveLength(LISTED_MAX);
  });
});

describe('sagas that are finished', () => {
  it('are removed together with the next addition', async () => {
    const bench = new Bench();
    await bench.add('a', 'b');
    bench.index.remove('a');
    const { written } = bench;
    await bench.add('c');
    expect(bench.written).toBe(written + 1);
    expect(bench.listed).toEqual(['b', 'c']);
    bench.rig.wire.length = 0;
    await bench.rig.pass(1000);
    expect(bench.rig.wire).toEqual([]);
  });

  it('are removed even from an index that lists more than this node may add', async () => {
    const bench = new Bench();
    bench.rig.put(KEY, { sagas: Array.from({ length: LISTED_MAX + 2 }, (_, number) => [`s${number}`, 'd']) });
    bench.index.remove('s0');
    await bench.rig.pass(1000);
    expect(bench.listed).toHaveLength(LISTED_MAX + 1);
  });

  it('are left to others when the node ends', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.index.remove('a');
    bench.node.stop('the end');
    bench.rig.wire.length = 0;
    await bench.rig.pass(1000);
    expect([bench.rig.wire, bench.rig.time.timerCount]).toEqual([[], 0]);
  });

  it('that come again while their removal fails are added again', async () => {
    const bench = new Bench();
    await bench.add('a', 'b');
    bench.rig.lose(({ dest }) => dest === 'lin-kv');
    bench.index.remove('a');
    bench.index.remove('b');
    await bench.rig.pass(300);
    const again = bench.index.add('a', 'd');
    await bench.rig.pass(3000);
    bench.rig.heal();
    expect(await bench.rig.run(again)).toBe(false);
    await bench.rig.pass(1000);
    expect(bench.listed).toEqual(['a']);
  });

  it('are removed together after a while without additions', async () => {
    const bench = new Bench();
    await bench.add('a', 'b', 'c');
    const { written } = bench;
    bench.index.remove('a');
    await bench.rig.pass(100);
    bench.index.remove('c');
    await bench.rig.pass(100);
    expect(bench.listed).toEqual(['a', 'b', 'c']);
    await bench.rig.pass(100);
    expect(bench.listed).toEqual(['b']);
    expect(bench.written).toBe(written + 1);
  });

  it('are removed 250 ms after an addition that was under way', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.rig.rule((message) => (isCas(message, KEY) ? [200] : undefined));
    const sentMs = bench.rig.times((message) => isCas(message, KEY));
    const added = bench.index.add('b', 'd');
    await bench.rig.pass(10);
    bench.index.remove('a');
    await bench.rig.run(added);
    await bench.rig.pass(500);
    // The addition took 200 ms to the store and 1 ms back.
    expect((sentMs[1] as number) - (sentMs[0] as number)).toBe(201 + 250);
    expect(bench.listed).toEqual(['b']);
  });

  it('wait for one timer together, and without them there is none', async () => {
    const bench = new Bench();
    await bench.add('a', 'b', 'c');
    expect(bench.node.load.sleepers).toBe(0);
    bench.index.remove('a');
    bench.index.remove('b');
    expect(bench.node.load.sleepers).toBe(1);
    await bench.rig.pass(1000);
    expect(bench.node.load.sleepers).toBe(0);
  });

  it('stay until the store is back, and are removed then', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.rig.lose(({ dest }) => dest === 'lin-kv');
    bench.index.remove('a');
    await bench.rig.pass(12_000);
    expect(bench.listed).toEqual(['a']);
    bench.rig.heal();
    await bench.rig.pass(6000);
    expect(bench.listed).toEqual([]);
  });

  it('that come again before they are removed stay', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.index.remove('a');
    await bench.add('a');
    await bench.rig.pass(1000);
    expect(bench.listed).toEqual(['a']);
  });

  it('that come again while they are being removed are added again', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.index.remove('a');
    bench.rig.next('cas', [100]);
    await bench.rig.pass(300);
    await bench.add('a');
    await bench.rig.pass(1000);
    expect(bench.listed).toEqual(['a']);
  });

  it('that come again are not removed by an earlier request, at any delay', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.index.remove('a');
    bench.rig.rule((message) => (isCas(message, KEY) ? [15_000] : undefined));
    // The index has dropped that request, and does not retry yet.
    await bench.rig.pass(3400);
    const { written } = bench;
    expect(written).toBe(4);
    bench.rig.heal();
    await bench.add('a');
    expect(bench.written).toBe(written + 1);
    await bench.rig.pass(LONG_MS);
    expect(bench.listed).toEqual(['a']);
  });

  it('cost nothing if they are not in the index', async () => {
    const bench = new Bench();
    await bench.add('a');
    bench.index.remove('unknown');
    const { written } = bench;
    await bench.rig.pass(1000);
    expect(bench.written).toBe(written);
    expect(bench.listed).toEqual(['a']);
  });
});
