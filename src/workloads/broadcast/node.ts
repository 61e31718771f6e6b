/** What a node serves of broadcast: a replicated set, whose elements are called messages. */

import { type Handler, handler } from '../../node/context.ts';
import type { ServedWorkload } from '../served-workload.ts';
import { Broadcast, Compare, Read, Spread, Topology } from './messages.ts';
import { type SetNode, startSetNode } from './set-node.ts';

export const broadcastNode: ServedWorkload = {
  name: 'broadcast',
  rpcs: [Topology, Broadcast, Read, Spread, Compare],
  start: async (context, ports) => broadcastHandlers(await startSetNode(context, ports, 'broadcast')),
  whenAsked: true,
};

export function broadcastHandlers(node: SetNode): readonly Handler[] {
  return [
    // The nodes have a topology of their own.
    handler(Topology, () => ({})),
    handler(Broadcast, ({ message }) => node.add('message', message)),
    handler(Read, () => node.elements((messages) => ({ messages }))),
    ...node.handlers,
  ];
}
