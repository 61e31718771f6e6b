#!/usr/bin/env node
/**
 * A node that serves tally: the sum is in one document of lin-kv. The document also keeps the ids of all adds. The
 * network may deliver an add twice, and it counts once.
 */

import { Documents, defineNode, handler, readOrThrow, runOnStdio } from 'snowstorm';
import * as z from 'snowstorm/zod';
import { Add, Read } from './messages.ts';

const Sum = z.object({ value: z.int(), ids: z.array(z.int()) });

const node = defineNode({
  name: 'tally',
  survives: ['partition', 'loss', 'duplication', 'delay', 'pause', 'kill'],
  handlers: (context, { kv }) => {
    const sums = new Documents({ kv, context, name: 'sum', schema: Sum });
    return [
      handler(Add, async ({ id, delta }) => {
        const result = await sums.update('sum', ({ value, ids } = { value: 0, ids: [] }) => {
          if (ids.includes(id)) return undefined;
          return { value: value + delta, ids: [...ids, id] };
        });
        if (result.kind !== 'ok') throw result.error;
        return {};
      }),
      handler(Read, async () => ({ value: (await readOrThrow(sums, 'sum')).content?.value ?? 0 })),
    ];
  },
});

runOnStdio(node);
export default node;
