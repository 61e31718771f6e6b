/** Sagas of instances that nobody was told of. */

import { describe, expect, it } from 'vitest';
import { indexKey } from '../../src/saga/record.ts';
import { isCas, isRead, type SagaNode, SagaRig, watch } from '../support/saga-rig.ts';

/** Until a dead member is removed: quiet for its lease, seen, and looked at twice. */
const REMOVED_MS = 25_000;

class Bench {
  readonly rig: SagaRig;

  constructor(seed?: number) {
    this.rig = new SagaRig(seed);
    this.rig.putAccount('a', 1000);
    this.rig.putAccount('b', 0);
  }

  begin(nodeId: string): SagaNode {
    return this.rig.begin(nodeId, { registered: {} });
  }

  /** The name of each member. */
  get members(): string[] {
    return (
      this.rig
        .stored<{ readonly members: readonly { readonly id: string }[] }>('members')
        ?.members.map(({ id }) => id) ?? []
    );
  }

  /** The member of a node. */
  memberOf(nodeId: string): string {
    return this.members.findLast((id) => id.startsWith(`${nodeId}.`)) as string;
  }
}

describe('an instance', () => {
  it('is a member before its first entry, with one more update than before', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.rig.run(node.transfer('r', 'a', 'b', 1));
    const keys = bench.rig.requests('cas').map(({ key }) => String(key));
    const member = bench.memberOf('n0');
    expect(keys.slice(0, 3)).toEqual(['members', indexKey(member), 's/r']);
    bench.rig.wire.length = 0;
    await bench.rig.run(node.transfer('s', 'a', 'b', 1));
    expect(bench.rig.requests('cas').map(({ key }) => key)).not.toContain('members');
  });

  it('refuses with 11 and begins nothing if it cannot register', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'members'));
    await expect(bench.rig.run(node.transfer('r', 'a', 'b', 1))).rejects.toMatchObject({ code: 13 });
    expect(bench.rig.saga('r')).toBeUndefined();
    bench.rig.heal();
    expect(await bench.rig.run(node.transfer('r', 'a', 'b', 1))).toEqual({ outcome: 'committed' });
  });

  it('that was taken for dead adds nothing to its closed index, and goes on under another name', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.rig.run(node.transfer('r', 'a', 'b', 1));
    const first = bench.memberOf('n0');
    bench.begin('n1');
    bench.rig.lose(({ src, dest }) => src === 'n0' || dest === 'n0');
    await bench.rig.pass(REMOVED_MS);
    expect(bench.members).toEqual([]);
    expect(bench.rig.stored(indexKey(first))).toMatchObject({ sagas: [], closed: true });
    bench.rig.heal();
    // It may have begun in an earlier life, as far as the node knows. Nothing of it is in the store.
    await expect(bench.rig.run(node.transfer('s', 'a', 'b', 1))).rejects.toMatchObject({ code: 13 });
    expect(bench.rig.saga('s')).toBeUndefined();
    expect(bench.rig.stored(indexKey(first))).toMatchObject({ sagas: [], closed: true });
    expect(await bench.rig.run(node.transfer('s', 'a', 'b', 1))).toEqual({ outcome: 'committed' });
    const second = bench.memberOf('n0');
    expect(second).not.toBe(first);
    expect(bench.rig.index(second)?.map(([id]) => id)).toEqual(['s']);
    await bench.rig.pass(1000);
    expect(bench.rig.index(second)).toEqual([]);
  });

  it('finishes by itself what it could not, without reading its index', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/b'));
    const asked = watch(node.transfer('r', 'a', 'b', 1));
    await bench.rig.pass(6000);
    expect(asked.outcome).toMatchObject({ code: 13 });
    bench.rig.heal();
    await bench.rig.pass(6000);
    expect(bench.rig.saga('r')?.state).toBe('committed');
    expect(bench.rig.index(bench.memberOf('n0'))).toEqual([]);
    expect(bench.rig.wire.filter((message) => isRead(message, 'p/'))).toEqual([]);
  });

  it('settles an entry that it could not prove, though it comes late', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.rig.run(node.transfer('r', 'a', 'b', 1));
    await bench.rig.pass(1000);
    const index = indexKey(bench.memberOf('n0'));
    bench.rig.rule((message) => (isCas(message, index) ? [9000] : undefined));
    const asked = watch(node.transfer('s', 'a', 'b', 1));
    await bench.rig.pass(4500);
    expect(asked.outcome).toMatchObject({ code: 13 });
    bench.rig.heal();
    await bench.rig.pass(20_000);
    expect(bench.rig.stored(index)).toMatchObject({ sagas: [] });
  });
});

