import { describe, expect, it } from 'vitest';
import { searchOrder } from '../../../src/ids/fleet/search-order.ts';

const COUNTS = [...Array.from({ length: 64 }, (_, index) => index + 1), 97, 100, 128, 210, 511, 512, 513, 1000, 1024];
const IDS = ['n0', 'n1', 'n1023', 'a', '', 'node-with-a-long-name.example.com', 'Grüße 🌍'];

function ascending(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

describe('the order in which a node looks at the numbers', () => {
  it.each(COUNTS)('has each of %d numbers once, for a node that knows no other node', (count) => {
    for (const nodeId of IDS) {
      const order = searchOrder({ nodeId, nodeIds: [nodeId] }, count);
      expect(order.toSorted((one, other) => one - other)).toEqual(ascending(count));
      expect(order[0]).toBe(0);
    }
  });

  it.each(COUNTS)('has each of %d numbers once, and begins with the place in node_ids', (count) => {
    const nodeIds = ascending(count).map((number) => `n${number}`);
    for (const place of new Set([0, 1, count >> 1, count - 1])) {
      if (place >= count) continue;
      const order = searchOrder({ nodeId: `n${place}`, nodeIds }, count);
      expect(order.toSorted((one, other) => one - other)).toEqual(ascending(count));
      expect(order[0]).toBe(place);
    }
  });

  it('has every number once for a node whose place is beyond them', () => {
    const nodeIds = ascending(9).map((number) => `n${number}`);
    const order = searchOrder({ nodeId: 'n8', nodeIds }, 8);
    expect(order.toSorted((one, other) => one - other)).toEqual(ascending(8));
  });

  it.each([
    ['n0', [8, 7, 6, 5, 4, 3, 2, 1, 0, 11, 10, 9]],
    ['n3', [5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7, 0]],
    ['n8', [4, 9, 2, 7, 0, 5, 10, 3, 8, 1, 6, 11]],
    ['node-a', [4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 5]],
  ])('is the same in every life and with every release: %s', (nodeId, order) => {
    const nodeIds = [...ascending(12).map((place) => `other-${place}`), nodeId];
    expect(searchOrder({ nodeId, nodeIds }, 12)).toEqual(order);
    const known = searchOrder({ nodeId, nodeIds: ['other', nodeId] }, 12);
    expect(known).toEqual([1, ...order.filter((number) => number !== 1)]);
  });

  it('differs for almost every node, so that many new nodes do not want the same', () => {
    const seconds = ascending(1024).map(
      (number) => searchOrder({ nodeId: `n${number}`, nodeIds: [`n${number}`] }, 1024)[1],
    );
    // 1,024 throws of a die with 1,024 sides show 63 % of all sides.
    expect(new Set(seconds).size).toBeGreaterThan(600);
  });
});
