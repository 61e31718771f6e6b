/** Sagas of a dead node are finished by another one. Those of a live node are left to it for a while. */

import { describe, expect, it } from 'vitest';
import { SAGA_LIMITS, type SagaLimits } from '../../src/saga/limits.ts';
import type { Mark } from '../../src/saga/marks.ts';
import { digestOf, indexKey, type SagaState, sagaKey } from '../../src/saga/record.ts';
import { isCas, isRead, LONG_MS, type SagaNode, SagaRig, type Watched, watch } from '../support/saga-rig.ts';

const NODES = ['n0', 'n1'];
/** Until unfinished sagas are taken over and finished. */
const SWEEPS_MS = 5000;
/** Until they are also removed from the index, even if their own node does not do so. */
const CROSSED_OUT_MS = 9000;
const LEGS = [
  { account: 'a', amount: -30 },
  { account: 'b', amount: 30 },
];

class Bench {
  readonly rig: SagaRig;

  constructor(seed?: number) {
    this.rig = new SagaRig(seed);
    this.rig.putAccount('a', 100);
    this.rig.putAccount('b', 0);
  }

  begin(nodeId: string, limits: Partial<SagaLimits> = {}): SagaNode {
    return this.rig.begin(nodeId, { nodeIds: NODES, parts: { limits: { ...SAGA_LIMITS, ...limits } } });
  }

  /** A node that has handled a saga, and sweeps. */
  async sweeping(nodeId: string, limits: Partial<SagaLimits> = {}): Promise<SagaNode> {
    const node = this.begin(nodeId, limits);
    await this.rig.run(node.audit('a'));
    return node;
  }

  get balances(): (number | undefined)[] {
    return ['a', 'b'].map((account) => this.rig.balance(account));
  }
}

/** Marks of steps, by their numbers: 0 takes from `a`, 1 is the promise of `b`, 2 gives to `b`. */
interface Left {
  readonly state: SagaState;
  readonly at: number;
  readonly a: readonly [balance: number, marks: readonly Mark[]];
  readonly b: readonly [balance: number, marks: readonly Mark[]];
  readonly end: 'committed' | 'aborted';
}

const mark = (step: number, what: Mark[2] = 'applied'): Mark => ['r', step, what, 0];