describe('an audit', () => {
  it('sees what members of any name have left', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/b'));
    watch(node.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(100);
    node.kill();
    bench.rig.heal();
    const other = bench.begin('n1');
    expect(await bench.rig.run(other.audit('a', 'b'))).toMatchObject({
      unfinished: [{ request_id: 'r', held: 30 }],
    });
    await bench.rig.pass(12_000);
    expect(await bench.rig.run(other.audit('a', 'b'))).toMatchObject({ balances: [970, 30], unfinished: [] });
  });
});

describe('what instances left that nobody was told of', () => {
  const SEEDS = 13;

  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    'is finished within 10 s: 3 of 6 die %d ms after their request, the others were never asked',
    async (seed) => {
      const bench = new Bench(seed);
      const nodes = Array.from({ length: 6 }, (_, number) => bench.begin(`n${number}`));
      for (const [number, node] of nodes.entries()) await bench.rig.run(node.transfer(`first-${number}`, 'a', 'b', 1));
      await bench.rig.pass(20_000 + 321 * seed);
      expect(bench.members).toHaveLength(6);
      const dying = nodes.slice(0, 3);
      for (const [number, node] of dying.entries()) watch(node.transfer(`last-${number}`, 'a', 'b', 10));
      await bench.rig.pass(seed);
      for (const node of dying) node.kill();
      await bench.rig.pass(10_000);
      expect(await bench.rig.run((nodes[5] as SagaNode).audit('a', 'b'))).toMatchObject({ unfinished: [] });
      const committed = dying.filter((_, number) => bench.rig.saga(`last-${number}`)?.state === 'committed').length;
      expect(bench.rig.balance('a')).toBe(1000 - 6 - 10 * committed);
      await bench.rig.pass(REMOVED_MS);
      expect(bench.members).toHaveLength(3);
    },
  );

  it('leaves all indices in which it is, however many instances took the request', async () => {
    const bench = new Bench();
    const digest = 'd';
    const dead = Array.from({ length: 8 }, (_, number) => `dead.${number}`);
    bench.rig.put('members', { members: dead.map((id) => ({ id, beat: 0, indices: ['p'] })) });
    for (const id of dead) bench.rig.put(indexKey(id), { sagas: [['r', digest]] });
    bench.begin('n0');
    await bench.rig.pass(10_000);
    expect(bench.rig.saga('r')).toMatchObject({ state: 'aborted', reason: 'abandoned' });
    expect(dead.map((id) => bench.rig.index(id))).toEqual(dead.map(() => []));
    await bench.rig.pass(REMOVED_MS);
    expect(bench.members).toEqual([]);
  });

  it('is finished by one that is alone', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.rig.run(node.transfer('first', 'a', 'b', 1));
    bench.rig.lose((message) => isCas(message, 'a/b'));
    watch(node.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(100);
    node.kill();
    bench.rig.heal();
    // It comes when the other one is long dead.
    await bench.rig.pass(60_000);
    bench.begin('n1');
    await bench.rig.pass(10_000);
    expect(bench.rig.saga('r')?.state).toBe('committed');
    await bench.rig.pass(REMOVED_MS);
    expect(bench.members).toEqual([]);
  });
});
