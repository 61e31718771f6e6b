/**
 * Three members under faults: each in turn, and the leader, is killed and paused, while three clients write. Every
 * write is sent once and leaves a mark of its own. What was acknowledged must be there once; what was said not to have
 * happened must not be there, nor come later.
 */

import { describe, expect, it, onTestFinished } from 'vitest';
import type { EtcdMember } from '../../../src/host/deployment/etcd-member.ts';
import type { EtcdEngine, EtcdRules } from '../../../src/host/etcd/engine.ts';
import { classifyFailure } from '../../../src/host/etcd/failures.ts';
import type { StoreReplace } from '../../../src/kv/store.ts';
import { EtcdCluster, findEtcd, waitFor } from '../../support/etcd.ts';
import { openEngine } from '../../support/etcd-engine.ts';

const COUNTERS = ['a', 'b', 'c', 'd', 'e', 'f'];
const WORKERS_EACH = 6;
/** Acknowledged between two faults. */
const PROGRESS = 20;
const PAUSE_MS = 1500;
const RETRY_MS = 20;

const program = findEtcd('faults of three members of etcd');

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Marks in a few counters, to which all clients append, and marks that are keys of their own. */
class Marking {
  readonly outcomes = new Map<string, StoreReplace['kind']>();
  acknowledgedCount = 0;
  #isOver = false;
  readonly #done: Promise<unknown>;
  #lastMark = 0;

  constructor(engines: readonly EtcdEngine[]) {
    const workers = engines.flatMap((engine) => Array.from({ length: WORKERS_EACH }, () => this.#work(engine)));
    this.#done = Promise.all(workers);
  }

  /** Resolves when that many more were acknowledged. */
  async progress(): Promise<void> {
    const before = this.acknowledgedCount;
    await waitFor('writes', async () => this.acknowledgedCount >= before + PROGRESS || undefined);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #work(engine: EtcdEngine): Promise<void> {
    while (!this.#isOver) {
      const mark = String(++this.#lastMark);
      const result =
        Number(mark) % 2 === 0 ? await append(engine, mark) : await engine.replace(`m/${mark}`, null, mark);
      if (result === undefined) continue;
      this.outcomes.set(mark, result.kind);
      if (result.kind === 'ok') this.acknowledgedCount++;
      else if (result.kind !== 'refused') await sleep(RETRY_MS);
    }
  }
}

/** Undefined: the counter could not be read. */
async function append(engine: EtcdEngine, mark: string): Promise<StoreReplace | undefined> {
  const counter = COUNTERS[(Number(mark) / 2) % COUNTERS.length] as string;
  const read = await engine.read(counter);
  if (read.kind === 'failed') {
    await sleep(RETRY_MS);
    return undefined;
  }
  return read.kind === 'found'
    ? engine.replace(counter, read.token, `${read.text},${mark}`)
    : engine.replace(counter, null, mark);
}

async function openThree(cluster: EtcdCluster, rules: EtcdRules = {}): Promise<readonly EtcdEngine[]> {
  // Each client begins with another member.
  const turned = cluster.endpoints.map((_, index) => [
    ...cluster.endpoints.slice(index),
    ...cluster.endpoints.slice(0, index),
  ]);
  return Promise.all(turned.map((endpoints) => openEngine(endpoints, { timeoutMs: 500 }, rules)));
}

describe.skipIf(program === undefined)('three members', () => {
  it('lose no write and double none while each of them, and the leader, is killed and paused', async () => {
    const cluster = await EtcdCluster.start(program as string, { memberCount: 3 });
    onTestFinished(() => cluster.end());
    const engines = await openThree(cluster);
    const marking = new Marking(engines);
    const leader = () => cluster.leader();
    const victims = [leader, ...cluster.members.map((member) => async () => member), leader];
    for (const victim of victims) {
      await killed(await victim(), marking);
      await paused(await victim(), marking);
    }
    await marking.end();

    expect(marking.acknowledgedCount).toBeGreaterThan(2 * PROGRESS * victims.length);
    for (const engine of engines) {
      expect(await audit(engine, marking)).toEqual([]);
      expect(engine.figures()).toMatchObject({ 'in-flight': 0, waiting: 0 });
    }
    // The faults did reach the clients.
    expect(sumOf(engines, 'failovers')).toBeGreaterThan(0);
    expect(sumOf(engines, 'replaces-silent')).toBeGreaterThan(0);
  });

  it('show that a timeout must not be taken for a failure', async () => {
    const cluster = await EtcdCluster.start(program as string, { memberCount: 3 });
    onTestFinished(() => cluster.end());
    const engines = await openThree(cluster, {
      classify: (failure) => ({
        ...classifyFailure(failure),
        ...(failure.kind === 'timeout' && { provesNotDone: true, remedy: 'nothing' }),
      }),
    });
    const marking = new Marking(engines);
    await waitFor('a write that came later', async () => {
      await paused(await cluster.leader(), marking);
      const wrong = await audit(engines[0] as EtcdEngine, marking);
      return wrong.some((text) => /^\d+: unavailable, there 1 times$/.test(text)) || undefined;
    });
    await marking.end();
  });
});

function sumOf(engines: readonly EtcdEngine[], figure: string): number {
  return engines.reduce((sum, engine) => sum + (engine.figures()[figure] ?? 0), 0);
}

async function killed(member: EtcdMember, marking: Marking): Promise<void> {
  await marking.progress();
  await member.kill();
  await marking.progress();
  member.start();
  await marking.progress();
}

async function paused(member: EtcdMember, marking: Marking): Promise<void> {
  await marking.progress();
  member.pause();
  await sleep(PAUSE_MS);
  await marking.progress();
  member.resume();
  await marking.progress();
}

/** Every mark whose outcome does not fit what is stored. Only what had an outcome when it began is judged. */
async function audit(engine: EtcdEngine, marking: Marking): Promise<readonly string[]> {
  const outcomes = [...marking.outcomes];
  const marks = new Map<string, number>();
  const note = (mark: string) => marks.set(mark, (marks.get(mark) ?? 0) + 1);
  for (const counter of COUNTERS) for (const mark of (await readText(engine, counter)).split(',')) note(mark);
  for (const key of await listAll(engine, 'm/')) note(key.slice('m/'.length));
  return outcomes.flatMap(([mark, kind]) => {
    const times = marks.get(mark) ?? 0;
    const fits = kind === 'silent' ? times <= 1 : times === (kind === 'ok' ? 1 : 0);
    return fits ? [] : [`${mark}: ${kind}, there ${times} times`];
  });
}

function readText(engine: EtcdEngine, key: string): Promise<string> {
  return waitFor(key, async () => {
    const read = await engine.read(key);
    return read.kind === 'found' ? read.text : undefined;
  });
}

async function listAll(engine: EtcdEngine, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for (let more = true; more; ) {
    const page = await waitFor('a list', async () => {
      const list = await engine.list(prefix, keys.at(-1), 100);
      return list.kind === 'ok' ? list : undefined;
    });
    keys.push(...page.keys);
    more = page.more;
  }
  return keys;
}
