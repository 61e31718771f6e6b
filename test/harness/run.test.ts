/**
 * The run of a test over scripted nodes on virtual time: how it begins, keeps its pace, goes on after unknown outcomes,
 * and is the same for the same seed.
 */

import { describe, expect, it } from 'vitest';
import { operationPairs } from '../../src/checkers/pairs.ts';
import { NEMESIS, type Operation } from '../../src/history/operation.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import { withoutEvidence } from '../support/histories.ts';
import { answering, echoesAfter, generatesAfter, type Script } from '../support/scripted-bed.ts';
import { ScriptedRun, withoutTime } from '../support/scripted-run.ts';

const ONE_NODE = { nodes: ['n0'], concurrency: 1 };

function invocations(history: Iterable<Operation>): Operation[] {
  return [...history].filter(({ type, process }) => type === 'invoke' && process !== NEMESIS);
}

/** Performs the nth step on the nth call, and the last step from then on. */
function inTurn(...scripts: readonly Script[]): Script {
  let next = 0;
  return (message, node) => scripts[Math.min(next++, scripts.length - 1)]?.(message, node);
}

const silence: Script = () => {};

describe('a run begins', () => {
  it('by sending init to every node, as Maelstrom does', async () => {
    const run = new ScriptedRun({ test: echo.test, timeLimitMs: 0 });
    await run.finish();
    expect([...run.bed.nodes.values()].map(({ lines }) => JSON.parse(lines[0] as string))).toEqual([
      { id: 0, src: 'c0', dest: 'n0', body: { type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 } },
      { id: 1, src: 'c1', dest: 'n1', body: { type: 'init', node_id: 'n1', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 } },
      { id: 2, src: 'c2', dest: 'n2', body: { type: 'init', node_id: 'n2', node_ids: ['n0', 'n1', 'n2'], msg_id: 1 } },
    ]);
  });

  it('with no operation and no fault before the last node has answered', async () => {
    const delays: Readonly<Record<string, number>> = { n0: 10, n1: 2500, n2: 40 };
    const scriptOf = (nodeId: string) =>
      answering({
        init: (message, node) => node.reply(message, { type: 'init_ok' }, delays[nodeId]),
        echo: echoesAfter(1),
      });
    const run = new ScriptedRun({ test: echo.test, scriptOf, faults: ['partition'] });
    await run.advance(2499);
    expect(run.run.status()).toEqual({
      phase: 'starting',
      elapsedMs: 0,
      okCount: 0,
      failCount: 0,
      infoCount: 0,
      currentFault: undefined,
      violationCount: 0,
    });
    await run.advance(1);
    expect(run.run.status()).toMatchObject({ phase: 'running', currentFault: expect.stringMatching(/^partition /) });
    const { startMs, history } = await run.finish();
    expect(startMs).toBe(2500);
    expect([...history].slice(0, 3).map(({ time, f }) => [time, f])).toEqual([
      [0, 'start-partition'],
      [0, 'start-partition'],
      [0, 'echo'],
    ]);
    expect(run.endedMs).toBeGreaterThanOrEqual(12_500);
  });

  it('and a node may ask its peers and the services before it answers', async () => {
    const script = answering({
      init: (_, node) => node.send('lin-tso', { type: 'ts', msg_id: 1 }),
      ts_ok: (_, node) => node.send('c0', { type: 'init_ok', in_reply_to: 1 }),
      echo: echoesAfter(1),
    });
    const { results } = await new ScriptedRun({ test: echo.test, scriptOf: () => script, ...ONE_NODE }).finish();
    expect(results['valid?']).toBe(true);
  });
});

