/** What a node serves of g-set: the same replicated set as of broadcast, under other names. */

import { handler } from '../../node/context.ts';
import { Compare, Spread } from '../broadcast/messages.ts';
import { startSetNode } from '../broadcast/set-node.ts';
import type { ServedWorkload } from '../served-workload.ts';
import { Add, Read } from './messages.ts';

export const gSetNode: ServedWorkload = {
  name: 'g-set',
  rpcs: [Add, Read, Spread, Compare],
  start: async (context, ports) => {
    const node = await startSetNode(context, ports, 'g-set');
    return [
      handler(Add, ({ element }) => node.add('element', element)),
      handler(Read, () => node.elements((value) => ({ value }))),
      ...node.handlers,
    ];
  },
  whenAsked: true,
};
