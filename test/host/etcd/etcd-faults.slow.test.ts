/**
 * Three members under faults: each in turn, and the leader, is killed and paused, while three clients change the same
 * few documents. What was acknowledged must be there once; what was said not to have happened must not be there.
 */

import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import type { EtcdEngine } from '../../../src/host/etcd/engine.ts';
import { createRandomUint32, systemClock } from '../../../src/host/system.ts';
import { Documents, type UpdateResult } from '../../../src/kv/documents.ts';
import { EtcdCluster, type EtcdMember, findEtcd, waitFor } from '../../support/etcd.ts';
import { openEngine } from '../../support/etcd-engine.ts';

const COUNTERS = ['a', 'b', 'c', 'd', 'e', 'f'];
const WORKERS_EACH = 6;
/** Acknowledged between two faults. */
const PROGRESS = 10;
const PAUSE_MS = 1500;

const program = findEtcd('faults of three members of etcd');

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The marks of all increments that a counter has seen. */
interface Counter {
  readonly marks: readonly string[];
}

class Counting {
  readonly outcomes = new Map<string, UpdateResult<Counter>['kind']>();
  acknowledgedCount = 0;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  #lastMark = 0;

  constructor(engines: readonly EtcdEngine[]) {
    const workers = engines.flatMap((engine) => Array.from({ length: WORKERS_EACH }, () => this.#work(engine)));
    this.#done = Promise.all(workers);
  }

  /** Resolves when that many more were acknowledged. */
  async progress(): Promise<void> {
    const before = this.acknowledgedCount;
    await waitFor('increments', async () => this.acknowledgedCount >= before + PROGRESS || undefined);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #work(engine: EtcdEngine): Promise<void> {
    const documents = documentsOf(engine);
    while (!this.#stop.signal.aborted) {
      const mark = String(++this.#lastMark);
      const counter = counterOf(mark);
      const add = (content: Counter | undefined) =>
        content?.marks.includes(mark) ? undefined : { marks: [...(content?.marks ?? []), mark] };
      const result = await documents.update(counter, add);
      this.outcomes.set(mark, result.kind);
      if (result.kind === 'ok') this.acknowledgedCount++;
    }
  }
}

const counterOf = (mark: string) => COUNTERS[Number(mark) % COUNTERS.length] as string;

function documentsOf(kv: EtcdEngine): Documents<Counter> {
  const context = {
    clock: systemClock,
    sleep: (ms: number) => sleep(ms).then(() => true),
    randomUint32: createRandomUint32(),
  };
  return new Documents({ kv, context, name: 'counter', schema: z.object({ marks: z.array(z.string()) }) });
}

describe.skipIf(program === undefined)('three members', () => {
  it('lose no increment and double none while each of them, and the leader, is killed and paused', async () => {
    const cluster = await EtcdCluster.start(program as string, { memberCount: 3 });
    onTestFinished(() => cluster.end());
    // Each client begins with another member.
    const turned = cluster.endpoints.map((_, index) => [
      ...cluster.endpoints.slice(index),
      ...cluster.endpoints.slice(0, index),
    ]);
    const engines = await Promise.all(turned.map((endpoints) => openEngine(endpoints, { timeoutMs: 500 })));
    const counting = new Counting(engines);
    const leader = () => cluster.leader();
    const victims = [leader, ...cluster.members.map((member) => async () => member), leader];
    for (const victim of victims) {
      await killed(await victim(), counting);
      await paused(await victim(), counting);
    }
    await counting.end();

    expect(counting.acknowledgedCount).toBeGreaterThan(2 * PROGRESS * victims.length);
    for (const engine of engines) await audit(engine, counting);
    const [figures] = engines.map((engine) => engine.figures());
    expect(figures).toMatchObject({ 'in-flight': 0, waiting: 0 });
    // The faults did reach the clients.
    expect(
      engines.map((engine) => engine.figures().failovers ?? 0).reduce((sum, count) => sum + count),
    ).toBeGreaterThan(0);
  });
});

async function killed(member: EtcdMember, counting: Counting): Promise<void> {
  await counting.progress();
  await member.kill();
  await counting.progress();
  member.restart();
  await counting.progress();
}

async function paused(member: EtcdMember, counting: Counting): Promise<void> {
  await counting.progress();
  member.pause();
  await sleep(PAUSE_MS);
  await counting.progress();
  member.resume();
  await counting.progress();
}

async function audit(engine: EtcdEngine, { outcomes }: Counting): Promise<void> {
  const marks = new Map<string, number>();
  for (const counter of COUNTERS) {
    const content = await waitFor(`counter ${counter}`, async () => {
      const read = await documentsOf(engine).read(counter);
      return read.kind === 'ok' ? read.stored.content : undefined;
    });
    for (const mark of content.marks) marks.set(mark, (marks.get(mark) ?? 0) + 1);
    expect(content.marks.filter((mark) => counterOf(mark) !== counter)).toEqual([]);
  }
  const timesOf = (mark: string) => marks.get(mark) ?? 0;
  const wrong = [...outcomes].flatMap(([mark, kind]) => {
    const times = timesOf(mark);
    const fits = kind === 'indefinite' ? times <= 1 : times === (kind === 'ok' ? 1 : 0);
    return fits ? [] : [`${mark}: ${kind}, there ${times} times`];
  });
  expect(wrong).toEqual([]);
}
