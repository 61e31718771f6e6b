/**
 * Whole runs on simulated machines: what faults do to nodes, how the run reacts, and which rules hold for every
 * workload. The nodes are real ones with small workloads from this file.
 */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { completeWith } from '../../src/harness/client.ts';
import type { NodeFaultEvent } from '../../src/harness/fault.ts';
import type { RunObserver } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { ScheduleRecorder } from '../../src/harness/schedule.ts';
import type { WorkloadTest } from '../../src/harness/workload-test.ts';
import type { History } from '../../src/history/history.ts';
import { LineComparison } from '../../src/host/records/run-lines.ts';
import { createSettle } from '../../src/host/settle.ts';
import { type Handler, handler, type NodeContext } from '../../src/node/context.ts';
import type { Environment } from '../../src/node/environment.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { subjectOf, WORKLOADS } from '../../src/workloads/registry.ts';
import { uniqueIdsChecker } from '../../src/workloads/unique-ids/checker/unique-ids-checker.ts';

const Generate = defineRpc('generate', 'Asks for a number.', {}, { id: z.unknown() });

const TEST: WorkloadTest = {
  reusableClients: true,
  survivesDiskLoss: true,
  createGenerator: () => () => ({ f: 'generate', value: null }),
  createInvoke: () => async (client) => completeWith(await client.rpc(Generate, {}), null, ({ id }) => id),
  checker: uniqueIdsChecker,
};

type Start = (context: NodeContext, support: { readonly life: number; readonly folder: Folder }) => readonly Handler[];

/** A node with one handler, given by the test. */
function subject(start: Start, change: Partial<Subject> = {}): Subject {
  return {
    name: 'small',
    test: TEST,
    startHandlers: (support) => async (context) => start(context, support),
    ...change,
  };
}

function answering(answer: (context: NodeContext, life: number, number: number) => unknown): Subject {
  return subject((context, { life }) => {
    let number = 0;
    return [handler(Generate, async () => ({ id: await answer(context, life, number++) }))];
  });
}

/** What a loss of disks did. */
interface Hit {
  readonly nodes: readonly string[];
}

const OPTIONS: RunOptions = {
  nodes: ['n0', 'n1'],
  concurrency: 2,
  ratePerSecond: 100,
  timeLimitMs: 4000,
  latencyMeanMs: 0,
  latencyDistribution: 'constant',
  faults: [],
  nemesisIntervalMs: 1000,
  seed: 'snow',
};

type Results = CheckResult & Readonly<Record<string, CheckResult>>;

async function run(
  of: Subject,
  options: Partial<RunOptions> = {},
  observer: RunObserver = {},
): Promise<{ results: Results; history: History; simulation: Simulation }> {
  const simulation = new Simulation({
    subject: of,
    options: { ...OPTIONS, ...options },
    settle: createSettle(),
    observer,
  });
  const { results, history } = await simulation.finish();
  return { results: results as Results, history, simulation };
}

/** A run with the given faults and 100 operations a second. */
function runWith(of: Subject, faults: readonly NodeFaultEvent[], options: Partial<RunOptions> = {}) {
  const operations = Array.from({ length: 400 }, (_, number) => ({
    atMs: 10 * number,
    worker: number % 20,
    f: 'generate',
    value: null,
  }));
  return run(of, { concurrency: 20, schedule: { operations, faults, messages: [] }, ...options });
}

const fine = answering(({ nodeId }, life, number) => `${nodeId}-${life}-${number}`);

/** Values of the operations of a node that were ok, with the times of their completions in ms. */
function answersOf(history: History, process: number): { atMs: number; value: unknown }[] {
  return [...history]
    .filter((operation) => operation.type === 'ok' && (operation.process as number) % 2 === process)
    .map(({ time, value }) => ({ atMs: time / 1e6, value }));
}

