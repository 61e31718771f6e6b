/** The index of shards that may hold something unfinished, and the fence before a shard is removed. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { FixedMembers } from '../../../src/kv/members.ts';
import {
  type IndexRecord,
  openVoucherStore,
  type ShardRecord,
  shardKey,
  type VoucherStore,
} from '../../../src/workloads/voucher/records.ts';
import { Unfinished } from '../../../src/workloads/voucher/unfinished.ts';
import { LOST } from '../../support/store-rig.ts';
import { CODE, VoucherRig } from '../../support/voucher-rig.ts';

const EMPTY: ShardRecord = { granted: 5, returned: 0, used: 1, pending: [], left: [], since: 0 };
const KEY = shardKey(CODE, 0);

class Bench {
  readonly rig = new VoucherRig();
  readonly store: VoucherStore;
  readonly unfinished: Unfinished;

  constructor() {
    const context = this.rig.context('n0');
    this.store = openVoucherStore(context, new LinKvStore(context));
    this.unfinished = new Unfinished(this.store, new FixedMembers(context));
    this.rig.put(KEY, EMPTY);
  }

  register(shard = 0) {
    return this.rig.run(this.unfinished.register(CODE, shard));
  }

  unregister() {
    return this.rig.run(this.unfinished.unregister(CODE, 0));
  }

  get listed() {
    return this.rig.index('n0');
  }
}

describe('a shard', () => {
  it('is added once, before any answer', async () => {
    const bench = new Bench();
    const { unfinished } = bench;
    await bench.rig.run(Promise.all([unfinished.register(CODE, 0), unfinished.register(CODE, 0)]));
    expect(bench.listed).toEqual([[CODE, 0]]);
    expect(unfinished.lists(KEY)).toBe(true);
    await bench.register();
    expect(bench.rig.asked('read', 'vn/')).toHaveLength(1);
    expect(bench.rig.asked('cas', 'vn/')).toHaveLength(1);
    await bench.register(1);
    expect(bench.listed).toEqual([
      [CODE, 0],
      [CODE, 1],
    ]);
  });

  it('of another voucher is another one', async () => {
    const bench = new Bench();
    bench.rig.put('vn/n0', { shards: [['w', 0]] });
    await bench.register();
    expect(bench.listed).toEqual([
      ['w', 0],
      [CODE, 0],
    ]);
  });

  it('that is known to be added does not wait for the removal of another one', async () => {
    const bench = new Bench();
    await bench.register();
    await bench.register(1);
    bench.rig.lose(({ body }) => body.type === 'cas');
    const startMs = bench.rig.time.now();
    const leaving = bench.unfinished.unregister(CODE, 1);
    expect(await bench.register()).toBeUndefined();
    expect(bench.rig.time.now()).toBe(startMs);
    await bench.rig.run(leaving);
  });

  it('that cannot be added is refused with 11', async () => {
    const bench = new Bench();
    bench.rig.lose(({ src }) => src === 'lin-kv');
    expect(await bench.register()).toMatchObject({ code: 11 });
    expect(bench.unfinished.lists(KEY)).toBe(false);
  });

  it('is removed behind a fence: earlier requests have no effect', async () => {
    const bench = new Bench();
    await bench.register();
    const read = await bench.rig.run(bench.store.shards.read(KEY));
    if (read.kind !== 'ok') throw read.error;
    bench.rig.next('cas', [500]);
    const late = bench.store.shards.replace(KEY, read.stored, { ...EMPTY, used: 2, pending: [['u', 'r', 1]] });
    await bench.unregister();
    expect(bench.listed).toEqual([]);
    expect(bench.rig.shard(0)).toEqual({ ...EMPTY, ver: 2 });
    expect(await bench.rig.run(late)).toMatchObject({ kind: 'refused' });
    expect(bench.rig.shard(0)).toMatchObject({ used: 1, pending: [] });
  });

  it('has the fence before it is removed', async () => {
    const bench = new Bench();
    await bench.register();
    bench.rig.wire.length = 0;
    await bench.unregister();
    expect(bench.rig.requests('cas').map(({ key }) => key)).toEqual([KEY, 'vn/n0']);
  });

  it('is removed alone, and at most once at a time', async () => {
    const bench = new Bench();
    const others: IndexRecord['shards'] = [
      [CODE, 1],
      ['w', 0],
    ];
    bench.rig.put('vn/n0', { shards: [[CODE, 0], ...others] });
    bench.rig.wire.length = 0;
    await bench.rig.run(Promise.all([bench.unfinished.unregister(CODE, 0), bench.unfinished.unregister(CODE, 0)]));
    expect(bench.listed).toEqual(others);
    expect(bench.rig.requests('cas').map(({ key }) => key)).toEqual([KEY, 'vn/n0']);
    await bench.unregister();
    // It is not in the index any more, so only the fence is sent.
    expect(bench.rig.requests('cas').map(({ key }) => key)).toEqual([KEY, 'vn/n0', KEY]);
  });

  it('is removed as often as it was added', async () => {
    const bench = new Bench();
    for (let time = 0; time < 3; time++) {
      await bench.register();
      expect(bench.listed).toEqual([[CODE, 0]]);
      await bench.unregister();
      expect([bench.listed, bench.unfinished.lists(KEY)]).toEqual([[], false]);
    }
  });

  it('can be removed where nothing was ever added', async () => {
    const bench = new Bench();
    await bench.unregister();
    expect(bench.listed).toEqual([]);
  });

  it.each([
    ['something is left in it', () => {}, [['u', 'r', 1]]],
    ['the fence was lost', (bench: Bench) => bench.rig.next('cas', LOST), []],
    ['the answer of the fence was lost', (bench: Bench) => bench.rig.next('cas_ok', LOST), []],
    ['it cannot be read', (bench: Bench) => bench.rig.lose(({ dest }) => dest === 'lin-kv'), []],
  ])('stays if %s', async (_, spoil, pending) => {
    const bench = new Bench();
    await bench.register();
    bench.rig.put(KEY, { ...EMPTY, pending });
    spoil(bench);
    await bench.unregister();
    expect(bench.listed).toEqual([[CODE, 0]]);
    expect(bench.unfinished.lists(KEY)).toBe(true);
  });

  it('is added again by a request that comes while it is removed', async () => {
    const bench = new Bench();
    await bench.register();
    const leaving = bench.unfinished.unregister(CODE, 0);
    const coming = bench.unfinished.register(CODE, 0);
    await bench.rig.run(Promise.all([leaving, coming]));
    expect(bench.listed).toEqual([[CODE, 0]]);
    expect(bench.unfinished.lists(KEY)).toBe(true);
  });

  it('of an earlier life is kept', async () => {
    const bench = new Bench();
    await bench.register();
    const context = bench.rig.context('n0');
    await bench.rig.run(
      new Unfinished(openVoucherStore(context, new LinKvStore(context)), new FixedMembers(context)).register(CODE, 1),
    );
    expect(bench.listed).toEqual([
      [CODE, 0],
      [CODE, 1],
    ]);
  });
});
