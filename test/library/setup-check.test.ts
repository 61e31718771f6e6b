/** Options from code that are wrong or unknown: each is refused by name, and it is said what would be right. */

import { describe, expect, it } from 'vitest';
import { defineNode, runOnStdio } from '../../src/library/node.ts';
import { defineWorkload, explore, fuzz, replay, run } from '../../src/library/testing.ts';
import { setNode } from './nodes.ts';

const node = setNode(true);
const set = { node, workload: 'g-set' };

type Called = (setup: never) => Promise<unknown>;

async function refusal(called: Called, setup: object): Promise<string> {
  const error = await called({ ...set, ...setup } as never).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TypeError);
  return (error as Error).message;
}

describe('an option that does not exist', () => {
  it.each<[Called, string, string]>([
    [run, 'timelimit', 'timelimit: run has no such option; did you mean timeLimitMs?'],
    [run, 'nemesis', 'nemesis: run has no such option; did you mean faults?'],
    [run, 'seeds', 'seeds: run has no such option; did you mean seed?'],
    [fuzz, 'seed', 'seed: fuzz has no such option; did you mean from?'],
    [fuzz, 'node-count', 'node-count: fuzz has no such option; did you mean nodeCount?'],
    [fuzz, 'toString', 'toString: fuzz has no such option; expected some of node, workload, options, nodeCount'],
    [explore, 'operations', 'operations: explore has no such option; did you mean operationCount?'],
    [explore, 'faults', 'faults: explore has no such option; expected some of'],
    [replay, 'scedule', 'scedule: replay has no such option; did you mean schedule?'],
  ])('is refused by %o: %s', async (called, name, text) => {
    expect(await refusal(called, { [name]: 1 })).toContain(text);
  });
});

