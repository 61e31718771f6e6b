import { describe, expect, it } from 'vitest';
import type { Token } from '../../../src/kv/store.ts';
import {
  EMPTY_ROOT,
  fateOf,
  nextRoot,
  parseRoot,
  type Root,
  rootText,
  withCompaction,
} from '../../../src/workloads/txn-list-append/root.ts';

const TOKEN = 't' as Token;

/** A root after these groups, each of a life. */
function rootOf(lives: readonly string[], writersMax = 10): Root {
  let root = EMPTY_ROOT;
  for (const [index, life] of lives.entries()) {
    const appended = new Map([[life, [index]]]);
    root = { ...nextRoot(root, { life, number: index + 1 }, appended, writersMax), token: TOKEN };
  }
  return root;
}

describe('a root', () => {
  it('is the same after it was written and read', () => {
    const root = rootOf(['a', 'b', 'a']);
    expect(parseRoot(rootText(root), TOKEN)).toEqual(root);
    expect(root).toMatchObject({ ver: 3, tree: null, forgotten: 0 });
    expect(root.recent).toEqual(
      new Map([
        ['a', [0, 2]],
        ['b', [1]],
      ]),
    );
  });

  it.each(['', '{', '[]', '{"ver":0}', '{"ver":1,"writers":[],"forgotten":0,"tree":1,"recent":[]}'])(
    'is not %j',
    (text) => {
      expect(() => parseRoot(text, TOKEN)).toThrow(expect.objectContaining({ code: 14 }));
    },
  );
});

describe('the fate of a group', () => {
  const group = { life: 'a', number: 2 };

  it('is open while the root is the one that it began from', () => {
    expect(fateOf(rootOf(['a']), group, 1)).toBe('open');
  });

  it('is told by the last group of its life', () => {
    expect(fateOf(rootOf(['a', 'a']), group, 1)).toBe('committed');
    expect(fateOf(rootOf(['a', 'a', 'b', 'c']), group, 1)).toBe('committed');
    expect(fateOf(rootOf(['a', 'b']), group, 1)).toBe('lost');
    expect(fateOf(rootOf(['b']), { life: 'a', number: 1 }, 0)).toBe('lost');
  });

  it('is unknown only if a life was forgotten that may be its own', () => {
    const root = rootOf(['a', 'b', 'c', 'd'], 2);
    expect(root).toMatchObject({
      writers: [
        ['c', 3, 3],
        ['d', 4, 4],
      ],
      forgotten: 2,
    });
    expect(fateOf(root, { life: 'x', number: 1 }, 1)).toBe('unknown');
    // What it began from is later than all that is forgotten.
    expect(fateOf(root, { life: 'x', number: 1 }, 2)).toBe('lost');
  });
});

describe('a compaction', () => {
  it('takes out what was moved, and leaves what came since', () => {
    const root = rootOf(['a', 'b', 'a', 'c']);
    const moved = new Map([
      ['a', [0]],
      ['b', [1]],
    ]);
    const compacted = withCompaction(root, { from: null, to: 'tree', moved });
    expect(compacted.tree).toBe('tree');
    expect(compacted.recent).toEqual(
      new Map([
        ['a', [2]],
        ['c', [3]],
      ]),
    );
    expect(compacted.recentLength).toBeLessThan(root.recentLength);
  });

  it('does nothing to a root with another tree', () => {
    const root = { ...rootOf(['a']), tree: 'newer' };
    expect(withCompaction(root, { from: null, to: 'tree', moved: new Map([['a', [0]]]) })).toBe(root);
  });
});