describe('a killed node', () => {
  it('answers nothing until it starts again, and then in another life', async () => {
    const { history, results } = await runWith(fine, [{ fault: 'kill', atMs: 500, durationMs: 100, nodes: ['n1'] }]);
    const answers = answersOf(history, 1);
    expect(answers.filter(({ atMs }) => atMs > 500 && atMs < 600)).toEqual([]);
    expect(answers.filter(({ value }) => String(value).startsWith('n1-1-')).length).toBeGreaterThan(20);
    expect(answers.filter(({ value }) => String(value).startsWith('n1-2-')).length).toBeGreaterThan(20);
    expect(answersOf(history, 0).length).toBeGreaterThan(190);
    expect(results).toMatchObject({
      'valid?': true,
      faults: { started: { kill: 1 } },
      recovery: { 'recovered-count': 2 },
    });
  });

  it('never acts again, even if its promises still settle', async () => {
    const late = answering(async (context, life) => {
      await context.sleep(300);
      context.send('n0', { type: 'ghost', life });
      return `${context.nodeId}-${life}`;
    });
    const { history } = await runWith(late, [{ fault: 'kill', atMs: 100, durationMs: 1000, nodes: ['n1'] }]);
    expect(answersOf(history, 1).filter(({ value }) => value === 'n1-1')).toEqual([]);
  });

  it('keeps its disk, unless the machine fails with it', async () => {
    const counting = subject((_, { life, folder }) => [
      handler(Generate, async () => {
        const names = (await folder.names()).filter((name) => name === 'mark');
        if (names.length === 0 && life === 1) await folder.write('mark', 'x');
        return { id: `${life} ${names.length}` };
      }),
    ]);
    const seen = async (fault: NodeFaultEvent) => {
      const { history } = await runWith(counting, [fault]);
      return answersOf(history, 1).some(({ value }) => String(value).startsWith('2 1'));
    };
    const when = { atMs: 1000, durationMs: 100, nodes: ['n1'] };
    expect(await seen({ fault: 'kill', ...when })).toBe(true);
    expect(await seen({ fault: 'disk-loss', damage: 'lost', ...when })).toBe(false);
  });

  it('loses no disk before all nodes have recovered, if one is to be lost at a time', async () => {
    const recoveringFor = (sickMs: number) =>
      subject(
        (context, { life }) => {
          const sinceMs = context.clock.monotonicMs();
          const isSick = () => life > 1 && context.clock.monotonicMs() - sinceMs < sickMs;
          context.diagnose('disk', () => (isSick() ? 'not all is there again' : undefined));
          return [handler(Generate, () => ({ id: context.randomUint32() }))];
        },
        { test: { ...TEST, survivesDiskLoss: 'one-at-a-time' } },
      );
    const loss = (atMs: number, ...nodes: string[]): NodeFaultEvent => ({
      fault: 'disk-loss',
      damage: 'lost',
      atMs,
      durationMs: 100,
      nodes,
    });
    const losses = [loss(500, 'n1', 'n2'), loss(1500, 'n2'), loss(3000, 'n0')];
    const nodes = ['n0', 'n1', 'n2'];
    const hitIn = (history: History) =>
      [...history].flatMap(({ f, value }) => (f === 'start-disk-loss' && value !== null ? [(value as Hit).nodes] : []));
    const { history, results } = await runWith(recoveringFor(1200), losses, { nodes });
    expect(hitIn(history)).toEqual([['n1'], [], ['n0']]);
    expect(results['valid?']).toBe(true);
    // Of two nodes none is a majority without the other.
    expect(hitIn((await runWith(recoveringFor(0), losses)).history)).toEqual([[], [], []]);
    const never = await runWith(recoveringFor(1e6), losses, { nodes });
    expect(hitIn(never.history)).toEqual([['n1'], [], []]);
    expect(never.results.recovery).toMatchObject({ 'valid?': false, missing: ['disk of n1'] });
  });

  it('cannot be killed while it is down, and is started once', async () => {
    const { history, results } = await runWith(fine, [
      { fault: 'kill', atMs: 500, durationMs: 1000, nodes: ['n1'] },
      { fault: 'kill-all', atMs: 600, durationMs: 100, nodes: ['n0', 'n1'] },
    ]);
    expect([...history].find(({ f, value }) => f === 'start-kill-all' && value !== null)?.value).toEqual(['n0']);
    expect(answersOf(history, 1).filter(({ atMs }) => atMs > 500 && atMs < 1500)).toEqual([]);
    expect(results['valid?']).toBe(true);
  });

  it('is started again at the end if the end comes first', async () => {
    const { results } = await runWith(fine, [
      { fault: 'kill-all', atMs: 3900, durationMs: 60_000, nodes: ['n0', 'n1'] },
    ]);
    expect(results).toMatchObject({ 'valid?': true, recovery: { 'recovered-count': 2 } });
  });

  it('starts with its clock set back where the fault says so', async () => {
    const telling = answering(({ nodeId, clock }, life, number) => `${nodeId}-${life}-${number}-${clock.wallMs()}`);
    const { history } = await runWith(telling, [
      { fault: 'clock-restart', atMs: 1000, durationMs: 100, nodes: ['n1'], clock: { wallOffsetMs: -3_600_000 } },
    ]);
    const walls = answersOf(history, 1).map(({ value }) => Number(String(value).split('-')[3]));
    expect(Math.max(...walls) - Math.min(...walls)).toBeGreaterThan(3_590_000);
  });
});

