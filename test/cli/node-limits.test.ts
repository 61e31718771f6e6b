/** Limits of simulated nodes, from the command line to the run and back. */

import { describe, expect, it } from 'vitest';
import { requireLimits } from '../../src/cli/node-limits.ts';
import { parseOptions } from '../../src/cli/options.ts';
import { testArguments } from '../../src/cli/test-arguments.ts';
import { interpretTestOptions, TEST_OPTIONS, WORKLOAD_OPTIONS } from '../../src/cli/test-options.ts';
import { voucher } from '../../src/workloads/voucher/workload.ts';

function interpret(...args: string[]) {
  return interpretTestOptions(parseOptions(TEST_OPTIONS, ['--seed', '1', ...args]));
}

describe('limits of nodes', () => {
  it('are numbers by their names, and none is set unasked', () => {
    expect(interpret('-w', 'voucher', '--limits', 'page=2, group=1').options.nodeLimits).toEqual({ page: 2, group: 1 });
    expect(interpret('-w', 'voucher').options).not.toHaveProperty('nodeLimits');
  });

  it('are in the command that makes the run again', () => {
    const { workload, options } = interpret('-w', 'voucher', '--limits', 'page=2,group=1');
    expect(testArguments(workload, options).join(' ')).toContain(' --limits page=2,group=1 ');
    expect(interpret(...testArguments(workload, options)).options).toEqual(options);
  });

  it.each([
    ['page', 'expected NAME=N, not page'],
    ['page=', 'expected NAME=N, not page='],
    ['=2', 'expected NAME=N, not =2'],
    ['page=2=3', 'expected NAME=N, not page=2=3'],
    ['page=0', 'expected a whole number of at least 1'],
    ['page=1.5', 'expected a whole number of at least 1'],
    ['page=2,page=3', 'page is given twice'],
  ])('are refused if they are not numbers by their names: %s', (text, reason) => {
    expect(() => interpret('-w', 'voucher', '--limits', text)).toThrow(`--limits ${JSON.stringify(text)}: ${reason}`);
  });

  it('are refused if the workload does not have them, with those that it has', () => {
    expect(() => interpret('-w', 'voucher', '--limits', 'page=2,pages=2')).toThrow(
      '--limits page=2,pages=2: the workload voucher has no limit "pages"; it has page, group, pending, gather, left, terms, requests',
    );
    expect(() => interpret('-w', 'echo', '--limits', 'page=2')).toThrow(
      'the workload echo has no limit "page"; it has none',
    );
    expect(() => requireLimits(voucher, { toString: 1 })).toThrow('no limit "toString"');
    expect(() => requireLimits(voucher, undefined)).not.toThrow();
  });

  it('are refused for processes, which have their own', () => {
    expect(() => interpret('-w', 'voucher', '--bin', 'node', '--limits', 'page=2')).toThrow(
      '--limits cannot be combined with --bin: a process has its own limits',
    );
  });

  it('of members are refused for processes, too, with the way to give them', () => {
    const interpretAll = (...args: string[]) =>
      interpretTestOptions(parseOptions(TEST_OPTIONS, args, WORKLOAD_OPTIONS));
    expect(() => interpretAll('-w', 'voucher', '--bin', 'node', '--members', 'registered')).toThrow(
      '--members cannot be combined with --bin; give it to the node: -- --members registered',
    );
    expect(interpretAll('-w', 'voucher', '--members', 'registered').options.workloadOptions).toEqual({
      members: 'registered',
    });
  });

  it('are listed in the help, by workload', () => {
    expect(TEST_OPTIONS.limits.text).toContain(
      '\nvoucher: page, group, pending, gather, left, terms, requests, lease.',
    );
    expect(TEST_OPTIONS.limits.text).not.toContain('echo');
  });
});
