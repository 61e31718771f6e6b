/** The store that tests use in the place of lin-kv, so that it is one. */

import { describe } from 'vitest';
import { MemoryEngine } from '../support/memory-store.ts';
import { describeStore } from './store-conformance.ts';

describe('a store in memory', () => {
  describeStore(() => {
    const engine = new MemoryEngine();
    return {
      open: () => engine.open(),
      run: (work) => work,
      loseNext: (what) => {
        engine.lost = what;
      },
      cut: () => {
        engine.isCut = true;
      },
    };
  });
});