describe('the operations of a run', () => {
  it('come at the requested rate, from the start to the time limit', async () => {
    const run = new ScriptedRun({ test: echo.test, ratePerSecond: 200, timeLimitMs: 20_000, concurrency: 10 });
    const { history, results } = await run.finish();
    const times = invocations(history).map(({ time }) => time / 1e6);
    expect(times.length).toBeGreaterThan(3880);
    expect(times.length).toBeLessThan(4120);
    expect(times[0]).toBe(0);
    expect(times[times.length - 1]).toBeGreaterThan(19_900);
    expect(times[times.length - 1]).toBeLessThan(20_000);
    expect(results['valid?']).toBe(true);
    expect(results.availability).toEqual({ 'valid?': true, 'ok-fraction': 1 });
    expect(results.stats?.count).toBe(times.length);
  });

  it('go to the nodes in turn: worker t asks node t mod n, under any process number', async () => {
    const scriptOf = () => answering({ generate: inTurn(silence, generatesAfter(1)) });
    const run = new ScriptedRun({ test: uniqueIds.test, scriptOf, concurrency: 7, timeLimitMs: 20_000 });
    const { history } = await run.finish();
    const requests = run.events.filter(({ event, message }) => event === 'send' && message.body.type === 'generate');
    const asked = requests.map(({ message }) => message.dest);
    expect(asked).toEqual(invocations(history).map(({ process }) => `n${((process as number) % 7) % 3}`));
    expect(new Set(invocations(history).map(({ process }) => (process as number) % 7)).size).toBe(7);
  });

  it('wait for an idle worker: no process does two things at once', async () => {
    const scriptOf = () => answering({ echo: echoesAfter(500) });
    const { history } = await new ScriptedRun({
      test: echo.test,
      scriptOf,
      concurrency: 2,
      ratePerSecond: 100,
    }).finish();
    const pairs = [...operationPairs(history)];
    // 10 s, half a second each, two at a time. A worker that becomes idle late does not wait any longer.
    expect(pairs).toHaveLength(invocations(history).length);
    expect(pairs.length).toBeGreaterThanOrEqual(38);
    expect(pairs.length).toBeLessThanOrEqual(40);
    expect(pairs.map(({ invocation, completion }) => completion.time - invocation.time)).toEqual(
      pairs.map(() => 500e6),
    );
  });

  it('are passed to the observer as they are recorded, and messages with their time', async () => {
    const watched: Operation[] = [];
    const run = new ScriptedRun({ test: echo.test, timeLimitMs: 2000, onOperation: (seen) => watched.push(seen) });
    const { history } = await run.finish();
    expect(watched).toEqual([...history]);
    const sends = run.events.filter(({ event, message }) => event === 'send' && message.body.type === 'echo');
    expect(sends.map(({ timeMs }) => Math.round(timeMs * 1e6))).toEqual(invocations(history).map(({ time }) => time));
    expect(run.events.filter(({ message }) => message.body.type === 'init').every(({ timeMs }) => timeMs === 0)).toBe(
      true,
    );
  });

  it('end as the answers say: ok, fail for a definite error, info for any other', async () => {
    const error = (code: unknown): Script => {
      return (message, node) => node.reply(message, { type: 'error', code, text: `code ${code}` });
    };
    const scriptOf = () => answering({ generate: inTurn(error(11), error(13), error(1000), generatesAfter(1)) });
    const run = new ScriptedRun({ test: uniqueIds.test, scriptOf, ...ONE_NODE, timeLimitMs: 1000 });
    const { history, results } = await run.finish();
    expect([...history].slice(0, 8).map(withoutTime)).toEqual([
      { type: 'invoke', process: 0, f: 'generate', value: null },
      { type: 'fail', process: 0, f: 'generate', value: null, error: ['temporarily-unavailable', 'code 11'] },
      { type: 'invoke', process: 0, f: 'generate', value: null },
      { type: 'info', process: 0, f: 'generate', value: null, error: ['crash', 'code 13'] },
      { type: 'invoke', process: 1, f: 'generate', value: null },
      { type: 'info', process: 1, f: 'generate', value: null, error: ['unknown', 'code 1000', 1000] },
      { type: 'invoke', process: 2, f: 'generate', value: null },
      { type: 'ok', process: 2, f: 'generate', value: 'n0-0' },
    ]);
    expect(run.run.status()).toMatchObject({
      phase: 'checking',
      okCount: results.stats?.['ok-count'],
      failCount: 1,
      infoCount: 2,
      violationCount: 0,
    });
    expect(results['valid?']).toBe(true);
  });
});

