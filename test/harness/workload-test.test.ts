/** What the test half of a workload may ask of a run: a first phase, settings, timeouts, clients, final invocations. */

import { describe, expect, it } from 'vitest';
import { CLIENT_TIMEOUT_MS, type Completion, completeWith } from '../../src/harness/client.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { FinalStep, Invocation, TestSetting, Turn, WorkloadTest } from '../../src/harness/workload-test.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { answering, echoesAfter, type Script } from '../support/scripted-bed.ts';
import { ScriptedRun } from '../support/scripted-run.ts';

const Hello = defineRpc('hello', 'Tells a node something first.', {}, {});
const answersHello: Script = (message, node) => node.reply(message, { type: 'hello_ok' });
const silence: Script = () => {};
const refuses: Script = (message, node) => node.reply(message, { type: 'error', code: 11, text: 'later' });
const crashes: Script = (message, node) => node.reply(message, { type: 'error', code: 13, text: 'oops' });

interface Echoed {
  readonly echo?: unknown;
}

/** Echo with a change. */
function variant(changes: Partial<WorkloadTest>): WorkloadTest {
  return { ...echo.test, ...changes };
}

describe('the first phase', () => {
  const setUp: WorkloadTest['setUp'] = async (client) => completeWith(await client.rpc(Hello, {}), null, () => null);

  it('asks every node before the first operation, and is in no history', async () => {
    const scriptOf = () => answering({ hello: answersHello, echo: echoesAfter(1) });
    const run = new ScriptedRun({ test: variant({ setUp }), scriptOf });
    const { history, results } = await run.finish();
    expect(results['valid?']).toBe(true);
    for (const { lines } of run.bed.nodes.values()) {
      const types = lines.map((line) => JSON.parse(line).body.type);
      expect(types.slice(0, 2)).toEqual(['init', 'hello']);
      expect(types.filter((type) => type === 'hello')).toHaveLength(1);
      expect(types).toContain('echo');
    }
    expect([...history].some(({ f }) => f === 'hello')).toBe(false);
  });

  it('is spared the faults of messages, as of nodes', async () => {
    const scriptOf = () => answering({ hello: answersHello });
    const faults = { faults: ['loss' as const], faultValues: { loss: 1 } };
    const { results } = await new ScriptedRun({ test: variant({ setUp }), scriptOf, ...faults }).finish();
    expect(results.protocol?.violations).not.toContainEqual(expect.objectContaining({ rule: 'setup' }));
  });

  it.each([
    ['is not answered', silence, 'n1 could not be set up before the test: it did not answer in time'],
    [
      'is refused',
      refuses,
      'n1 could not be set up before the test: it answered error 11 (temporarily-unavailable): later',
    ],
  ])('ends the run when it %s', async (_, hello, text) => {
    const scriptOf = (nodeId: string) => answering({ hello: nodeId === 'n1' ? hello : answersHello });
    const { history, results } = await new ScriptedRun({ test: variant({ setUp }), scriptOf }).finish();
    expect(results['valid?']).toBe(false);
    expect(results.protocol?.violations).toMatchObject([{ node: 'n1', rule: 'setup', text }]);
    expect(history.length).toBe(0);
  });
});

describe('the setting', () => {
  it('tells nodes, workers, latency, names and the options, parsed, before anything is drawn', async () => {
    const seen: TestSetting[] = [];
    const test = variant({
      options: { depth: { value: 'N', text: '', absent: 1, parse: Number } },
      configure: (setting) => {
        seen.push(setting);
        return variant({ createGenerator: () => () => ({ f: 'echo', value: `depth ${setting.options.depth}` }) });
      },
    });
    const run = (workloadOptions?: Record<string, string>) =>
      new ScriptedRun({
        test,
        nodes: ['a', 'b'],
        concurrency: 4,
        latencyMeanMs: 3,
        ...(workloadOptions && { names: 'k3x9', workloadOptions }),
      });
    const { history } = await run({ depth: '7' }).finish();
    const known = { nodes: ['a', 'b'], concurrency: 4, latencyMeanMs: 3 };
    expect(seen).toEqual([{ ...known, names: 'k3x9', strict: false, options: { depth: 7 } }]);
    expect(history.at(0).value).toBe('depth 7');
    await run().finish();
    expect(seen[1]).toEqual({ ...known, names: '', strict: false, options: { depth: 1 } });
  });
});

