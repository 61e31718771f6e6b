import { expect, it } from 'vitest';
import { groupBy } from '../../src/kv/group-by.ts';

it('groups items by a key, with the groups and the items in their order', () => {
  const groups = groupBy(['pear', 'fig', 'plum', 'apple', 'feijoa', 'peach'], ([letter]) => letter);
  expect([...groups]).toEqual([
    ['p', ['pear', 'plum', 'peach']],
    ['f', ['fig', 'feijoa']],
    ['a', ['apple']],
  ]);
  expect([...groupBy([], String)]).toEqual([]);
});
