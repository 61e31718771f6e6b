/** Retention keeps exactly once true: more of the random runs of `retention-fuzz.test.ts`. */

import { expect, it } from 'vitest';
import { runRetention } from '../support/retention-run.ts';

it('with retention every request is carried out at most once and has one answer, in 300 runs', async () => {
  for (let seed = 1000; seed < 1300; seed++) {
    const { violations } = await runRetention({ seed, rate: 4 });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
  }
}, 1_200_000);
