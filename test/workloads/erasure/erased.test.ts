/** What is kept of erased accounts, as one instance after another writes it down. */

import { describe, expect, it } from 'vitest';
import { createPersonalHash } from '../../../src/host/personal-hash.ts';
import { GRACE_MS } from '../../../src/kv/horizon.ts';
import { MemoryEngine } from '../../../src/kv/memory-engine.ts';
import { ErasedAccounts, type ErasedRecord } from '../../../src/workloads/erasure/erased.ts';
import { UNOPENED } from '../../../src/workloads/saga/accounts.ts';
import { SECRET } from '../../support/erasure-run.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

const hash = createPersonalHash(SECRET);

class Instance {
  readonly clock = new ManualClock();
  readonly engine = new MemoryEngine();
  readonly erased: ErasedAccounts;

  constructor() {
    const context = { clock: this.clock, sleep: async () => false, randomUint32: () => 0 };
    this.erased = new ErasedAccounts(context, this.engine, { engine: this.engine, hash });
  }

  readonly put = async (record: ErasedRecord): Promise<void> => {
    await this.engine.replace(`erased/${hash('ann')}`, null, JSON.stringify({ ...record, ver: 1 }));
  };
}

describe('an instance that has found that nothing was erased', () => {
  it('relies on it for half of the grace, by either clock', async () => {
    const known = async (pass: (clock: ManualClock) => void): Promise<boolean> => {
      const { erased, clock, put } = new Instance();
      erased.start();
      await settle();
      await put({ times: 1, requests: ['e'], openings: [], redeemed: [], brought: [0] });
      pass(clock);
      return (await erased.readMissing('ann')) === undefined;
    };
    expect(await known((clock) => clock.pass(GRACE_MS / 2 - 1))).toBe(true);
    expect(await known((clock) => clock.pass(GRACE_MS / 2))).toBe(false);
    expect(await known((clock) => clock.jump(GRACE_MS / 2))).toBe(false);
  });

  it('relies on it no longer when it erases something itself', async () => {
    const { erased, put } = new Instance();
    erased.start();
    await settle();
    await erased.announce();
    await put({ times: 1, requests: ['e'], openings: [], redeemed: [], brought: [0] });
    expect(await erased.readMissing('ann')).toMatchObject({ requests: ['e'] });
  });
});

describe('the record of erased accounts of a name', () => {
  it('counts as many as it has requests, also where an older version has not', async () => {
    const wrong = { times: 1, requests: ['e1', 'e2'], openings: [], redeemed: [], brought: [3] };
    const listed = new Instance();
    await listed.put(wrong);
    await listed.erased.addRequests('ann', ['e2']);
    expect(await listed.erased.read('ann')).toEqual({ ...wrong, times: 2 });
    const again = new Instance();
    await again.put(wrong);
    // The account of which the document says that one was erased before it.
    await again.erased.add('ann', { ...UNOPENED, erased: ['e2'], erasing: 'e3' });
    expect(await again.erased.read('ann')).toMatchObject({ times: 3 });
    // Others have been here meanwhile.
    await again.erased.addRequests('ann', ['e1', 'e2', 'e3']);
    await again.erased.add('ann', { ...UNOPENED, erased: ['e2'], erasing: 'e3' });
    expect(await again.erased.read('ann')).toMatchObject({ times: 3 });
  });

  it('never says that an account had less than was known', async () => {
    const { erased } = new Instance();
    const early = { ...UNOPENED, opened: 3, opener: 'o', erasing: 'e1' };
    const late = { ...early, entries: [['v', 'r', 1, 5] as [string, string, number, number]], erasing: 'e2' };
    // A credit has opened it again, and it was closed once more. Then comes what the first one wrote.
    for (const account of [early, late, early]) await erased.add('ann', account);
    expect(await erased.read('ann')).toMatchObject({ brought: [8], redeemed: [['v', hash('r'), 1]], openings: ['o'] });
  });
});