describe('a node that starts again', () => {
  it('receives nothing before its init, even if messages to it were in flight', async () => {
    const heard: string[] = [];
    const gossiping = subject((context) => {
      const gossip = async () => {
        while (await context.sleep(20)) context.broadcast({ type: 'gossip' });
      };
      void gossip();
      let number = 0;
      return [
        handler(defineRpc('gossip', 'Tells nothing.', {}, {}), () => ({})),
        handler(Generate, () => ({ id: `${context.nodeId}-${context.clock.monotonicMs()}-${number++}` })),
      ];
    });
    const operations = Array.from({ length: 100 }, (_, number) => ({
      atMs: 40 * number,
      worker: number % 20,
      f: 'generate',
      value: null,
    }));
    const simulation = new Simulation({
      subject: gossiping,
      options: {
        ...OPTIONS,
        concurrency: 20,
        latencyMeanMs: 300,
        schedule: {
          operations,
          faults: [{ fault: 'kill', atMs: 1000, durationMs: 100, nodes: ['n1'] }],
          messages: [],
        },
      },
      settle: createSettle(),
      onStep: (nodeId, step) => {
        if (nodeId === 'n1' && step.startsWith('receive')) heard.push(/"type":"(\w+)"/.exec(step)?.[1] ?? '');
      },
      onLog: (entry) => heard.push(entry.message),
    });
    const { results } = await simulation.finish();
    expect(results['valid?']).toBe(true);
    const second = heard.lastIndexOf('init');
    expect(heard.indexOf('init')).toBe(0);
    expect(second).toBeGreaterThan(10);
    // No request is refused for coming too early.
    expect(new Set(heard)).toEqual(new Set(['init', 'gossip', 'generate']));
  });
});

describe('a paused node', () => {
  it('answers nothing until it is resumed, and then everything', async () => {
    const { history, results } = await runWith(fine, [{ fault: 'pause', atMs: 500, durationMs: 2000, nodes: ['n1'] }]);
    const answers = answersOf(history, 1);
    expect(answers.filter(({ atMs }) => atMs > 501 && atMs < 2500)).toEqual([]);
    expect(answers.every(({ value }) => String(value).startsWith('n1-1-'))).toBe(true);
    expect(results).toMatchObject({ 'valid?': true, stats: { 'info-count': 0 } });
  });

  it('sleeps on through a pause, and can be killed in it', async () => {
    const { results } = await runWith(fine, [
      { fault: 'pause', atMs: 500, durationMs: 2000, nodes: ['n1'] },
      { fault: 'kill', atMs: 1000, durationMs: 500, nodes: ['n1'] },
    ]);
    expect(results['valid?']).toBe(true);
  });
});

