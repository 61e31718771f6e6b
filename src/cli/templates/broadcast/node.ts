#!/usr/bin/env node
/** A broadcast: a node tells its neighbours what is new to it, once. */

import { defineNode, defineRpc, handler, runOnStdio } from 'snowstorm';
import * as z from 'snowstorm/zod';

const Neighbours = z.record(z.string(), z.array(z.string()));
const Topology = defineRpc('topology', 'The neighbours of each node.', { topology: Neighbours }, {});
const Broadcast = defineRpc('broadcast', 'Gives a value to all nodes.', { message: z.int() }, {});
const Read = defineRpc('read', 'All values.', {}, { messages: z.array(z.int()) });
const Gossip = defineRpc('gossip', 'A value from a neighbour.', { message: z.int() }, {});

const node = defineNode({
  name: 'broadcast',
  survives: ['partition', 'loss', 'duplication', 'delay', 'pause'],
  handlers: (context) => {
    const seen = new Set<number>();
    let neighbours = context.nodeIds.filter((id) => id !== context.nodeId);

    const tell = async (id: string, message: number) => {
      await context.rpc(id, Gossip, { message });
    };
    const learn = (message: number, from: string) => {
      if (seen.has(message)) return;
      seen.add(message);
      for (const id of neighbours) if (id !== from) void tell(id, message);
    };

    return [
      handler(Topology, ({ topology }) => {
        neighbours = topology[context.nodeId] ?? neighbours;
        return {};
      }),
      handler(Broadcast, ({ message }, { src }) => {
        learn(message, src);
        return {};
      }),
      handler(Gossip, ({ message }, { src }) => {
        learn(message, src);
        return {};
      }),
      handler(Read, () => ({ messages: [...seen] })),
    ];
  },
});

runOnStdio(node);
export default node;
