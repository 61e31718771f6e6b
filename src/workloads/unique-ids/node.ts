/** What a node serves of unique-ids. */

import { idsNode } from '../ids/node.ts';
import type { ServedWorkload } from '../served-workload.ts';

export const uniqueIdsNode: ServedWorkload = {
  ...idsNode,
  name: 'unique-ids',
};
