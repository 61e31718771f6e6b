/** Nodes that an author could have written, right and wrong. */

import * as z from 'zod';
import { defineNode, defineRpc, handler, type NodeDefinition, RpcError } from '../../src/library/node.ts';

const Add = defineRpc('add', 'Adds an element.', { element: z.int() }, {});
const Read = defineRpc('read', 'All elements.', {}, { value: z.array(z.int()) });
const Copy = defineRpc('copy', 'An element of another node.', { element: z.int() }, {});

/** A grow-only set. @param patient whether a copy is sent until it is acknowledged */
export function setNode(patient: boolean, alter: () => void = () => {}): NodeDefinition {
  return defineNode({
    name: patient ? 'set' : 'hasty-set',
    handlers: ({ nodeId, nodeIds, rpc, sleep }) => {
      const elements = new Set<number>();
      const tell = async (id: string, element: number) => {
        while ((await rpc(id, Copy, { element })).kind !== 'ok') if (!patient || !(await sleep(50))) return;
      };
      return [
        handler(Add, ({ element }) => {
          alter();
          elements.add(element);
          for (const id of nodeIds) if (id !== nodeId) void tell(id, element);
          return {};
        }),
        handler(Copy, ({ element }) => {
          elements.add(element);
          return {};
        }),
        handler(Read, () => ({ value: [...elements] })),
      ];
    },
  });
}

export const Put = defineRpc('put', 'Sets the register.', { value: z.int() }, {});
export const Get = defineRpc('get', 'The register.', {}, { value: z.int().nullable() });

/** A register that each node keeps for itself, so that only one node is right. */
export const registerNode: NodeDefinition = defineNode({
  handlers: () => {
    let register: number | null = null;
    return [
      handler(Put, ({ value }) => {
        if (value > 4) throw RpcError.of('abort', 'too large');
        register = value;
        return {};
      }),
      handler(Get, () => ({ value: register })),
    ];
  },
});
