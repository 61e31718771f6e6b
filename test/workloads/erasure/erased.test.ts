/** What is kept of erased accounts, as one instance after another writes it down. */

import { describe, expect, it } from 'vitest';
import { createPersonalHash } from '../../../src/host/personal-hash.ts';
import { MemoryEngine } from '../../../src/kv/memory-engine.ts';
import { type ErasedRecord, ErasedAccounts } from '../../../src/workloads/erasure/erased.ts';
import { UNOPENED } from '../../../src/workloads/saga/accounts.ts';
import { SECRET } from '../../support/erasure-run.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const hash = createPersonalHash(SECRET);

class Instance {
  readonly clock = new ManualClock();
  readonly engine = new MemoryEngine();
  readonly erased: ErasedAccounts;

  constructor() {
    const context = { clock: this.clock, sleep: async () => false, randomUint32: () => 0 };
    this.erased = new ErasedAccounts(context, this.engine, { engine: this.engine, hash });
  }

  async put(record: ErasedRecord): Promise<void> {
    await this.engine.replace(`erased/${hash('ann')}`, null, JSON.stringify({ ...record, ver: 1 }));
  }
}

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
});
