/**
 * How assignments end: with the page of their ids, when these are older than the horizon (`kv/retention.ts`). The
 * assigned documents are removed first, so an id that was found by its page is not found half.
 */

import type { Ending } from '../../kv/retention.ts';
import { AssignmentRecord, assignmentKey, firstIdOfPage, PAGE_PREFIX, Page } from './assignments.ts';

export const ENDED_ASSIGNMENTS = {
  name: 'assignments',
  prefix: PAGE_PREFIX,
  // All ids of a page are of one millisecond.
  idOf: firstIdOfPage,
  end: async (key, remover) => {
    const found = await remover.read(key);
    const page = found.kind === 'found' ? Page.safeParse(found.content) : undefined;
    if (found.kind !== 'found' || !page?.success) return;
    let isEmpty = true;
    for (const [id, [service, name]] of Object.entries(page.data.intentions)) {
      const documentKey = assignmentKey(service, name);
      const assigned = await remover.read(documentKey);
      const record = assigned.kind === 'found' ? AssignmentRecord.safeParse(assigned.content) : undefined;
      if (assigned.kind === 'failed' || record?.success === false) isEmpty = false;
      // Another intention may have won the key.
      if (assigned.kind !== 'found' || record?.data?.id !== id) continue;
      if (!(await remover.remove(documentKey, assigned.token))) isEmpty = false;
    }
    if (isEmpty) await remover.remove(key, found.token);
  },
} satisfies Ending;