describe('the saga of a dead node', () => {
  it.each<[string, Left]>([
    ['nothing done', { state: 'running', at: 0, a: [100, []], b: [0, []], end: 'committed' }],
    ['money taken', { state: 'running', at: 0, a: [70, [mark(0)]], b: [0, []], end: 'committed' }],
    ['a promise given', { state: 'running', at: 0, a: [100, []], b: [0, [mark(1)]], end: 'committed' }],
    ['all taken and promised', { state: 'running', at: 0, a: [70, [mark(0)]], b: [0, [mark(1)]], end: 'committed' }],
    ['decided', { state: 'committing', at: 1, a: [70, [mark(0)]], b: [0, [mark(1)]], end: 'committed' }],
    ['given', { state: 'committing', at: 1, a: [70, [mark(0)]], b: [30, [mark(1), mark(2)]], end: 'committed' }],
    ['about to be undone', { state: 'compensating', at: 1, a: [70, [mark(0)]], b: [0, [mark(1)]], end: 'aborted' }],
    ['undone half', { state: 'compensating', at: 1, a: [70, [mark(0)]], b: [0, [mark(1, 'undone')]], end: 'aborted' }],
    ['undone but for the money', { state: 'compensating', at: 0, a: [70, [mark(0)]], b: [0, []], end: 'aborted' }],
    ['undone unrecorded', { state: 'compensating', at: 0, a: [100, [mark(0, 'undone')]], b: [0, []], end: 'aborted' }],
    ['never done, to be undone', { state: 'compensating', at: 1, a: [100, []], b: [0, []], end: 'aborted' }],
    ['committed', { state: 'committed', at: 0, a: [70, [mark(0)]], b: [30, [mark(1), mark(2)]], end: 'committed' }],
    ['aborted', { state: 'aborted', at: 0, a: [100, [mark(0, 'undone')]], b: [0, []], end: 'aborted' }],
  ])('with %s is finished by another', async (_, { state, at, a, b, end }) => {
    const bench = new Bench();
    bench.rig.putAccount('a', ...a);
    bench.rig.putAccount('b', ...b);
    bench.rig.putTransfer('r', LEGS, state, at, 'n0', end === 'aborted' ? 'a reason' : '');
    await bench.sweeping('n1');
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.saga('r')).toMatchObject({ state: end, at: 0, reason: end === 'aborted' ? 'a reason' : '' });
    expect(bench.balances).toEqual(end === 'committed' ? [70, 30] : [100, 0]);
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.rig.index('n0')).toEqual([]);
    expect(bench.balances).toEqual(end === 'committed' ? [70, 30] : [100, 0]);
  });

  it('is finished once if all nodes sweep, and its own next life too', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'running', 0, 'n0');
    await Promise.all([bench.sweeping('n0'), bench.sweeping('n1')]);
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.balances).toEqual([70, 30]);
    expect(bench.rig.path('r')).toEqual(['running 0', 'committing 1', 'committed 0']);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is finished by its next life if there is no other node', async () => {
    const bench = new Bench();
    const first = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/b'));
    const asked = watch(first.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(100);
    first.kill();
    bench.rig.heal();
    expect(bench.balances).toEqual([70, 0]);
    await bench.sweeping('n0');
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(asked.outcome).toBeUndefined();
    expect(bench.balances).toEqual([70, 30]);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is not searched for by a node that has never handled a saga', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'running', 0, 'n0');
    bench.begin('n1');
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.wire).toEqual([]);
  });

  it('is searched for after any request, with any answer', async () => {
    const asks: ((node: SagaNode) => Promise<unknown>)[] = [
      (node) => node.open('new'),
      (node) => node.close('missing'),
      (node) => node.transfer('other', 'a', 'missing', 1),
      (node) => node.transfer('other', 'a', 'a', 1),
      (node) => node.status('unknown'),
      (node) => node.audit('a'),
    ];
    for (const ask of asks) {
      const bench = new Bench();
      bench.rig.putTransfer('r', LEGS, 'running', 0, 'n0');
      await bench.rig.run(ask(bench.begin('n1')).catch(() => {}));
      await bench.rig.pass(SWEEPS_MS);
      expect(bench.rig.saga('r')?.state).toBe('committed');
    }
  });

  it('in great numbers is finished as well', async () => {
    const bench = new Bench();
    bench.rig.putAccount('a', 1000);
    for (let number = 0; number < 200; number++)
      bench.rig.putTransfer(
        `r${number}`,
        [
          { account: 'a', amount: -1 },
          { account: 'b', amount: 1 },
        ],
        'running',
        0,
        'n0',
      );
    await bench.sweeping('n1');
    await bench.rig.pass(LONG_MS);
    expect(bench.balances).toEqual([800, 200]);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is taken over when it has not moved for 1.2 to 1.8 s, a time that is drawn for each', async () => {
    const waitedMs: number[] = [];
    let mostTimes = 0;
    for (let seed = 0; seed < 8; seed++) {
      const bench = new Bench(seed);
      const ids = Array.from({ length: 9 }, (_, number) => `r${number}`);
      for (const id of ids) bench.rig.putTransfer(id, LEGS, 'running', 0, 'n0');
      bench.rig.lose((message) => isCas(message, 'a/'));
      const read = ids.map((id) => bench.rig.times((message) => isRead(message, sagaKey(id))));
      await bench.sweeping('n1');
      await bench.rig.pass(6000);
      const takenMs = new Set<number>();
      for (const timesMs of read) {
        // Whoever takes a saga over reads it once more.
        const over = timesMs.findIndex((timeMs, index) => timeMs - (timesMs[index - 1] ?? 0) < 100);
        const sinceFirstMs = (index: number) => (timesMs[index] as number) - (timesMs[0] as number);
        takenMs.add(timesMs[over] as number);
        waitedMs.push(sinceFirstMs(over));
      }
      mostTimes = Math.max(mostTimes, takenMs.size);
    }
    expect(Math.min(...waitedMs)).toBeGreaterThanOrEqual(1200);
    expect(Math.max(...waitedMs)).toBeGreaterThan(1600);
    expect(Math.max(...waitedMs)).toBeLessThan(1800 + 10);
    expect(mostTimes).toBeGreaterThan(1);
  });

  it('is finished with others, as many at a time as a node takes over', async () => {
    const bench = new Bench();
    const ids = Array.from({ length: 5 }, (_, number) => `r${number}`);
    for (const id of ids) bench.rig.putTransfer(id, LEGS, 'compensating', 1, 'n0', 'why');
    bench.rig.lose((message) => isCas(message, 'a/'));
    const node = await bench.sweeping('n1', { taken: 2 });
    let most = 0;
    for (let passed = 0; passed < 100; passed++) {
      await bench.rig.pass(100);
      most = Math.max(most, node.figures?.['in-flight'] as number);
    }
    expect(most).toBe(2);
    bench.rig.heal();
    await bench.rig.pass(LONG_MS);
    expect(ids.map((id) => bench.rig.saga(id)?.state)).toEqual(ids.map(() => 'aborted'));
  });

  it('is finished although the index of another node, and another saga, cannot be read', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('silent', LEGS, 'running', 0, 'n0');
    bench.rig.putTransfer('r', LEGS, 'compensating', 1, 'n0', 'why');
    await bench.sweeping('n1');
    bench.rig.lose((message) => isRead(message, 'p/n1') || isRead(message, 's/silent'));
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.saga('r')).toMatchObject({ state: 'aborted' });
    expect(bench.rig.index('n0')?.map(([id]) => id)).toEqual(['silent']);
    expect(bench.rig.asked('cas', 's/silent')).toEqual([]);
    bench.rig.heal();
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.index('n0')).toEqual([]);
    expect(bench.balances).toEqual([70, 30]);
  });

  it('is left to a request that came while a sweep was reading it', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'running', 0, 'n0');
    const node = await bench.sweeping('n1');
    const readMs = bench.rig.times((message) => isRead(message, 's/r'));
    const { drawFate } = bench.rig;
    let asked: Watched<unknown> | undefined;
    bench.rig.drawFate = (message) => {
      // With this answer the sweep would take it over.
      if (asked === undefined && isRead(message, 's/r') && readMs.length === 1) asked = watch(node.move('r', LEGS));
      return drawFate(message);
    };
    await bench.rig.pass(SWEEPS_MS + 2000);
    expect(asked?.outcome).toEqual({ ok: { outcome: 'committed' } });
    expect(node.figures).toEqual({ 'in-flight': 0, 'taken-over': 0 });
    expect(bench.balances).toEqual([70, 30]);
  });

  it('is read by a sweep from the second one on that sees it, and not if it is known to be finished', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n0');
    bench.rig.putTransfer('s', LEGS, 'committed', 0, 'n0');
    const node = await bench.sweeping('n1');
    await bench.rig.run(node.status('s'));
    const indexMs = bench.rig.times((message) => isRead(message, 'p/n0'));
    const recordMs = bench.rig.times((message) => isRead(message, 's/'));
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(recordMs).toEqual([(indexMs[1] as number) + 2]);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is read together with others, as many side by side as a node reads', async () => {
    const bench = new Bench();
    for (let number = 0; number < 10; number++) bench.rig.putTransfer(`r${number}`, LEGS, 'committed', 0, 'n0');
    await bench.sweeping('n1', { looks: 4 });
    const readMs = bench.rig.times((message) => isRead(message, 's/'));
    await bench.rig.pass(CROSSED_OUT_MS);
    const beganMs = readMs[0] as number;
    expect(readMs.map((timeMs) => timeMs - beganMs)).toEqual([0, 0, 0, 0, 2, 2, 2, 2, 4, 4]);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is retried when the store is away for a while', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'running', 0, 'n0');
    await bench.sweeping('n1');
    bench.rig.lose((message) => isCas(message, 'a/') || isCas(message, 's/'));
    await bench.rig.pass(20_000);
    expect(bench.rig.saga('r')?.state).toBe('running');
    bench.rig.heal();
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.balances).toEqual([70, 30]);
  });
});

