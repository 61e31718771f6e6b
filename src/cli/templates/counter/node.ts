#!/usr/bin/env node
/** A counter in seq-kv: an add reads the sum and writes the next one. */

import { defineNode, defineRpc, handler, KvClient, runOnStdio } from 'snowstorm';
import * as z from 'snowstorm/zod';

const Add = defineRpc('add', 'Adds to the sum.', { delta: z.int() }, {});
const Read = defineRpc('read', 'The sum.', {}, { value: z.int() });

const node = defineNode({
  name: 'counter',
  survives: ['partition', 'loss', 'delay', 'pause'],
  handlers: (context) => {
    const kv = new KvClient(context, 'seq-kv');
    let reads = 0;
    const read = async (key: string) => {
      // seq-kv may show the past to a node that only reads. A write takes the node to the present.
      await kv.write(`reads of ${context.nodeId}`, ++reads);
      const result = await kv.read(key);
      if (result.kind !== 'ok') throw result.error;
      return Number(result.value ?? 0);
    };

    return [
      handler(Add, async ({ delta }) => {
        const sum = await read('sum');
        const result = await kv.write('sum', sum + delta);
        if (result.kind !== 'ok') throw result.error;
        return {};
      }),
      handler(Read, async () => ({ value: await read('sum') })),
    ];
  },
});

runOnStdio(node);
export default node;