describe('a timeout', () => {
  const durations = async (changes: Partial<WorkloadTest>) => {
    const scriptOf = () => answering({ echo: silence });
    const test = variant(changes);
    const { history } = await new ScriptedRun({ test, scriptOf, concurrency: 1, nodes: ['n0'] }).finish();
    return { ms: (history.at(1).time - history.at(0).time) / 1e6, completion: history.at(1) };
  };

  it('is 5 s', async () => {
    expect((await durations({})).ms).toBe(CLIENT_TIMEOUT_MS);
  });

  it('is what the workload says of the function', async () => {
    expect((await durations({ timeoutMs: (f) => (f === 'echo' ? 1500 : 1) })).ms).toBe(1500);
  });

  it('leaves the outcome unknown, unless the function is idempotent', async () => {
    expect((await durations({})).completion).toMatchObject({ type: 'info', error: 'net-timeout' });
    const { completion } = await durations({ idempotent: new Set(['echo']) });
    expect(completion).toMatchObject({ type: 'fail', error: 'net-timeout' });
  });
});

describe('an idempotent function', () => {
  const completionOf = async (script: Script, idempotent: ReadonlySet<string>) => {
    const scriptOf = () => answering({ echo: script });
    const run = new ScriptedRun({ test: variant({ idempotent }), scriptOf, concurrency: 1, nodes: ['n0'] });
    return (await run.finish()).history.at(1);
  };

  it('fails after any error, where another function is unknown after an indefinite error', async () => {
    expect(await completionOf(crashes, new Set(['echo']))).toMatchObject({ type: 'fail', error: ['crash', 'oops'] });
    expect(await completionOf(crashes, new Set(['read']))).toMatchObject({ type: 'info', error: ['crash', 'oops'] });
  });

  it('is of unknown outcome after an answer that is not as declared, as in Maelstrom', async () => {
    const malformed: Script = (message, node) => node.reply(message, { type: 'echo_ok', echo: 1, more: 2 });
    expect(await completionOf(malformed, new Set(['echo']))).toMatchObject({ type: 'info' });
  });
});

describe('a client that crashes', () => {
  it('is closed, and its worker goes on with a new one', async () => {
    const sources = new Set<string>();
    const right = echoesAfter(1);
    const scriptOf = () =>
      answering({
        echo: (message, node) => {
          sources.add(message.src);
          right(message, node);
        },
      });
    const createInvoke: WorkloadTest['createInvoke'] = () => {
      const invoke = echo.test.createInvoke();
      return async (client, invocation) => {
        const completion: Completion = await invoke(client, invocation);
        return { ...completion, closesClient: true as const };
      };
    };
    const test = variant({ createInvoke });
    const run = new ScriptedRun({ test, scriptOf, concurrency: 1, nodes: ['n0'], timeLimitMs: 2000 });
    const { results } = await run.finish();
    expect(sources.size).toBe(results.stats?.count);
    expect(sources.size).toBeGreaterThan(5);
    expect(results['valid?']).toBe(true);
  });
});

