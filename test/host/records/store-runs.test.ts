import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreRuns } from '../../../src/host/records/store-runs.ts';

let store = '';

beforeEach(() => {
  store = realpathSync(mkdtempSync(join(tmpdir(), 'snowstorm-store-runs-')));
});
afterEach(() => rmSync(store, { recursive: true }));

async function operationCount(results: object): Promise<number | undefined> {
  const folder = join(store, 'saga', '20261121T120356.160Z');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'results.json'), JSON.stringify({ 'valid?': true, ...results }));
  const { runs } = await new StoreRuns(store).list();
  return runs[0]?.facts.operationCount;
}

describe('the number of operations of a recorded run', () => {
  const stats = { 'valid?': true, count: 203 };

  it('includes operations after healing', async () => {
    const net = { all: { 'msg-count': 8914, 'msgs-per-op': 8914 / 391 } };
    expect(await operationCount({ stats, net })).toBe(391);
    const many = { all: { 'msg-count': 98_765_432_101, 'msgs-per-op': 98_765_432_101 / 9_876_543 } };
    expect(await operationCount({ net: many })).toBe(9_876_543);
  });

  it('is the count of stats if there were no messages', async () => {
    expect(await operationCount({ stats })).toBe(203);
    expect(await operationCount({ stats, net: { all: { 'msg-count': 0, 'msgs-per-op': 0 } } })).toBe(203);
    expect(await operationCount({ stats, net: { all: { 'msg-count': 12 } } })).toBe(203);
    expect(await operationCount({ stats, net: { all: { 'msg-count': 'many', 'msgs-per-op': 5e-324 } } })).toBe(203);
    expect(await operationCount({ stats, net: { all: { 'msg-count': 1e300, 'msgs-per-op': 5e-324 } } })).toBe(203);
  });

  it('is unknown without messages and stats', async () => {
    expect(await operationCount({})).toBeUndefined();
  });
});
