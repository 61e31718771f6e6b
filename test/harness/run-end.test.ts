/**
 * How a run ends: by its time, by the user, by an error of its own. It leaves no node, no timer and no request behind.
 */

import { describe, expect, it } from 'vitest';
import { operationPairs } from '../../src/checkers/pairs.ts';
import { NEMESIS, type Operation } from '../../src/history/operation.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { answering, echoesAfter, type Script } from '../support/scripted-bed.ts';
import { ScriptedRun, withoutTime } from '../support/scripted-run.ts';

const ONE_NODE = { nodes: ['n0'], concurrency: 1 };
const silence: Script = () => {};

function invocations(history: Iterable<Operation>): Operation[] {
  return [...history].filter(({ type, process }) => type === 'invoke' && process !== NEMESIS);
}

describe('a run ends', () => {
  it('when its time is up, after the operations in flight', async () => {
    const scriptOf = () => answering({ echo: echoesAfter(3000) });
    const run = new ScriptedRun({ test: echo.test, scriptOf, ratePerSecond: 100, timeLimitMs: 4000 });
    const { history, results } = await run.finish();
    expect(run.endedMs).toBeGreaterThan(6000);
    expect(run.endedMs).toBeLessThan(6100);
    expect([...operationPairs(history)].map(({ completion }) => completion.type)).toEqual(new Array(6).fill('ok'));
    expect(results['valid?']).toBe(true);
    expect([...run.bed.nodes.values()].map(({ killed }) => killed)).toEqual([true, true, true]);
  });

  it('at the latest when the last request has timed out', async () => {
    const run = new ScriptedRun({
      test: echo.test,
      scriptOf: () => answering({}),
      ratePerSecond: 100,
      timeLimitMs: 4000,
    });
    await run.finish();
    expect(run.endedMs).toBeGreaterThan(5000);
    expect(run.endedMs).toBeLessThan(5100);
  });

  it('with an unknown verdict at a rate of 0: nothing was shown', async () => {
    const run = new ScriptedRun({ test: echo.test, ratePerSecond: 0, faults: ['partition'] });
    const { history, results } = await run.finish();
    expect(run.endedMs).toBe(10_000);
    expect(invocations(history)).toEqual([]);
    expect(results['valid?']).toBe('unknown');
    expect(results.stats).toMatchObject({ 'valid?': 'unknown', error: 'no operation was completed' });
    expect(results.availability).toEqual({ 'valid?': true, 'ok-fraction': 1 });
  });

  it('when it is stopped, after the operations in flight, with a verdict on what has run', async () => {
    const scriptOf = () => answering({ echo: echoesAfter(400) });
    const run = new ScriptedRun({ test: echo.test, scriptOf, timeLimitMs: 60_000, faults: ['partition'] });
    await run.advance(5000);
    run.run.stop();
    run.run.stop();
    const { history, results } = await run.finish();
    expect(run.endedMs).toBeGreaterThan(5000);
    // The operations in flight, and after them one probe of each node after the partition.
    expect(run.endedMs).toBeLessThanOrEqual(5800);
    expect(invocations(history).filter(({ time }) => time >= 5000e6)).toHaveLength(3);
    expect([...operationPairs(history)]).toHaveLength(invocations(history).length);
    expect(results['valid?']).toBe(true);
  });

  it('at once when it is aborted: operations in flight are info', async () => {
    const run = new ScriptedRun({ test: echo.test, scriptOf: () => answering({}), timeLimitMs: 60_000 });
    await run.advance(3000);
    run.run.abort();
    const { history, results } = await run.finish();
    expect(run.endedMs).toBe(3000);
    const cutOff = [...operationPairs(history)].map(({ completion }) => withoutTime(completion));
    expect(cutOff.map(({ type, error }) => [type, error])).toEqual(new Array(3).fill(['info', 'net-timeout']));
    expect(results.protocol).toEqual({ 'valid?': true, count: 0, violations: [] });
    expect(results.availability).toEqual({ 'valid?': true, 'ok-fraction': 0 });
  });

  it('at once when it is aborted after it was stopped', async () => {
    const run = new ScriptedRun({ test: echo.test, scriptOf: () => answering({}), timeLimitMs: 60_000 });
    await run.advance(3000);
    run.run.stop();
    await run.advance(500);
    expect(run.endedMs).toBeUndefined();
    run.run.abort();
    await run.finish();
    expect(run.endedMs).toBe(3500);
  });

  it.each(['stop', 'abort'] as const)('at once for %s while nodes start, and accuses none of them', async (how) => {
    const scriptOf = (nodeId: string) => answering(nodeId === 'n1' ? { init: silence } : {});
    const run = new ScriptedRun({ test: echo.test, scriptOf });
    await run.advance(2000);
    run.run[how]();
    const { history, startMs, results } = await run.finish();
    expect(run.endedMs).toBe(2000);
    expect(startMs).toBe(Number.POSITIVE_INFINITY);
    expect(history.length).toBe(0);
    expect(results.protocol).toEqual({ 'valid?': true, count: 0, violations: [] });
    expect(results['valid?']).toBe('unknown');
  });

  it('without waiting for messages in flight', async () => {
    const scriptOf = () =>
      answering({
        echo: (message, node) => {
          echoesAfter(1)(message, node);
          node.send('lin-kv', { type: 'read', key: 'x', msg_id: 1 });
        },
      });
    const run = new ScriptedRun({ test: echo.test, scriptOf, latencyMeanMs: 60_000, timeLimitMs: 1000 });
    const { results } = await run.finish();
    expect(run.endedMs).toBeLessThan(1100);
    expect(results['valid?']).toBe(true);
    expect(results.net?.servers).toMatchObject({ 'recv-count': 0 });
  });

  it('and judges nothing more: what a node prints while it is killed is ignored', async () => {
    const run = new ScriptedRun({
      test: echo.test,
      timeLimitMs: 1000,
      onStart: (node) => {
        const kill = node.kill.bind(node);
        node.kill = async () => {
          await kill();
          node.tell((events) => {
            events.onLine('{"src": "n0", "de');
            events.onUnreadable('a line is not UTF-8 and was refused', '{"src": "n0", "de');
            events.onExit('signal SIGKILL');
          });
        };
      },
    });
    const { results } = await run.finish();
    expect(results.protocol).toEqual({ 'valid?': true, count: 0, violations: [] });
    expect(results['valid?']).toBe(true);
  });

  it('with its own error when a workload fails, and leaves no node and no timer', async () => {
    const broken = { ...echo.test, createInvoke: () => () => Promise.reject(new Error('the workload is broken')) };
    const run = new ScriptedRun({ test: broken, faults: ['partition'] });
    await expect(run.finish()).rejects.toThrow('the workload is broken');
    expect([...run.bed.nodes.values()].map(({ killed }) => killed)).toEqual([true, true, true]);
    expect(run.time.timerCount).toBe(0);
  });

  it('with its own error when no partition is possible, and leaves no node and no timer', async () => {
    const run = new ScriptedRun({ test: echo.test, ...ONE_NODE, faults: ['partition'] });
    await expect(run.finish()).rejects.toThrow(RangeError);
    expect([...run.bed.nodes.values()].map(({ killed }) => killed)).toEqual([true]);
    expect(run.time.timerCount).toBe(0);
  });

  it('with its own error when a node cannot even be started, and leaves the others killed', async () => {
    const run = new ScriptedRun({
      test: echo.test,
      onStart: ({ id }) => {
        if (id === 'n2') throw new Error('no more processes');
      },
    });
    await expect(run.finish()).rejects.toThrow('no more processes');
    expect([...run.bed.nodes.values()].map(({ id, killed }) => `${id} ${killed}`)).toEqual([
      'n0 true',
      'n1 true',
      'n2 false',
    ]);
    expect(run.time.timerCount).toBe(0);
  });
});
