/** Transfers between accounts, all or nothing, exactly once: the example of a saga. */

import type { Workload } from '../workload.ts';
import { startTransfers } from './node.ts';
import { sagaTest, smallSagaTest } from './workload.ts';

export const saga: Workload = {
  name: 'saga',
  text: 'Transfers money between accounts, all or nothing, repeats what was asked, and audits all along.',
  start: startTransfers,
  test: sagaTest,
  small: smallSagaTest,
};