it('is not taken over because the store was away: that time does not count', async () => {
  for (let seed = 0; seed < 8; seed++) {
    const bench = new Bench(seed);
    bench.rig.putTransfer('r', LEGS, 'running', 0, 'n0');
    await bench.sweeping('n1');
    const readMs = bench.rig.times((message) => isRead(message, 's/r'));
    while (readMs.length === 0) await bench.rig.pass(10);
    await bench.rig.pass(100);
    bench.rig.lose(({ src }) => src === 'lin-kv');
    await bench.rig.pass(3000);
    bench.rig.heal();
    const healedMs = bench.rig.time.now();
    await bench.rig.pass(SWEEPS_MS);
    const [takenMs = 0] = bench.rig.wire.flatMap((message) => (isCas(message, 'a/') ? [message.atMs] : []));
    expect(takenMs - healedMs).toBeGreaterThanOrEqual(1200);
    expect(bench.rig.saga('r')?.state).toBe('committed');
  }
});

describe('the saga of a live node', () => {
  it('is left to it while it moves', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.sweeping('n1');
    bench.rig.rule(({ src, dest }) => (src === 'lin-kv' && dest === 'n0' ? [700] : undefined));
    const asked = watch(node.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(asked.outcome).toMatchObject({ code: 13 });
    expect(new Set(bench.rig.saga('r')?.history.map(({ node: by }) => by))).toEqual(new Set(['n0']));
    expect(bench.rig.asked('cas', 'a/', 'n1')).toEqual([]);
  });

  it('is taken over if it does not move, and nothing is done twice', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    const other = await bench.sweeping('n1');
    bench.rig.rule((message) => (isCas(message, 'a/', 'n0') ? [6000] : undefined));
    watch(node.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(LONG_MS);
    expect(other.figures).toEqual({ 'in-flight': 0, 'taken-over': 1 });
    expect(await bench.rig.run(node.transfer('r', 'a', 'b', 30))).toEqual({ outcome: 'committed' });
    await bench.rig.pass(1000);
    expect(bench.rig.saga('r')?.history.map(({ node: by }) => by)).toContain('n1');
    expect(bench.balances).toEqual([70, 30]);
    expect(bench.rig.index('n0')).toEqual([]);
  });
});