describe('a probe', () => {
  const probed = async (options: Partial<RunOptions>, changes: Partial<WorkloadTest> = {}) => {
    const test = variant({ createProbes: () => () => ({ f: 'echo', value: 'probe' }), ...changes });
    const scriptOf = () => answering({ echo: echoesAfter(1) });
    const run = new ScriptedRun({ test, scriptOf, faults: ['partition'], timeLimitMs: 3000, ...options });
    const { history } = await run.finish();
    const sent = run.events.filter(
      ({ event, message: { body } }) => event === 'send' && body.type === 'echo' && body.echo === 'probe',
    );
    const probes = [...history].filter(({ value }) => value === 'probe' || (value as Echoed | null)?.echo === 'probe');
    return { history, probes, asked: sent.map(({ message: { dest } }) => dest) };
  };

  it('is drawn by a generator of its own if the workload has one', async () => {
    const { asked, probes } = await probed({});
    expect(asked).toEqual(['n0', 'n1', 'n2']);
    expect(probes.map(({ type }) => type)).toEqual([...Array(3).fill('invoke'), ...Array(3).fill('ok')]);
  });

  it('of a node without a worker is in the history, under a process that no worker has', async () => {
    const { asked, probes, history } = await probed({ concurrency: 2, nodes: ['n0', 'n1', 'n2', 'n3', 'n4'] });
    expect(asked).toEqual(['n0', 'n1', 'n2', 'n3', 'n4']);
    const processes = probes.filter(({ type }) => type === 'invoke').map(({ process }) => process);
    expect(new Set(processes).size).toBe(5);
    const clients = [...history].slice(0, -probes.length).map(({ process }) => process);
    for (const guest of processes.slice(2)) expect(clients).not.toContain(guest);
    expect(probes.filter(({ type }) => type === 'ok')).toHaveLength(5);
  });

  it('leaves the next number to the worker whose client crashes after it', async () => {
    const silent: Script = () => {};
    const scriptOf = () => answering({ echo: silent });
    const test = variant({ createFinalInvocations: () => [{ f: 'echo', value: 'last', by: 0, once: true }] });
    const run = new ScriptedRun({ test, scriptOf, faults: ['partition'], timeLimitMs: 8000, concurrency: 1 });
    const { history } = await run.finish();
    const invoked = [...history].filter(({ type, process }) => type === 'invoke' && process !== 'nemesis');
    const processes = invoked.map(({ process }) => process);
    expect(new Set(processes).size).toBe(processes.length);
    expect(processes.length).toBeGreaterThan(5);
  });
});

