import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { growTree, listIn, type TreeNode } from '../../../src/workloads/txn-list-append/tree.ts';

const LIMITS = { leaf: 2, tail: 3 };

/** A tree in memory. */
class Trees {
  readonly nodes = new Map<string, TreeNode>();
  reads = 0;
  #named = 0;

  read = async (name: string): Promise<TreeNode> => {
    this.reads++;
    return this.nodes.get(name) as TreeNode;
  };

  async grow(tree: string | null, appended: ReadonlyMap<string, readonly unknown[]>, limits = LIMITS) {
    const grown = await growTree(this, tree, appended, limits, () => `${++this.#named}`);
    for (const [name, node] of grown.nodes) {
      expect(this.nodes.has(name)).toBe(false);
      this.nodes.set(name, node);
    }
    return grown;
  }
}

describe('a tree of lists', () => {
  it.each(['a', 'b', 'c'])('has what was appended, and older trees have what they had: seed %s', async (seed) => {
    const random = new SeededRandom(seed);
    const trees = new Trees();
    const expected = new Map<string, number[]>();
    const versions: { tree: string; lists: Map<string, number[]> }[] = [];
    let tree: string | null = null;
    for (let round = 0; round < 40; round++) {
      const appended = new Map<string, number[]>();
      for (let count = random.integer(6); count >= 0; count--) {
        const key = `${random.integer(60)}`;
        appended.set(key, [...(appended.get(key) ?? []), round * 10 + count]);
      }
      for (const [key, elements] of appended) expected.set(key, [...(expected.get(key) ?? []), ...elements]);
      ({ top: tree } = await trees.grow(tree, appended));
      versions.push({ tree, lists: new Map(expected) });
    }
    for (const { tree: version, lists } of versions) {
      for (const [key, list] of lists) expect(await listIn(trees, version, key)).toEqual(list);
      expect(await listIn(trees, version, 'never')).toEqual([]);
    }
  });

  it('has small nodes, and never writes a full part again', async () => {
    const trees = new Trees();
    let tree: string | null = null;
    for (let round = 0; round < 30; round++) {
      const grown = await trees.grow(tree, new Map([['k', [round, round]]]));
      tree = grown.top;
      for (const node of grown.nodes.values()) expect(JSON.stringify(node).length).toBeLessThan(80);
      // The leaf, and at most one part that has become full.
      expect(grown.nodes.size).toBeLessThanOrEqual(2);
    }
    expect(await listIn(trees, tree, 'k')).toHaveLength(60);
  });

  it('shares what did not change', async () => {
    const trees = new Trees();
    const many = new Map(Array.from({ length: 500 }, (_, key) => [`${key}`, [key]]));
    const { top, nodes } = await trees.grow(null, many, { leaf: 8, tail: 8 });
    expect(nodes.size).toBeGreaterThan(60);
    const grown = await trees.grow(top, new Map([['77', ['x']]]), { leaf: 8, tail: 8 });
    expect(grown.nodes.size).toBeLessThanOrEqual(4);
    trees.reads = 0;
    expect(await listIn(trees, grown.top, '77')).toEqual([77, 'x']);
    expect(trees.reads).toBeLessThanOrEqual(4);
    expect(await listIn(trees, top, '77')).toEqual([77]);
  });

  it('is empty without a top', async () => {
    expect(await listIn(new Trees(), null, 'k')).toEqual([]);
  });
});
