/** The test of tally: what clients ask, and what the history must show. */

import { completeWith, defineWorkload } from 'snowstorm/testing';
import { Add, Read } from './messages.ts';

/** What an add asks, as the generator below draws it. */
const addOf = (value: unknown) => value as { id: number; delta: number };

export default defineWorkload({
  name: 'tally',
  text: 'Adds numbers and reads their sum.',
  test: {
    reusableClients: true,
    // A node keeps all its data in the store.
    survivesDiskLoss: true,
    createGenerator: (random) => () => {
      const add = { id: random.integer(2 ** 48), delta: 1 + random.integer(9) };
      return random.integer(2) === 0 ? { f: 'read', value: null } : { f: 'add', value: add };
    },
    createInvoke: () => async (client, operation) => {
      if (operation.f === 'read') return completeWith(await client.rpc(Read, {}), null, ({ value }) => value);
      const add = addOf(operation.value);
      return completeWith(await client.rpc(Add, add), add, () => add);
    },
    createFinalInvocations: (_random, askers) => Array.from({ length: askers }, () => ({ f: 'read', value: null })),
    // A read shows at least the adds that were acknowledged before its request, and at most the adds that were sent
    // before its reply.
    checker: () => ({
      check: (_test, history) => {
        let [acknowledged, possible, readCount] = [0, 0, 0];
        const leastOf = new Map<unknown, number>();
        for (const { index, type, process, f, value } of history.clientOperations()) {
          const { delta } = f === 'add' ? addOf(value) : { delta: 0 };
          if (type === 'invoke') leastOf.set(process, acknowledged);
          possible += type === 'invoke' ? delta : type === 'fail' ? -delta : 0;
          if (type === 'ok') acknowledged += delta;
          if (type !== 'ok' || f !== 'read') continue;
          const [shown, least] = [Number(value), leastOf.get(process) ?? 0];
          const problem = `a read shows ${shown}, and the sum was from ${least} to ${possible}`;
          const proof = { problem, facts: {}, operations: [index], operationCount: 1 };
          if (shown < least || shown > possible) return { 'valid?': false, error: problem, proofs: [proof] };
          readCount++;
        }
        return { 'valid?': readCount > 0 || 'unknown', 'read-count': readCount };
      },
    }),
  },
});
