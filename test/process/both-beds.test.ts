/** One code, two beds, in small: one right node and one wrong one. All others are in `both-beds.slow.test.ts`. */

import { describe, it } from 'vitest';
import { subjectOf } from '../../src/workloads/registry.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import { mutantSubject } from '../fixtures/mutants/unique-ids.ts';
import { expectOnBoth, FAULTS, OPTIONS, VALID, WORKLOAD_WRONG } from '../support/both-beds.ts';

describe.concurrent('on both beds', () => {
  it('what is right is valid under faults: unique-ids', async () => {
    const options = { ...OPTIONS, faults: FAULTS, timeLimitMs: 2000 };
    await expectOnBoth(subjectOf(uniqueIds), options, VALID);
  });

  it('what is wrong is found: ids without the number of the node', async () => {
    const options = { ...OPTIONS, ratePerSecond: 400, timeLimitMs: 2000 };
    await expectOnBoth(mutantSubject('without-node-number'), options, WORKLOAD_WRONG);
  });
});
