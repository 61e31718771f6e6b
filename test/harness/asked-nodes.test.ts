/** Nodes that clients ask by another way than lines, as services over HTTP: on virtual time, with scripted answers. */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import type { Bed, NodeEvents, NodeHandle, RecordMessage } from '../../src/harness/bed.ts';
import type { FaultEvent } from '../../src/harness/fault.ts';
import { type RunOutcome, TestRun } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { Traffic } from '../../src/harness/traffic.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { ScriptedEngine } from '../support/scripted-engine.ts';
import { VirtualTime } from '../support/virtual-time.ts';

const RUN_MS_MAX = 300_000;
const NODES = ['n1', 'n2'];

type Body = Readonly<Record<string, unknown>>;
/** What a node answers, as text; undefined: nothing. */
type Answer = (node: AskedNode, body: Body) => string | undefined;

class AskedNode implements NodeHandle {
  readonly id: string;
  readonly lines: string[] = [];
  isUp = true;
  readonly #events: NodeEvents;
  readonly #trouble: string | undefined;

  constructor(id: string, events: NodeEvents, trouble: string | undefined) {
    this.id = id;
    this.#events = events;
    this.#trouble = trouble;
  }

  deliver(line: string): void {
    this.lines.push(line);
    const { src, body } = JSON.parse(line);
    if (this.#trouble !== undefined) return;
    const reply = { src: this.id, dest: src, body: { type: 'init_ok', in_reply_to: body.msg_id } };
    this.#events.onLine(JSON.stringify(reply));
  }

  findTrouble(): string | undefined {
    return this.#trouble;
  }

  pause(): void {}
  resume(): void {}

  async kill(): Promise<void> {
    this.isUp = false;
  }
}

interface AskedRunOptions extends Partial<RunOptions> {
  /** How long each answer takes. */
  readonly delayMs?: number;
  /** Why nodes do not answer init; absent: they do. */
  readonly trouble?: string;
  /** Whether nodes answer init in their first life only. */
  readonly restartsSilently?: boolean;
  readonly recoveryMsMax?: number;
}

class AskedRun {
  readonly time = new VirtualTime();
  readonly engine = new ScriptedEngine();
  readonly lives: AskedNode[] = [];
  readonly asked: { readonly nodeId: string; readonly body: Body; readonly wasUp: boolean }[] = [];
  readonly traffic = new Traffic(NODES);
  readonly run: TestRun;
  record: RecordMessage = () => () => {};

  constructor(
    answer: Answer,
    { delayMs = 1, trouble, restartsSilently, recoveryMsMax, ...options }: AskedRunOptions = {},
  ) {
    const latest = new Map<string, AskedNode>();
    const bed: Bed = {
      startNode: (nodeId, events) => {
        const isSilent = restartsSilently && latest.has(nodeId);
        const node = new AskedNode(nodeId, events, isSilent ? 'it is silent' : trouble);
        this.lives.push(node);
        latest.set(nodeId, node);
        return node;
      },
      ask: (nodeId, body, reply) => {
        const node = latest.get(nodeId) as AskedNode;
        this.asked.push({ nodeId, body, wasUp: node.isUp });
        const text = answer(node, body);
        if (text !== undefined) this.time.schedule(delayMs, () => reply(text));
      },
      engine: this.engine,
      ...(recoveryMsMax !== undefined && { recoveryMsMax }),
      observe: (record) => {
        this.record = record;
      },
    };
    this.run = new TestRun(
      {
        nodes: NODES,
        concurrency: 2,
        ratePerSecond: 10,
        timeLimitMs: 5000,
        latencyMeanMs: 0,
        latencyDistribution: 'constant',
        faults: [],
        nemesisIntervalMs: 1000,
        seed: 'asked',
        ...options,
      },
      echo.test,
      bed,
      this.time,
      { onMessage: (event, message) => this.traffic.count(event, message) },
    );
  }