describe('rules that hold for every workload', () => {
  const violations = (results: Results) => (results.protocol?.violations as { rule: string; text: string }[]) ?? [];

  it('a node must serve again when everything is healed', async () => {
    const broken = answering((context, life, number) =>
      life === 1 ? `${context.nodeId}-${number}` : new Promise(() => {}),
    );
    const { results } = await runWith(broken, [{ fault: 'kill', atMs: 500, durationMs: 10, nodes: ['n1'] }]);
    expect(results.recovery).toMatchObject({ 'valid?': false, missing: ['n1'] });
  });

  it('a node must serve again even if no client asks it', async () => {
    const broken = answering((context, life, number) =>
      life === 1 ? `${context.nodeId}-${number}` : new Promise(() => {}),
    );
    const { results, history } = await run(broken, {
      nodes: ['n0', 'n1', 'n2'],
      concurrency: 1,
      schedule: {
        operations: [{ atMs: 0, worker: 0, f: 'generate', value: null }],
        faults: [{ fault: 'kill', atMs: 500, durationMs: 10, nodes: ['n2'] }],
        messages: [],
      },
    });
    expect(results.recovery).toMatchObject({ 'valid?': false, missing: ['n2'], 'recovered-count': 2 });
    // The client and guests: one at n1, and one at n2 for each time it is asked.
    expect(new Set([...history.clientOperations()].map(({ process }) => process))).toEqual(new Set([0, 1, 2, 3]));
  });

  it('probes after the healing do not make a run without operations valid', async () => {
    const lost: Partial<RunOptions> = { faults: ['loss'], faultValues: { loss: 1 }, timeLimitMs: 1000 };
    const { results } = await run(fine, { ...lost, availability: 0.1 });
    expect(results).toMatchObject({
      'valid?': false,
      stats: { 'valid?': 'unknown', 'ok-count': 0, 'info-count': 2 },
      availability: { 'valid?': false, 'ok-fraction': 0 },
      recovery: { 'valid?': true, 'recovered-count': 2 },
      workload: { 'valid?': true, 'acknowledged-count': 2 },
    });
  });

  it('a run that is aborted while nodes recover says nothing about their recovery', async () => {
    const broken = answering((context, life, number) =>
      life === 1 ? `${context.nodeId}-${number}` : new Promise(() => {}),
    );
    const simulation = new Simulation({
      subject: broken,
      options: { ...OPTIONS, faults: ['kill'], timeLimitMs: 3000, nemesisIntervalMs: 500 },
      settle: createSettle(),
    });
    simulation.time.schedule(9500, () => simulation.run.abort());
    const { results } = await simulation.finish();
    expect(results.recovery).toBeUndefined();
  });

  it('a node that fails while it ends is reported', async () => {
    const failing = subject((context) => {
      const background = async () => {
        await context.sleep(1e6);
        context.send('n9', { type: 'farewell' });
      };
      void background();
      return [handler(Generate, () => ({ id: context.randomUint32() }))];
    });
    const { results } = await run(failing, { timeLimitMs: 500 });
    expect(violations(results)[0]).toMatchObject({ rule: 'unknown-dest' });
  });

  it('a loop that goes on after its node was told to end is found, and the run still ends', async () => {
    const looping = subject((context) => {
      const loop = async () => {
        for (;;) await context.sleep(1000);
      };
      void loop();
      return [handler(Generate, () => ({ id: context.randomUint32() }))];
    });
    const { results } = await run(looping, { timeLimitMs: 500, nodes: ['n0'], concurrency: 1 });
    expect(violations(results)).toMatchObject([{ rule: 'leak', text: 'n0 was told to end and still has 1 timers' }]);
  });

  it('a part that reports work in flight after its node was told to end is found', async () => {
    const busy = subject((context) => {
      context.report('deliveries', () => ({ 'in-flight': 2, done: 3 }));
      return [handler(Generate, () => ({ id: context.randomUint32() }))];
    });
    const { results } = await run(busy, { timeLimitMs: 500, nodes: ['n0'], concurrency: 1 });
    expect(violations(results)).toMatchObject([
      { rule: 'leak', text: 'n0 was told to end and still has 2 deliveries in flight' },
    ]);
  });

  it('a node that is told to end must leave nothing behind', async () => {
    const leaking = subject((context) => [
      handler(Generate, async () => {
        if (context.randomUint32() % 8 === 0) void new Promise(() => {});
        else await context.sleep(1);
        return { id: context.randomUint32() };
      }),
      handler(defineRpc('hang', 'Never answers.', {}, {}), () => new Promise(() => {})),
    ]);
    expect((await run(leaking)).results.protocol).toMatchObject({ 'valid?': true });
    const hanging = answering((_, _life, number) => (number === 5 ? new Promise(() => {}) : number));
    const { results } = await run(hanging, { timeLimitMs: 1000, nodes: ['n0'], concurrency: 2 });
    expect(violations(results)).toMatchObject([
      { rule: 'leak', text: 'n0 still works on 1 requests long after they were asked' },
    ]);
  });

  it('a node may answer only requests, each as often as it came', async () => {
    const twice = subject((context) => {
      let number = 0;
      return [
        handler(Generate, (_request, { src }) => {
          context.send(src, { type: 'generate_ok', id: 'unasked', in_reply_to: 1_000_000 });
          return { id: `${context.nodeId}-${number++}` };
        }),
      ];
    });
    const { results } = await run(twice, { timeLimitMs: 200 });
    expect(violations(results)[0]).toMatchObject({ rule: 'unasked-reply' });
  });

  it('messages between nodes must be as declared, and services must understand every request', async () => {
    const Tell = defineRpc('tell', 'Tells a number.', { number: z.int() }, {});
    const telling = (body: { readonly type: string; readonly [field: string]: unknown }, dest = 'n1') =>
      subject((context) => {
        let number = 0;
        return [
          handler(Tell, () => ({})),
          handler(Generate, () => {
            context.send(dest, body);
            return { id: `${context.nodeId}-${number++}` };
          }),
        ];
      });
    const rulesBroken = async (of: Subject) => violations((await run(of, { timeLimitMs: 200 })).results)[0];
    expect(await rulesBroken(telling({ type: 'tell', number: 5 }))).toBeUndefined();
    expect(await rulesBroken(telling({ type: 'tell', number: 'five' }))).toMatchObject({
      rule: 'schema',
      text: expect.stringMatching(
        /^n\d sent n1 a message that is not as declared: body.number: expected number, received string$/,
      ),
    });
    expect(await rulesBroken(telling({ type: 'reed', key: 'x' }, 'lin-kv'))).toMatchObject({
      rule: 'schema',
      text: expect.stringMatching(
        /^n\d sent lin-kv a request of the type "reed", which gets no answer; lin-kv answers read, write and cas$/,
      ),
    });
  });

  it('a restarted node may not reuse a msg_id while the reply to the old request may still come', async () => {
    const Ask = defineRpc('read', 'Reads a key.', { key: z.string() }, { value: z.unknown() });
    const asking = (alter?: Subject['alter']) =>
      subject((context, { life }) => {
        let number = 0;
        void context.rpc('lin-kv', Ask, { key: 'x' });
        return [handler(Generate, () => ({ id: `${context.nodeId}-${life}-${number++}` }))];
      }, alter && { alter });
    const faults: NodeFaultEvent[] = [
      { fault: 'service-cut', shape: 'full', atMs: 0, durationMs: 3000, grudge: { n0: ['lin-kv'] } },
      { fault: 'kill', atMs: 100, durationMs: 100, nodes: ['n0'] },
    ];
    const beginAtZero = (environment: Environment): Environment => ({ ...environment, randomUint32: () => 0 });
    const slow = { latencyMeanMs: 500 };
    expect(violations((await runWith(asking(), faults, slow)).results)).toEqual([]);
    expect(violations((await runWith(asking(beginAtZero), faults, slow)).results)).toMatchObject([
      { rule: 'msg-id-reuse', text: expect.stringContaining('n0 asked lin-kv under the msg_id 1') },
    ]);
  });

  it('a node that exits ends the run, in every life', async () => {
    const frail = subject((context, { life }) => {
      if (life === 2) throw new Error('the second life is one too many');
      return [handler(Generate, () => ({ id: context.randomUint32() }))];
    });
    const { results } = await runWith(frail, [{ fault: 'kill', atMs: 500, durationMs: 10, nodes: ['n1'] }]);
    expect(violations(results)).toMatchObject([
      { rule: 'exit', text: 'n1 ended by itself: the second life is one too many' },
    ]);
  });

  it('the final invocations must be answered, by each node in turn', async () => {
    const test: WorkloadTest = {
      ...TEST,
      createFinalInvocations: () => Array.from({ length: 3 }, () => ({ f: 'generate', value: 'last' })),
    };
    const { history, results } = await run({ ...fine, test });
    const last = [...history].filter(({ type, value }) => type === 'invoke' && value === 'last');
    expect(last.map(({ process }) => (process as number) % 2)).toEqual([0, 1, 0]);
    expect(results['valid?']).toBe(true);
    const refusing = answering(({ clock }, _, number) => {
      if (clock.monotonicMs() > 4000) throw new Error('too late');
      return number;
    });
    const refused = await run({ ...refusing, test }, { nodes: ['n0'], concurrency: 1 });
    expect(refused.results.recovery).toMatchObject({
      'valid?': false,
      missing: ['final generate 0', 'final generate 1', 'final generate 2'],
    });
  });

  it('the final invocations are made when the operations are over, from the whole history', async () => {
    const lengths: number[] = [];
    const test: WorkloadTest = {
      ...TEST,
      createFinalInvocations: (_random, _askers, history) => {
        lengths.push(history.length);
        return [{ f: 'generate', value: 'last' }];
      },
    };
    const { history } = await run({ ...fine, test });
    const first = [...history].findIndex(({ value }) => value === 'last');
    expect(first).toBeGreaterThan(100);
    expect(lengths).toEqual([first]);
  });

  it('the final invocations of a list are asked side by side, and the next step waits for all of them', async () => {
    const questions = (count: number, value: string) => Array.from({ length: count }, () => ({ f: 'generate', value }));
    const test: WorkloadTest = {
      ...TEST,
      createFinalInvocations: () => [...questions(1, 'first'), questions(20, 'listed'), [], ...questions(1, 'last')],
    };
    const { history, results } = await run(
      { ...fine, test },
      { nodes: ['n0', 'n1'], concurrency: 6, latencyMeanMs: 10 },
    );
    const asked = [...history].filter(({ value, type }) => value === 'listed' && type === 'invoke');
    expect(asked).toHaveLength(20);
    expect(asked.slice(0, 6).map(({ process }) => process)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(new Set(asked.slice(0, 6).map(({ time }) => time)).size).toBe(1);
    expect(new Set(asked.map(({ time }) => time)).size).toBeGreaterThan(2);
    const places = [...history].flatMap(({ value, type, process, index }) =>
      value === 'first' || value === 'last' ? [{ value, type, process, index }] : [],
    );
    // The asker whose turn it is. Each talks to a different node.
    expect(places.map(({ value, process }) => [value, process])).toEqual([
      ['first', 0],
      ['last', 21 % 2],
    ]);
    const end = places[1] as { readonly index: number };
    expect([...history].slice(end.index).filter(({ type }) => type === 'invoke')).toHaveLength(1);
    expect(results['valid?']).toBe(true);
  });

  it('no more final invocations are asked when many were not answered', async () => {
    const test: WorkloadTest = {
      ...TEST,
      createFinalInvocations: () => [Array.from({ length: 500 }, () => ({ f: 'generate', value: 'last' }))],
    };
    const refusing = answering(({ clock }, _, number) => {
      if (clock.monotonicMs() > 4000) throw new Error('too late');
      return number;
    });
    const { history, results } = await run({ ...refusing, test }, { nodes: ['n0'], concurrency: 4 });
    const { missing } = results.recovery as unknown as { readonly missing: readonly string[] };
    expect(results.recovery?.['valid?']).toBe(false);
    // Those in flight at that time are retried to their end.
    expect(missing.length).toBeGreaterThanOrEqual(64);
    expect(missing.length).toBeLessThan(64 + 4);
    expect((history.at(history.length - 1).time as number) / 1e9).toBeLessThan(250);
  });
});

describe('one seed', () => {
  const faulty: Partial<RunOptions> = {
    faults: ['partition', 'loss', 'duplication', 'reordering', 'delay', 'kill', 'disk-torn', 'pause', 'clock-jump'],
    concurrency: 40,
    nemesisIntervalMs: 500,
    latencyMeanMs: 3,
    latencyDistribution: 'exponential',
  };

  it.each(WORKLOADS.map((workload) => [workload.name, workload] as const))(
    'makes one run of %s, line by line',
    async (_, workload) => {
      const comparison = new LineComparison();
      await run(subjectOf(workload), faulty, comparison.first);
      await run(subjectOf(workload), faulty, comparison.second);
      expect(comparison.difference).toBeUndefined();
      expect(comparison.lineCount).toBeGreaterThan(300);
      const other = new LineComparison();
      await run(subjectOf(workload), faulty, other.first);
      await run(subjectOf(workload), { ...faulty, seed: 'ice' }, other.second);
      expect(other.difference).toMatch(/^line \d+ was /);
    },
  );

  it.each(WORKLOADS.map((workload) => [workload.name, workload] as const))(
    'makes one run of %s, whether messages go as values or as text',
    async (_, workload) => {
      const comparison = new LineComparison();
      await run(subjectOf(workload), faulty, comparison.first);
      // An observer of the steps of nodes sees lines.
      const watched = new Simulation({
        subject: subjectOf(workload),
        options: { ...OPTIONS, ...faulty },
        settle: createSettle(),
        observer: comparison.second,
        onStep: () => {},
      });
      await watched.finish();
      expect(comparison.difference).toBeUndefined();
    },
  );

  it('makes the same run again from its recorded schedule, until everything is healed', async () => {
    const recorder = new ScheduleRecorder();
    const first = await run(subjectOf(WORKLOADS[1] as (typeof WORKLOADS)[number]), faulty, recorder);
    const again = await run(subjectOf(WORKLOADS[1] as (typeof WORKLOADS)[number]), {
      ...faulty,
      schedule: recorder.schedule,
    });
    const { schedule } = recorder;
    expect(schedule.operations.length).toBeGreaterThan(50);
    expect(schedule.faults.length).toBeGreaterThan(5);
    expect(schedule.messages.length).toBeGreaterThan(3);
    expect([...again.history]).toEqual([...first.history]);
  });
});