describe('final invocations', () => {
  const finals = async (
    steps: readonly FinalStep[],
    changes: Partial<WorkloadTest> = {},
    echoing: Script = echoesAfter(1),
    latencyMeanMs = 0,
  ) => {
    const test = variant({ createFinalInvocations: () => steps, ...changes });
    const scriptOf = () => answering({ echo: echoing });
    const run = new ScriptedRun({ test, scriptOf, concurrency: 6, timeLimitMs: 1000, latencyMeanMs });
    const { history, results } = await run.finish();
    const asked = [...history].filter(({ type, value }) => type === 'invoke' && String(value).startsWith('last'));
    return { asked, results, history };
  };
  const workersOf = (asked: readonly { process: unknown }[]) => asked.map(({ process }) => Number(process) % 6);
  const last = (text: string) => ({ f: 'echo', value: `last ${text}` });

  it('are asked in turn by workers that talk to different nodes', async () => {
    const { asked } = await finals([last('a'), last('b'), last('c'), last('d')]);
    expect(workersOf(asked)).toEqual([0, 1, 2, 0]);
  });

  it('are asked by the worker that they name, or by each', async () => {
    const { asked } = await finals([{ ...last('a'), by: 4 }, { ...last('b'), by: 'each' }, last('c')]);
    expect(workersOf(asked)).toEqual([4, 0, 1, 2, 3, 4, 5, 2]);
  });

  it('are retried until they are ok, unless they say once', async () => {
    let count = 0;
    const flaky: Script = (message, node) =>
      String(message.body.echo).startsWith('last') && ++count % 3 !== 0
        ? refuses(message, node)
        : echoesAfter(1)(message, node);
    expect((await finals([last('a')], {}, flaky)).asked).toHaveLength(3);
    count = 0;
    const once = await finals([{ ...last('a'), once: true }], {}, flaky);
    expect(once.asked).toHaveLength(1);
    expect(once.results.recovery).toBeUndefined();
  });

  it('are retried for 10 s and 100 round trips', async () => {
    // A retry comes after 100 ms.
    const retriedFor = async (latencyMeanMs: number) => {
      const refusing: Script = (message, node) =>
        String(message.body.echo).startsWith('last') ? refuses(message, node) : echoesAfter(1)(message, node);
      const { asked, results } = await finals([last('a')], {}, refusing, latencyMeanMs);
      expect(results.recovery).toMatchObject({ 'valid?': false, missing: ['final echo 0'] });
      return asked.length / 10;
    };
    expect(await retriedFor(0)).toBeCloseTo(10, 0);
    expect(await retriedFor(150)).toBeCloseTo(40, 0);
  });

  it('come after the calm time', async () => {
    const at = async (calmMs: number) => {
      const { asked, history } = await finals([last('a')], { calmMs });
      const before = [...history].findLast(({ type, value }) => type === 'invoke' && !String(value).startsWith('last'));
      return ((asked[0]?.time ?? 0) - (before?.time ?? 0)) / 1e6;
    };
    expect(await at(10_000)).toBeGreaterThanOrEqual(10_000);
    expect(await at(0)).toBeLessThan(1000);
  });

  it('are asked by a new client if the outcome of its last operation is unknown', async () => {
    const sources: string[][] = [];
    const silentAtFirst: Script = (message, node) => {
      const isLast = String(message.body.echo).startsWith('last');
      sources.push([message.src, isLast ? 'last' : 'first']);
      if (isLast) echoesAfter(1)(message, node);
    };
    const { asked } = await finals([{ ...last('a'), by: 'each' }], {}, silentAtFirst);
    expect(asked).toHaveLength(6);
    const clients = (phase: string) => new Set(sources.filter(([, of]) => of === phase).map(([src]) => src));
    expect(clients('first').size).toBe(6);
    expect([...clients('last')].filter((client) => clients('first').has(client))).toEqual([]);
  });

  it('are marked in the history if they say so, and so are their completions', async () => {
    const { history } = await finals([{ ...last('a'), final: true }, last('b')]);
    const marked = [...history].filter((operation) => operation['final?'] === true);
    expect(marked).toMatchObject([
      { type: 'invoke', value: 'last a' },
      { type: 'ok', value: { echo: 'last a' } },
    ]);
  });

  it('are asked again and again by each worker, until there is nothing more to ask or the time is over', async () => {
    let left = 3;
    const repeated = (next: () => Invocation | undefined) => ({ next, everyMs: 200, forMs: 1000 });
    const step = { ...last('a'), by: 4, repeated: repeated(() => (left-- > 0 ? last(`${left}`) : undefined)) };
    const { asked } = await finals([step]);
    expect(asked.map(({ value }) => value)).toEqual(['last 2', 'last 1', 'last 0']);
    const gaps = asked.slice(1).map(({ time }, index) => (time - (asked[index]?.time ?? 0)) / 1e6);
    expect(gaps).toEqual([201, 201]);
    const endless = { ...last('a'), by: 'each' as const, repeated: repeated(() => last('b')) };
    expect((await finals([endless])).asked).toHaveLength(5 * 6);
  });
});

describe('a generator', () => {
  it('is told whose turn it is: the worker, its process, and when', async () => {
    const turns: Turn[] = [];
    const test = variant({
      createGenerator: () => (turn) => {
        turns.push(turn);
        return { f: 'echo', value: turns.length };
      },
    });
    const scriptOf = () => answering({ echo: silence });
    const { history } = await new ScriptedRun({ test, scriptOf, concurrency: 2, timeLimitMs: 12_000 }).finish();
    const invoked = [...history].filter(({ type }) => type === 'invoke');
    expect(turns.map(({ process }) => process)).toEqual(invoked.map(({ process }) => process));
    expect(turns.map(({ atMs }) => atMs * 1e6)).toEqual(invoked.map(({ time }) => expect.closeTo(time, -1)));
    expect(turns.map(({ worker }) => worker)).toEqual(turns.map(({ process }) => process % 2));
    expect(Math.max(...turns.map(({ process }) => process))).toBeGreaterThan(3);
  });
});