  async finish(): Promise<RunOutcome & { readonly results: CheckResult & Readonly<Record<string, CheckResult>> }> {
    const running = this.run.run();
    let isOver = false;
    void running.finally(() => {
      isOver = true;
    });
    for (let ms = 0; !isOver && ms < RUN_MS_MAX; ms += 100) await this.time.advance(100);
    return (await running) as Awaited<ReturnType<AskedRun['finish']>>;
  }
}

const UNAVAILABLE = '{"type":"error","code":11,"text":"no connection: connect ECONNREFUSED"}';
const echoes: Answer = ({ isUp }, body) => (isUp ? JSON.stringify({ type: 'echo_ok', echo: body.echo }) : UNAVAILABLE);

describe('nodes that are asked', () => {
  it('get init as a line and everything else as a request without a msg_id', async () => {
    const run = new AskedRun(echoes);
    const { results } = await run.finish();
    expect(results['valid?']).toBe(true);
    expect(run.lives.map(({ lines }) => lines.length)).toEqual([1, 1]);
    expect(run.lives[0]?.lines[0]).toContain('"type":"init"');
    expect(run.asked.length).toBeGreaterThan(20);
    for (const { body } of run.asked) expect(Object.keys(body).sort()).toEqual(['echo', 'type']);
    expect(results.stats).toMatchObject({ 'fail-count': 0, 'info-count': 0 });
  });

  it('are asked while they are down: the client is told that nothing was sent', async () => {
    const run = new AskedRun(echoes, { faults: ['kill'], timeLimitMs: 20_000 });
    const { results, history } = await run.finish();
    // Maelstrom's echo takes every refusal for a mistake, so its verdict does not count here.
    expect(results.protocol).toMatchObject({ count: 0 });
    expect(results.recovery?.['valid?']).toBe(true);
    expect(run.lives.length).toBeGreaterThan(2);
    expect(run.asked.filter(({ wasUp }) => !wasUp).length).toBeGreaterThan(3);
    const failed = [...history].filter(({ type }) => type === 'fail');
    expect(failed.length).toBeGreaterThan(3);
    expect(failed[0]?.error).toEqual(['temporarily-unavailable', 'no connection: connect ECONNREFUSED']);
  });

  it('may answer after their client gave up, which is dropped', async () => {
    const run = new AskedRun(echoes, { delayMs: 6000, timeLimitMs: 1000 });
    const { results } = await run.finish();
    expect(results.protocol).toMatchObject({ count: 0 });
    expect(results.stats).toMatchObject({ 'ok-count': 0 });
  });

  it('need not have answered init again if they serve', async () => {
    const run = new AskedRun(echoes, { faults: ['kill-all'], restartsSilently: true, timeLimitMs: 20_000 });
    const { results } = await run.finish();
    expect(run.lives.length).toBeGreaterThan(2);
    expect(results.protocol).toMatchObject({ count: 0 });
    expect(results.recovery?.['valid?']).toBe(true);
  });

  it('that never serve again are told with the reason', async () => {
    const run = new AskedRun(() => UNAVAILABLE, { faults: ['kill-all'], restartsSilently: true, timeLimitMs: 20_000 });
    const { results } = await run.finish();
    expect(JSON.stringify(results.protocol?.violations)).toContain('did not answer init within');
    expect(JSON.stringify(results.protocol?.violations)).toContain(': it is silent');
  });

  it('may take longer to recover if their bed says so', async () => {
    const silent: Answer = (node, body) => (run.time.now() < 31_000 ? undefined : echoes(node, body));
    const faults = { faults: ['pause'] as const, timeLimitMs: 15_000 };
    const run = new AskedRun(silent, { ...faults, recoveryMsMax: 30_000 });
    expect((await run.finish()).results.recovery?.['valid?']).toBe(true);
    const hasty = new AskedRun((node, body) => (hasty.time.now() < 31_000 ? undefined : echoes(node, body)), faults);
    expect((await hasty.finish()).results.recovery?.['valid?']).toBe(false);
  });

  it('are judged by what they answer', async () => {
    const { results } = await new AskedRun(() => '{"type":"echo_ok"}').finish();
    expect(results['valid?']).toBe(false);
    expect(JSON.stringify(results.protocol?.violations)).toContain('closed-reply');
  });

  it('say why they are not ready', async () => {
    const { results } = await new AskedRun(echoes, { trouble: 'the store does not answer' }).finish();
    expect(JSON.stringify(results.protocol?.violations)).toContain(
      'n1 did not answer init within 10 s: the store does not answer',
    );
  });
});

describe('the store under nodes', () => {
  const cut: FaultEvent = {
    fault: 'service-cut',
    atMs: 0,
    durationMs: 1000,
    shape: 'full',
    grudge: { e1: ['n1'], n1: ['e1', 'e2'] },
  };

  it('carries the cuts of its links', async () => {
    const run = new AskedRun(echoes);
    const finished = run.finish();
    await run.time.advance(1000);
    run.run.inject(cut);
    expect(run.engine.done).toEqual([
      ['cut', 'n1', 'e1'],
      ['cut', 'e1', 'n1'],
      ['cut', 'e2', 'n1'],
    ]);
    await finished;
    expect(run.engine.done.slice(3)).toEqual([
      ['mend', 'n1', 'e1'],
      ['mend', 'e1', 'n1'],
      ['mend', 'e2', 'n1'],
    ]);
  });

  it('is drawn for faults of services, in place of lin-kv', async () => {
    const run = new AskedRun(echoes, { faults: ['service-cut'], timeLimitMs: 10_000 });
    await run.finish();
    const ends = new Set(run.engine.done.filter(([action]) => action === 'cut').flatMap(([, ...link]) => link));
    expect([...ends].sort()).toEqual(['e1', 'e2', 'e3', 'n1', 'n2']);
  });

  it('must be healthy again before the nodes are asked', async () => {
    const run = new AskedRun(echoes, { faults: ['engine-kill'] });
    const { results } = await run.finish();
    expect(results['valid?']).toBe(true);
    expect(run.engine.done.at(-1)).toEqual(['healthy', undefined]);

    const broken = new AskedRun(echoes, { faults: ['engine-kill'] });
    broken.engine.trouble = 'e2 does not know a leader after 30 s';
    const { results: wrong } = await broken.finish();
    expect(wrong['valid?']).toBe(false);
    expect(wrong.protocol?.violations).toEqual([
      { time: 5e9, node: 'engine', rule: 'engine', text: 'e2 does not know a leader after 30 s' },
    ]);
  });

  it('is not waited for in a run that is given up', async () => {
    const run = new AskedRun(echoes, { faults: ['engine-kill'], timeLimitMs: 1000 });
    run.engine.isSilent = true;
    const finished = run.finish();
    await run.time.advance(2000);
    expect(run.run.status().phase).toBe('recovering');
    run.run.abort();
    expect((await finished).results.protocol).toMatchObject({ count: 0 });
  });

  it('has its messages counted beside those of clients', async () => {
    const run = new AskedRun(echoes);
    const finished = run.finish();
    await run.time.advance(1000);
    const arrive = run.record('n1', 'e1', { type: 'range', msg_id: 1 });
    run.record('e1', 'n1', { type: 'range_ok', in_reply_to: 1 });
    arrive();
    const { results } = await finished;
    expect(run.traffic.entries()).toEqual(
      expect.arrayContaining([
        { src: 'n1', dest: 'e1', sent: 1, received: 1, arrived: 1 },
        { src: 'e1', dest: 'n1', sent: 1, received: 0, arrived: 0 },
      ]),
    );
    expect(results.net?.servers).toEqual({
      'send-count': 2,
      'recv-count': 1,
      'msg-count': 2,
      'msgs-per-op': expect.any(Number),
    });
  });
});