describe('a value out of its limits', () => {
  it.each<[object, string]>([
    [{ timeLimitMs: -1 }, 'timeLimitMs -1: expected a number from 0 to 1000000000'],
    [{ timeLimitMs: '5' }, 'timeLimitMs "5": expected a number from 0 to 1000000000'],
    [{ ratePerSecond: Number.NaN }, 'ratePerSecond NaN: expected a number of at least 0'],
    [{ nodeCount: 0 }, 'nodeCount 0: expected a whole number from 1 to 1024'],
    [{ nodeCount: 2.5 }, 'nodeCount 2.5: expected a whole number from 1 to 1024'],
    [{ nodeCount: 1025 }, 'nodeCount 1025: expected a whole number from 1 to 1024'],
    [{ nodes: [] }, 'nodes []: expected names of nodes'],
    [{ nodes: 'n1' }, 'nodes "n1": expected an array of names of nodes'],
    [{ nodes: ['n1', 'n1'] }, 'nodes ["n1","n1"]: expected each name once, but n1 is given twice'],
    [{ nodes: ['c1'] }, 'nodes ["c1"]: expected names that do not begin with c'],
    [{ nodes: ['n1'], nodeCount: 1 }, 'nodes cannot be combined with nodeCount'],
    [{ concurrency: 0 }, 'concurrency 0: expected a whole number from 1'],
    [{ latencyMeanMs: 0.5 }, 'latencyMeanMs 0.5: expected a whole number from 0'],
    [{ latencyDistribution: 'normal' }, 'latencyDistribution "normal": expected one of constant, uniform'],
    [{ nemesisIntervalMs: 0 }, 'nemesisIntervalMs 0: expected a number above 0'],
    [{ availability: 2 }, "availability 2: expected a number from 0 to 1, or 'total'"],
    [{ faults: ['rain'] }, 'faults ["rain"]: expected one of partition'],
    [{ faults: 'pause' }, 'faults "pause": expected an array of faults'],
    [{ faults: ['engine-kill'] }, 'faults: engine-kill is a fault of the store under services'],
    [{ faults: ['partition'], nodeCount: 1 }, 'faults: partition needs at least two nodes'],
    [{ shrinkMs: -1 }, 'shrinkMs -1: expected a number from 0'],
    [{ node: {} }, 'node {}: expected what defineNode made'],
    [{ node: undefined }, 'node is missing: run needs it'],
    [{ workload: 5 }, 'workload 5: expected a name, such as broadcast, or what defineWorkload made'],
    [{ options: { topologi: 'grid' }, workload: 'broadcast' }, 'options.topologi: the workload broadcast has no such'],
    [{ options: { topology: 'ring' }, workload: 'broadcast' }, 'options.topology "ring": expected one of'],
    [{ options: { topology: ['grid'] }, workload: 'broadcast' }, 'expected a text, a number or a boolean as topology'],
    [{ seed: '' }, 'seed "": expected a text that is not empty, such as \'1\''],
    [{ seed: 7 }, "seed 7: expected a text that is not empty, such as '1'"],
  ])('%j is refused by run', async (setup, text) => {
    expect(await refusal(run, setup)).toContain(text);
  });

  it.each<[Called, object, string]>([
    [fuzz, { seeds: 1.5 }, 'seeds 1.5: expected a whole number of at least 1'],
    [fuzz, { from: -1 }, 'from -1: expected a whole number of at least 0'],
    [fuzz, { from: Number.MAX_SAFE_INTEGER, seeds: 2 }, 'seeds go up to 9007199254740991'],
    [fuzz, { timeLimitMs: -5 }, 'timeLimitMs -5'],
    [fuzz, { faults: ['bridge'], nodeCount: 2 }, 'faults: bridge needs at least 3 nodes'],
    [explore, { operationCount: 0 }, 'operationCount 0: expected a whole number from 1 to 1000'],
    [explore, { nodeCount: 17 }, 'nodeCount 17: expected a whole number from 1 to 16'],
    [explore, { depth: 6 }, 'depth 6: expected a whole number from 1 to 5'],
    [explore, { actions: ['stop'] }, 'actions ["stop"]: expected one of kill, kill-unsynced'],
    [explore, { schedulesMax: 0 }, 'schedulesMax 0: expected a whole number of at least 1'],
    [replay, {}, 'schedule is missing: replay needs it'],
    [replay, { schedule: '{' }, 'schedule: not JSON: '],
    [replay, { schedule: '{}' }, 'schedule: format: '],
  ])('is refused by %o: %j', async (called, setup, text) => {
    expect(await refusal(called, setup)).toContain(text);
  });

  it('may be left undefined', async () => {
    const { valid } = await run({ ...set, timeLimitMs: 100, nodeCount: undefined } as never);
    expect(valid).toBe(true);
  });

  it('is no object of options at all', async () => {
    await expect(run('broadcast' as never)).rejects.toThrow(
      new TypeError('run "broadcast": expected an object, such as { node, workload: \'broadcast\' }'),
    );
  });
});

describe('the faults of a run', () => {
  it('are those that so many nodes can suffer, as on the command line', async () => {
    const surviving = defineNode({ ...node, survives: ['partition', 'bridge', 'pause'] });
    const faultsWith = async (nodeCount: number) => {
      const { history } = await run({ node: surviving, workload: 'g-set', nodeCount, timeLimitMs: 60_000 });
      return [...new Set([...history].flatMap(({ process, f }) => (process === 'nemesis' ? f : [])))].sort();
    };
    expect(await faultsWith(1)).toEqual(['pause', 'resume']);
  });
});

describe('an option of a definition that does not exist', () => {
  it('is refused', () => {
    expect(() => defineNode({ ...node, survive: ['kill'] } as never)).toThrow(
      new TypeError('defineNode: survive: there is no such option; expected some of name, handlers, survives'),
    );
    expect(() => defineWorkload({ name: 'mine', test: {}, check: 1 } as never)).toThrow(
      'defineWorkload: check: there is no such option; expected some of name, text, options, test',
    );
    expect(() => runOnStdio(node, { loglevel: 'info' } as never)).toThrow(
      'runOnStdio: loglevel: there is no such option; expected some of logLevel, inFlightMax, folder',
    );
  });
});
