#!/usr/bin/env node
/** Ids that no two requests get: the name of the node, and how many it has made. */

import { defineNode, defineRpc, handler, runOnStdio } from 'snowstorm';
import * as z from 'snowstorm/zod';

const Generate = defineRpc('generate', 'Makes an id.', {}, { id: z.string() });

const node = defineNode({
  name: 'unique-ids',
  survives: ['partition', 'loss', 'duplication', 'delay', 'pause'],
  handlers: (context) => {
    let count = 0;
    return [handler(Generate, () => ({ id: `${context.nodeId}-${++count}` }))];
  },
});

runOnStdio(node);
export default node;