describe('an entry without a record', () => {
  const digest = digestOf('transfer', { legs: LEGS });

  it('is fenced off as aborted, and removed', async () => {
    const bench = new Bench();
    bench.rig.put(indexKey('n0'), { sagas: [['r', digest]] });
    await bench.sweeping('n1');
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.saga('r')).toMatchObject({ kind: '', digest, state: 'aborted', reason: 'abandoned' });
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('has an answer: the same request is aborted, another one is refused', async () => {
    const bench = new Bench();
    bench.rig.put(indexKey('n0'), { sagas: [['r', digest]] });
    const node = await bench.sweeping('n1');
    await bench.rig.pass(SWEEPS_MS);
    expect(await bench.rig.run(node.move('r', LEGS))).toEqual({ outcome: 'aborted', reason: 'abandoned' });
    await expect(bench.rig.run(node.transfer('r', 'a', 'b', 31))).rejects.toMatchObject({ code: 22 });
    expect(await bench.rig.run(node.status('r'))).toMatchObject({
      state: 'aborted',
      reason: 'abandoned',
      history: [{ state: 'aborted', at: 0, node: 'n1' }],
    });
    expect(bench.balances).toEqual([100, 0]);
  });

  it('fences a creation that is still under way: it comes too late, and its node learns it', async () => {
    const bench = new Bench();
    const slow = bench.rig.begin('n0', { nodeIds: NODES, deadlineMs: 60_000 });
    await bench.sweeping('n1');
    bench.rig.rule((message) => (isCas(message, 's/r', 'n0') ? [9000] : undefined));
    const asked = watch(slow.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(SWEEPS_MS);
    expect(asked.outcome).toMatchObject({ code: 13 });
    expect(bench.rig.saga('r')).toMatchObject({ reason: 'abandoned' });
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.path('r')).toEqual(['aborted 0']);
    expect(bench.balances).toEqual([100, 0]);
    expect(await bench.rig.run(slow.transfer('r', 'a', 'b', 30))).toEqual({ outcome: 'aborted', reason: 'abandoned' });
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is left alone while its node works on it, however long that takes', async () => {
    const bench = new Bench();
    const node = bench.rig.begin('n0', { deadlineMs: 60_000 });
    bench.rig.rule((message) => (isCas(message, 's/r') && message.body.from === null ? [10_000] : undefined));
    watch(node.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(11_000);
    expect(await bench.rig.run(node.transfer('r', 'a', 'b', 30))).toEqual({ outcome: 'committed' });
    expect(bench.rig.asked('read', 's/')).toEqual([]);
  });

  it('is not fenced any more when its saga has begun after all: a late fence changes nothing', async () => {
    const bench = new Bench();
    bench.rig.put(indexKey('n0'), { sagas: [['r', digest]] });
    await bench.sweeping('n1');
    const fenceMs = bench.rig.times((message) => isCas(message, 's/r', 'n1'));
    const { drawFate } = bench.rig;
    bench.rig.drawFate = (message) =>
      (isCas(message, 's/r', 'n1') ? [...drawFate(message), 900] : drawFate(message)).slice(-1);
    while (fenceMs.length === 0) await bench.rig.pass(10);
    const first = bench.begin('n0');
    expect(await bench.rig.run(first.move('r', LEGS))).toEqual({ outcome: 'committed' });
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.rig.path('r')).toEqual(['running 0', 'committing 1', 'committed 0']);
    expect(bench.balances).toEqual([70, 30]);
  });

  it('is fenced with others, as many at a time as a node takes over', async () => {
    const bench = new Bench();
    const ids = ['r', 's', 't', 'u'];
    bench.rig.put(indexKey('n0'), { sagas: ids.map((id) => [id, digest]) });
    await bench.sweeping('n1', { taken: 1 });
    bench.rig.rule((message) => (isCas(message, 's/') ? [900] : undefined));
    const fenceMs = bench.rig.times((message) => isCas(message, 's/'));
    await bench.rig.pass(LONG_MS);
    expect(fenceMs).toHaveLength(4);
    for (const [index, timeMs] of fenceMs.entries())
      if (index > 0) expect(timeMs - (fenceMs[index - 1] as number)).toBeGreaterThan(900);
    expect(ids.map((id) => bench.rig.saga(id)?.state)).toEqual(ids.map(() => 'aborted'));
  });
});

describe('a sweep', () => {
  it('looks at one index a tick, 0.8 to 1.2 s after the last one, or a little later while there is nothing', async () => {
    const bench = new Bench();
    await bench.sweeping('n1');
    bench.rig.rule(({ src }) => (src === 'lin-kv' ? [800] : undefined));
    const readMs = bench.rig.times((message) => isRead(message, 'p/'));
    const ownMs = bench.rig.times((message) => isRead(message, 'p/n1'));
    await bench.rig.pass(200_000);
    expect(ownMs.length).toBeCloseTo(readMs.length / 2, -1);
    const gapsMs = readMs.slice(1).map((timeMs, index) => timeMs - (readMs[index] as number) - 801);
    const [busy, quiet] = [gapsMs.slice(0, 8), gapsMs.slice(10)];
    expect(Math.min(...busy)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...busy)).toBeLessThan(1200);
    expect(quiet.length).toBeGreaterThan(50);
    expect(Math.min(...quiet)).toBeGreaterThanOrEqual(960);
    expect(Math.max(...quiet)).toBeGreaterThan(1350);
    expect(Math.max(...quiet)).toBeLessThan(1440);
  });

  it('does not count the time before a record came as time in which it stood still', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'running', 0, 'n0');
    const { ver: _, ...record } = bench.rig.saga('r') as NonNullable<ReturnType<SagaRig['saga']>>;
    bench.rig.put(indexKey('n0'), { sagas: [['s', record.digest]] });
    await bench.sweeping('n1');
    const readMs = bench.rig.times((message) => isRead(message, 's/s'));
    while (readMs.length === 0) await bench.rig.pass(10);
    bench.rig.put(sagaKey('s'), record);
    await bench.rig.pass(SWEEPS_MS);
    const [, seenMs, ...laterMs] = readMs as [number, number, number];
    const overMs = laterMs.find((timeMs, index) => timeMs - (laterMs[index - 1] ?? 0) < 100) as number;
    expect(overMs - seenMs).toBeGreaterThanOrEqual(1200);
    expect(bench.rig.saga('s')?.state).toBe('committed');
  });
});

