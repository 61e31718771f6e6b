import { describe, expect, it } from 'vitest';
import { handler } from '../../src/node/context.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { findClash, servedTogether, startWorkloads } from '../../src/workloads/nodes.ts';
import type { ServedWorkload } from '../../src/workloads/served-workload.ts';
import { memoryPorts } from '../support/memory-ports.ts';
import { TestNode } from '../support/test-node.ts';
import { settle } from '../support/virtual-time.ts';

const Add = defineRpc('add', 'Adds.', {}, {});
const OtherAdd = defineRpc('add', 'Adds something else.', {}, {});
const Read = defineRpc('read', 'Reads.', {}, {});
const List = defineRpc('list', 'Lists.', {}, {});

/** Its name and messages; `started` lists the workloads that were started. */
function workload(name: string, rpcs: ServedWorkload['rpcs'], started: string[] = []): ServedWorkload {
  return {
    name,
    rpcs,
    start: async () => {
      started.push(name);
      return rpcs.map((rpc) => handler(rpc, () => ({})));
    },
  };
}

const counter = workload('counter', [Read, Add]);
const tally = workload('tally', [List, OtherAdd]);
const list = workload('list', [List]);

describe('a clash', () => {
  it('is a message type that two workloads serve, each in its own way', () => {
    expect(findClash([counter, tally])).toEqual({ type: 'add', earlier: counter, later: tally });
    expect(findClash([list, counter, tally])).toEqual({ type: 'list', earlier: list, later: tally });
  });

  it('is not what two workloads share that serve the same handlers', () => {
    expect(findClash([counter, { ...counter, name: 'counter-again' }, list])).toBeUndefined();
  });
});

describe('a node', () => {
  it('serves all that can live together: of two that clash the first', () => {
    expect(servedTogether([counter, tally, list])).toEqual([counter, list]);
    expect(servedTogether([list, tally, counter])).toEqual([list, counter]);
  });

  it('starts what it serves and nothing else', async () => {
    const started: string[] = [];
    const served = [workload('counter', [Read, Add], started), workload('list', [List], started)];
    const node = await new TestNode(startWorkloads(memoryPorts(), served.slice(1))).init();
    node.receive({ type: 'list', msg_id: 2 });
    node.receive({ type: 'add', msg_id: 3 });
    await settle();
    expect(node.bodies).toMatchObject([
      { type: 'list_ok', in_reply_to: 2 },
      { type: 'error', in_reply_to: 3, code: 10 },
    ]);
    expect(started).toEqual(['list']);
  });
});
