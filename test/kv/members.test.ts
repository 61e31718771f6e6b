/** Fixed members: whose indices a node looks at, and how often. */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { FixedMembers, type Held, type MemberIndex } from '../../src/kv/members.ts';
import { StoreRig } from '../support/store-rig.ts';

/** An index that reads a document a look, as all do. */
class Index implements MemberIndex {
  readonly name = 'p';
  readonly seen: string[] = [];
  readonly #look: (member: string) => Promise<void>;

  constructor(look: (member: string) => Promise<void>) {
    this.#look = look;
  }

  async sweepOwn(): Promise<boolean> {
    this.seen.push('own');
    await this.#look('own');
    return false;
  }

  async sweep(member: string): Promise<Held> {
    this.seen.push(member);
    await this.#look(member);
    return 'nothing';
  }

  async close(): Promise<boolean> {
    throw new Error('fixed members never leave');
  }
}

class Bench {
  readonly rig = new StoreRig(new Map([['lin-kv', new LinKv()]]));
  readonly nodeIds: readonly string[];
  readonly indices: readonly Index[];

  constructor(count: number) {
    this.nodeIds = Array.from({ length: count }, (_, number) => `n${number}`);
    this.indices = this.nodeIds.map((nodeId) => {
      const context = { ...this.rig.start(nodeId).context, nodeIds: this.nodeIds };
      const kv = new LinKvStore(context);
      const members = new FixedMembers(context);
      const index = new Index(async (member) => {
        await kv.read(`p/${member}`);
      });
      members.attend(index);
      members.start();
      return index;
    });
  }
}

describe.each([1, 3, 10])('%d nodes', (count) => {
  it('read at most once a second each, and less while there is nothing to do', async () => {
    const bench = new Bench(count);
    await bench.rig.pass(20_000);
    const before = bench.rig.requests('read').length;
    await bench.rig.pass(60_000);
    const perSecond = (bench.rig.requests('read').length - before) / 60;
    expect(perSecond).toBeLessThanOrEqual(0.9 * count);
    expect(perSecond).toBeGreaterThan(0.75 * count);
  });

  it('look at the indices of all, each in an order of its own, and at their own as such', async () => {
    const bench = new Bench(count);
    await bench.rig.pass(1500 * count);
    for (const [number, { seen }] of bench.indices.entries()) {
      const round = seen.slice(0, count);
      const all = bench.nodeIds.map((nodeId, place) => (place === number ? 'own' : nodeId));
      expect(round.toSorted()).toEqual(all.toSorted());
      // Always in the same order, so that no index waits for two rounds.
      expect(seen.slice(count, 2 * count)).toEqual(round.slice(0, seen.length - count));
    }
    const orders = new Set(bench.indices.map(({ seen }) => seen.slice(0, count).join()));
    if (count === 10) expect(orders.size).toBe(count);
  });
});

it('are all known at once, and each has its name already', async () => {
  const context = { ...new StoreRig(new Map()).start('n1').context, nodeIds: ['n0', 'n1'] };
  const members = new FixedMembers(context);
  expect(await members.ids()).toEqual(['n0', 'n1']);
  expect(await members.join()).toBe('n1');
});
