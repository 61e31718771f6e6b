import { describe, expect, it } from 'vitest';
import { describeOptions, parseOptions, UsageError } from '../../src/cli/options.ts';
import { servedOption } from '../../src/cli/served-option.ts';
import { handler } from '../../src/node/context.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import type { ServedWorkload } from '../../src/workloads/served-workload.ts';

function workload(name: string, ...types: string[]): ServedWorkload {
  const rpcs = types.map((type) => defineRpc(type, '', {}, {}));
  return { name, rpcs, start: async () => rpcs.map((rpc) => handler(rpc, () => ({}))) };
}

const counter = workload('counter', 'read_counter', 'add');
const tally = workload('tally', 'add');
const list = workload('list', 'append');
/** Served beside others, but only when it is asked for. */
const gossip: ServedWorkload = { ...workload('gossip', 'tell'), whenAsked: true };
const OPTIONS = { workload: servedOption([counter, tally, list]) };

const served = (...args: string[]) => parseOptions(OPTIONS, args).values.workload;

describe('--workload', () => {
  it('names what a node serves', () => {
    expect(served('--workload', 'tally')).toEqual([tally]);
    expect(served('-w', 'list,counter')).toEqual([list, counter]);
  });

  it('may name a workload twice', () => {
    expect(served('-w', 'list,counter,list')).toEqual([list, counter]);
  });

  it('stands for all that can live together when it is absent', () => {
    expect(served()).toEqual([counter, list]);
    expect(describeOptions(OPTIONS)).toBe(`\
  -w, --workload NAME,...  The workloads that the node serves, with commas between them:
                           counter, tally, list.
                           Default: what the harness says it tests, if that is snowstorm; else
                           counter, list.`);
    expect(describeOptions({ workload: servedOption([counter, list]) })).toBe(`\
  -w, --workload NAME,...  The workloads that the node serves, with commas between them:
                           counter, list.
                           Default: all of them.`);
  });

  it('is what the harness tests, when it is absent and no node serves that unasked', () => {
    const absent = (asked: string) => servedOption([counter, tally, list, gossip], asked).absent;
    expect(absent('tally')).toEqual([tally]);
    expect(absent('gossip')).toEqual([gossip]);
    expect(absent('list')).toEqual([counter, list]);
    expect(absent('of another program')).toEqual([counter, list]);
    const options = { workload: servedOption([counter, tally, list, gossip], 'tally') };
    expect(parseOptions(options, ['-w', 'list']).values.workload).toEqual([list]);
  });

  it.each([
    [
      'counter,tally',
      '--workload "counter,tally": both counter and tally serve the message type add; name only one of the two',
    ],
    ['count', '--workload "count": there is no workload "count"; expected one or more of counter, tally, list'],
    ['list,', '--workload "list,": there is no workload ""; expected one or more of counter, tally, list'],
    ['', '--workload "": there is no workload ""; expected one or more of counter, tally, list'],
  ])('is refused when it is %j', (text, says) => {
    expect(() => served('-w', text)).toThrow(new UsageError(says));
  });
});
