import { expect, it } from 'vitest';
import { compareSnowflakes } from '../../../../src/workloads/unique-ids/checker/snowflake-rules.ts';

const LARGEST = String(2n ** 64n - 1n);

it('ids in our format are sorted by number, whatever their lengths', () => {
  const texts = ['10', '9', '999999999999999999', '1000000000000000000', LARGEST, '2', '10'];
  expect(texts.sort(compareSnowflakes)).toEqual([
    '2',
    '9',
    '10',
    '10',
    '999999999999999999',
    '1000000000000000000',
    LARGEST,
  ]);
});
