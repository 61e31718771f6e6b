/**
 * How sagas end: the record of a finished one is removed when its id is older than the horizon (`kv/retention.ts`). An
 * unfinished one stays, however old it is.
 */

import type { Ending } from '../kv/retention.ts';
import { isTerminal, SagaRecord, sagaKey } from './record.ts';

const PREFIX = sagaKey('');

/** @param name what figures call them: `transfers` */
export function endedSagas(name: string) {
  return {
    name,
    prefix: PREFIX,
    // An id that tells its time is its own encoding.
    idOf: (key) => key.slice(PREFIX.length),
    end: async (key, remover) => {
      const found = await remover.read(key);
      if (found.kind !== 'found') return;
      const record = SagaRecord.safeParse(found.content);
      if (record.success && isTerminal(record.data)) await remover.remove(key, found.token);
    },
  } satisfies Ending;
}
