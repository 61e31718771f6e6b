/** Draws from generators that do not ask whose turn it is. */

import type { Turn } from '../../src/harness/workload-test.ts';

export const ANY_TURN: Turn = { worker: 0, process: 0, atMs: 0 };
