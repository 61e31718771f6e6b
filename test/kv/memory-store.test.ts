/** The store that tests use instead of lin-kv must itself be a correct store. */

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