describe('after an operation of unknown outcome', () => {
  it('the worker goes on under its process number plus the number of workers', async () => {
    const scriptOf = () => answering({ generate: inTurn(silence, silence, generatesAfter(1)) });
    const run = new ScriptedRun({ test: uniqueIds.test, scriptOf, concurrency: 3, timeLimitMs: 20_000 });
    const { history } = await run.finish();
    for (const worker of [0, 1, 2]) {
      const own = [...history].filter(({ process }) => (process as number) % 3 === worker).map(withoutTime);
      expect(own.slice(0, 6)).toEqual([
        { type: 'invoke', process: worker, f: 'generate', value: null },
        { type: 'info', process: worker, f: 'generate', value: null, error: 'net-timeout' },
        { type: 'invoke', process: worker + 3, f: 'generate', value: null },
        { type: 'info', process: worker + 3, f: 'generate', value: null, error: 'net-timeout' },
        { type: 'invoke', process: worker + 6, f: 'generate', value: null },
        { type: 'ok', process: worker + 6, f: 'generate', value: `n${worker}-0` },
      ]);
      expect(new Set(own.slice(6).map(({ process }) => process))).toEqual(new Set([worker + 6]));
    }
  });

  it('a client that is not reusable is closed, and a late answer goes to a closed client', async () => {
    const scriptOf = () => answering({ echo: inTurn(echoesAfter(5001), echoesAfter(1)) });
    const run = new ScriptedRun({ test: echo.test, scriptOf, ...ONE_NODE, ratePerSecond: 1, timeLimitMs: 20_000 });
    const { history, results } = await run.finish();
    const echoed = invocations(history)[0]?.value;
    // c0 asked for init, c1 was the first worker.
    expect(withoutEvidence(results.protocol)).toEqual({
      'valid?': false,
      count: 1,
      violations: [
        {
          time: 5_001_000_000,
          node: 'n0',
          rule: 'unknown-dest',
          text: 'n0 sent a message to the client "c1", which is closed: it answered twice, or later than the client waits',
          line: `{"src":"n0","dest":"c1","body":{"type":"echo_ok","echo":"${echoed}","in_reply_to":1}}`,
        },
      ],
    });
    expect(results['valid?']).toBe(false);
    const clients = run.events
      .filter(({ event, message }) => event === 'send' && message.body.type === 'echo')
      .map(({ message }) => message.src);
    expect(clients).toEqual(['c1', ...clients.slice(1).map(() => 'c2')]);
    expect(clients.length).toBeGreaterThan(5);
  });

  it('a client that is reusable stays, and a late answer is dropped', async () => {
    const scriptOf = () => answering({ generate: inTurn(generatesAfter(5001), generatesAfter(1)) });
    const run = new ScriptedRun({ test: uniqueIds.test, scriptOf, ...ONE_NODE, ratePerSecond: 1, timeLimitMs: 20_000 });
    const { results } = await run.finish();
    expect(withoutEvidence(results.protocol)).toEqual({ 'valid?': true, count: 0, violations: [] });
    expect(results.workload).toMatchObject({ 'valid?': true, 'duplicated-count': 0 });
    expect(results['valid?']).toBe(true);
    const clients = run.events
      .filter(({ message }) => message.body.type === 'generate')
      .map(({ message }) => message.src);
    expect(new Set(clients)).toEqual(new Set(['c1']));
  });
});

describe('the same seed', () => {
  const options = {
    test: echo.test,
    faults: ['partition'],
    ratePerSecond: 50,
    nemesisIntervalMs: 500,
    latencyMeanMs: 20,
    latencyDistribution: 'exponential',
  } as const;
  /** Passes every echo to a peer and back, so that latency and partitions show in the history. */
  const scriptOf = () =>
    answering({
      echo: (message, node) => {
        const peer = `n${(Number(node.id.slice(1)) + 1) % 3}`;
        node.send(peer, { type: 'pass', client: message.src, to: message.body.msg_id, echo: message.body.echo });
      },
      pass: ({ src, body }, node) => node.send(src, { ...body, type: 'passed' }),
      passed: ({ body }, node) => node.send(body.client, { type: 'echo_ok', in_reply_to: body.to, echo: body.echo }),
    });

  it('makes the same run, to the nanosecond', async () => {
    const [one, other] = [new ScriptedRun({ ...options, scriptOf }), new ScriptedRun({ ...options, scriptOf })];
    const [first, second] = [await one.finish(), await other.finish()];
    expect([...first.history]).toEqual([...second.history]);
    expect(one.events).toEqual(other.events);
    expect(first.results).toEqual(second.results);
    expect(first.results.stats?.['info-count']).toBeGreaterThan(0);
    expect(first.results.stats?.['ok-count']).toBeGreaterThan(0);
  });

  it('draws the same values and faults, independent of what the nodes do', async () => {
    const { history: right } = await new ScriptedRun(options).finish();
    const { history: slow } = await new ScriptedRun({ ...options, scriptOf }).finish();
    const faults = (history: Iterable<Operation>) =>
      [...history]
        .filter(({ process, time }) => process === NEMESIS && time < 10_000e6)
        .map(({ time, f, value }) => [time, f, value]);
    const values = (history: Iterable<Operation>) =>
      invocations(history)
        .filter(({ time }) => time < 10_000e6)
        .map(({ value }) => value);
    expect(faults(slow)).toEqual(faults(right));
    expect(faults(right).length).toBeGreaterThan(20);
    expect(values(right).slice(0, values(slow).length)).toEqual(values(slow));
    expect(values(slow).length).toBeGreaterThan(20);
  });

  it('gives a different run from any other seed', async () => {
    const [one, other] = ['snow', 'storm'].map((seed) => new ScriptedRun({ ...options, seed }));
    const histories = [await (one as ScriptedRun).finish(), await (other as ScriptedRun).finish()].map(
      ({ history }) => [...history],
    );
    expect(histories[0]).not.toEqual(histories[1]);
  });
});