describe('an entry of a finished saga', () => {
  /** With the message that reads index n0 to change it, something happens before the store gets it. */
  function onRemoval(bench: Bench, happen: () => void): void {
    const { drawFate } = bench.rig;
    let firstMs: number | undefined;
    let happened = false;
    bench.rig.drawFate = (message) => {
      if (isRead(message, 'p/n0', 'n1')) {
        const nowMs = bench.rig.time.now();
        firstMs ??= nowMs;
        if (nowMs - firstMs >= 2500 && !happened) {
          happened = true;
          happen();
        }
      }
      return drawFate(message);
    };
  }

  it('that its node has removed meanwhile costs no write', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n0');
    await bench.sweeping('n1');
    onRemoval(bench, () => bench.rig.put(indexKey('n0'), { sagas: [] }, 2));
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.rig.index('n0')).toEqual([]);
    expect(bench.rig.asked('cas', 'p/n0')).toEqual([]);
  });

  it('is removed even if the store once answers that there is no index', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n0');
    await bench.sweeping('n1');
    let count = 0;
    onRemoval(bench, () => {
      count++;
      bench.rig.answerNext('read', { type: 'error', code: 20, text: 'no such key' });
    });
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(count).toBeGreaterThan(0);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('that goes and comes again stays for 2.5 s anew', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n0');
    await bench.sweeping('n1');
    await bench.rig.pass(1500);
    const sagas = bench.rig.index('n0');
    bench.rig.put(indexKey('n0'), { sagas: [] }, 2);
    await bench.rig.pass(2000);
    bench.rig.put(indexKey('n0'), { sagas }, 3);
    await bench.rig.pass(2500);
    expect(bench.rig.index('n0')).toEqual(sagas);
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is removed at once from the index of the node itself', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n1');
    const node = bench.begin('n1');
    await bench.rig.run(node.status('r'));
    const [readMs, removedMs] = [isRead, isCas].map((is) => bench.rig.times((message) => is(message, 'p/n1')));
    // Until the first sweep, and until the index is written.
    await bench.rig.pass(1200 + 250 + 10);
    expect(bench.rig.index('n1')).toEqual([]);
    // That write is the index's own, which waits for others.
    expect(removedMs).toEqual([(readMs?.[0] as number) + 2 + 250 + 2]);
  });

  it('is removed by others, but not before its node has had 2.5 s to do so', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n0');
    bench.rig.putTransfer('s', LEGS, 'aborted', 0, 'n0');
    await bench.sweeping('n1');
    const readMs = bench.rig.times((message) => isRead(message, 'p/n0'));
    const removedMs = bench.rig.times((message) => isCas(message, 'p/n0'));
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(removedMs).toHaveLength(1);
    expect(bench.rig.asked('cas', 'p/n1')).toEqual([]);
    const waitedMs = (removedMs[0] as number) - (readMs[0] as number);
    expect(waitedMs).toBeGreaterThanOrEqual(2500);
    expect(waitedMs).toBeLessThan(2500 + 100 + 10);
    expect(bench.rig.index('n0')).toEqual([]);
    expect(bench.rig.asked('cas', 's/')).toEqual([]);
  });

  it.each(NODES)(
    'is removed by a node that does not remember so many finished sagas, from the index of %s',
    async (nodeId) => {
      const bench = new Bench();
      for (let number = 0; number < 20; number++) bench.rig.putTransfer(`r${number}`, LEGS, 'committed', 0, nodeId);
      await bench.sweeping('n1', { finished: 1 });
      await bench.rig.pass(CROSSED_OUT_MS);
      expect(bench.rig.index(nodeId)).toEqual([]);
    },
  );

  it('is removed while others stay', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n0');
    bench.rig.putTransfer(
      's',
      [
        { account: 'a', amount: -1 },
        { account: 'b', amount: 1 },
      ],
      'running',
      0,
      'n0',
    );
    bench.rig.lose((message) => isCas(message, 'a/'));
    await bench.sweeping('n1');
    await bench.rig.pass(CROSSED_OUT_MS);
    expect(bench.rig.index('n0')?.map(([id]) => id)).toEqual(['s']);
  });
});
