import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Handler } from '../../src/node/context.ts';
import { SERVED_WORKLOADS } from '../../src/workloads/nodes.ts';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import { workloadPorts } from '../support/memory-ports.ts';
import { TestNode } from '../support/test-node.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the registry of nodes', () => {
  it('has the halves of all workloads, in the same order', () => {
    const halves = WORKLOADS.map(({ name, rpcs, start, whenAsked }) => ({
      ...{ name, rpcs, start },
      ...(whenAsked && { whenAsked }),
    }));
    expect(SERVED_WORKLOADS).toEqual(halves);
  });

  it.each(SERVED_WORKLOADS.map((workload) => [workload.name, workload] as const))(
    'declares the messages that %s has handlers for',
    async (_, { rpcs, start }) => {
      let handlers: readonly Handler[] = [];
      await new TestNode(async (context) => {
        handlers = await start(context, workloadPorts(context));
        return handlers;
      }).init();
      expect(handlers.map(({ rpc }) => rpc)).toEqual(rpcs);
    },
  );
});

describe('the registry', () => {
  const names = WORKLOADS.map(({ name }) => name).sort();

  it('has the workloads that make fuzz goes through', () => {
    const [, list = ''] = /^WORKLOADS \?= (.*)$/m.exec(read('Makefile')) ?? [];
    expect(list.split(' ').sort()).toEqual(names);
  });

  it('has the workloads that are fuzzed every night', () => {
    const matrix = [...read('.github/workflows/ci.yml').matchAll(/\{ workload: ([\w-]+), seeds: \d+ \}/g)];
    expect(matrix.map(([, name]) => name).sort()).toEqual(names);
  });
});
