import { describe, expect, it } from 'vitest';
import { KeptFailures } from '../../src/search/kept-failures.ts';

describe('failures', () => {
  it('are kept up to a number, and counted beyond it', () => {
    const failures = new KeptFailures<{ validity: false; run: number }>();
    for (let run = 0; run < 250; run++) failures.add({ validity: false, run });
    expect(failures.count).toBe(250);
    expect(failures.kept.map(({ run }) => run)).toEqual(Array.from({ length: 100 }, (_, run) => run));
  });

  it('have the first invalid one among them, after any number of undecided ones', () => {
    const failures = new KeptFailures<{ validity: false | 'unknown'; run: number }>();
    for (let run = 0; run < 250; run++) failures.add({ validity: run < 200 ? 'unknown' : false, run });
    expect(failures.kept).toHaveLength(101);
    expect(failures.kept.filter(({ validity }) => validity === false)).toEqual([{ validity: false, run: 200 }]);
  });
});
