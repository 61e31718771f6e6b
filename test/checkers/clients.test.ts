/** Whether the clients kept up with the rate that was asked for. */

import { describe, expect, it } from 'vitest';
import { type ClientsOptions, clientsChecker } from '../../src/checkers/clients.ts';
import { History } from '../../src/history/history.ts';
import type { OperationEntry } from '../../src/history/operation.ts';

const SECOND = 1e9;

function check(entries: readonly OperationEntry[], concurrency: number, options: Partial<ClientsOptions> = {}) {
  const history = History.of(entries);
  const all = {
    end: history.length,
    durationMs: 10_000,
    askedRatePerSecond: 1,
    isFaulty: true,
    timeoutMs: 5000,
    ...options,
  };
  return clientsChecker(all).check({ nodes: ['n0'], concurrency }, history);
}

function operation(process: number, beginS: number, endS: number, error?: unknown, type: 'info' | 'fail' = 'info') {
  const entry = { process, f: 'echo', value: 1 };
  const end = error === undefined ? { type: 'ok' as const } : { type, error };
  return [
    { ...entry, type: 'invoke', time: beginS * SECOND },
    { ...entry, ...end, time: endS * SECOND },
  ] satisfies OperationEntry[];
}

const WAITING = [
  ...operation(0, 0, 0.1),
  ...operation(0, 0.5, 5.5, 'net-timeout'),
  ...operation(1, 6, 8.5, 'net-timeout', 'fail'),
];

describe('clients', () => {
  it('that wait for answers lost to faults are told to be more', () => {
    expect(check(WAITING, 1)).toEqual({
      'valid?': true,
      count: 3,
      rate: 0.3,
      'waiting-fraction': 0.75,
      'asked-rate': 1,
      advice: 'clients waited for answers that never came 75 % of the time: raise --concurrency',
    });
  });

  it('that are fewer than the nodes leave some of them alone, which is a warning', () => {
    const nodes = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'];
    const warned = (count: number, concurrency: number) =>
      clientsChecker({ end: 2, durationMs: 1000, isFaulty: false }).check(
        { nodes: nodes.slice(0, count), concurrency },
        History.of(operation(0, 0, 0.1)),
      );
    expect(warned(3, 2)).toMatchObject({
      'valid?': true,
      'nodes-without-clients': ['n2'],
      warning:
        'No client talked to n2, not even at the end: there were 2 clients for 3 nodes. --concurrency 1n has one for each.',
    });
    expect(warned(8, 1).warning).toMatch(/^No client talked to n1, n2, n3, n4, n5, others, not even .* was 1 client /);
    expect(warned(3, 3)).not.toHaveProperty('warning');
  });

  it('of which no request succeeded are not: more of them would not help', () => {
    expect(check(WAITING.slice(2), 1)).toEqual({ 'valid?': true, count: 2, rate: 0.2, 'waiting-fraction': 0.75 });
  });

  it('that wait though nothing was broken are not: the nodes did not answer', () => {
    const figures = { 'valid?': true, count: 3, rate: 0.3, 'waiting-fraction': 0.75 };
    const note = '1 request got no answer within 5 s, though the harness injected no faults';
    // The other one was cut off by the end of the run.
    expect(check(WAITING, 1, { isFaulty: false })).toEqual({ ...figures, note });
    expect(check([...WAITING, ...operation(2, 3, 8, 'net-timeout')], 1, { isFaulty: false })).toMatchObject({
      note: '2 requests got no answer within 5 s, though the harness injected no faults',
    });
    const without = { isFaulty: false, timeoutMs: undefined, askedRatePerSecond: undefined };
    expect(check(operation(0, 0, 5, 'net-timeout'), 1, without)).toMatchObject({
      note: '1 request got no answer in time, though the harness injected no faults',
    });
    expect(check(operation(0, 0, 5), 1, { isFaulty: false })).not.toHaveProperty('note');
  });

  it('that wait beyond the end are counted until the end', () => {
    expect(check(operation(0, 8, 13, 'net-timeout'), 1)['waiting-fraction']).toBeCloseTo(0.2);
  });

  it('that wait only beyond the end did not wait', () => {
    expect(check(operation(0, 12, 17, 'net-timeout'), 1)['waiting-fraction']).toBe(0);
  });

  it('whose timers fire a hundredth early waited their full time', () => {
    const notes = [4.95, 4.9].map((end) => check(operation(0, 0, end, 'net-timeout'), 1, { isFaulty: false }).note);
    expect(notes).toEqual(['1 request got no answer within 5 s, though the harness injected no faults', undefined]);
  });

  it('that kept up all the same are not', () => {
    const entries = [...operation(0, 0, 5, 'net-timeout'), ...operation(1, 0, 6)];
    const result = check(entries, 2, { askedRatePerSecond: 0.2 });
    expect(result).toEqual({ 'valid?': true, count: 2, rate: 0.2, 'waiting-fraction': 0.25 });
  });

  it('are told from a fifth of the time on, and below nine tenths of the rate', () => {
    const waiting = (seconds: number, okCount: number) => [
      ...operation(0, 0, seconds, 'net-timeout'),
      ...Array.from({ length: okCount }, () => operation(0, seconds, seconds)).flat(),
    ];
    expect(check(waiting(2, 7), 1)).toMatchObject({ rate: 0.8, 'waiting-fraction': 0.2, advice: expect.any(String) });
    expect(check(waiting(1.9, 7), 1)).not.toHaveProperty('advice');
    const kept = check(waiting(2, 8), 1);
    expect(kept).toEqual({ 'valid?': true, count: 9, rate: 0.9, 'waiting-fraction': 0.2 });
  });

  it('that are slow for other reasons are not', () => {
    expect(check(operation(0, 0, 5), 1)).toEqual({ 'valid?': true, count: 1, rate: 0.1, 'waiting-fraction': 0 });
    expect(check(operation(0, 0, 5, ['crash', 'oops']), 1)).not.toHaveProperty('advice');
  });

  it('of a replay were asked for no rate', () => {
    const result = check(WAITING, 1, { askedRatePerSecond: undefined });
    expect(result).toEqual({ 'valid?': true, count: 3, rate: 0.3, 'waiting-fraction': 0.75 });
  });

  it('are not counted once everything is healed', () => {
    const entries = [...operation(0, 0, 1), ...operation(0, 1, 6, 'net-timeout')];
    expect(check(entries, 1, { end: 2 })).toMatchObject({ count: 1, 'waiting-fraction': 0 });
    const waiting = [...operation(0, 0, 2, 'net-timeout'), ...operation(0, 2, 6, 'net-timeout')];
    expect(check(waiting, 1, { end: 2 })).toMatchObject({ count: 1, 'waiting-fraction': 0.2 });
  });

  it('that did nothing have no rate', () => {
    expect(check([], 1)).toEqual({ 'valid?': true, count: 0 });
    expect(check(operation(0, 0, 0), 1, { durationMs: 0 })).toEqual({ 'valid?': true, count: 1 });
    expect(check(operation(0, 0, 0), 1, { durationMs: 1 })).toMatchObject({ count: 1, rate: 1000 });
  });
});
