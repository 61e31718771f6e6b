/** What a node serves of unique-ids. */

import { startIds } from '../ids/node.ts';
import type { ServedWorkload } from '../served-workload.ts';

export const uniqueIdsNode: ServedWorkload = {
  name: 'unique-ids',
  start: startIds,
};
