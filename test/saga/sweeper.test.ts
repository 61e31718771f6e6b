/** Sagas of a dead node are finished by another one. Those of a live node are left to it for a while. */

import { describe, expect, it } from 'vitest';
import { SAGA_LIMITS, type SagaLimits } from '../../src/saga/limits.ts';
import type { Mark } from '../../src/saga/marks.ts';
import { digestOf, indexKey, type SagaState } from '../../src/saga/record.ts';
import { isCas, LONG_MS, type SagaNode, SagaRig, watch } from '../support/saga-rig.ts';

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
  readonly rig = new SagaRig();

  constructor() {
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
    await bench.sweeping('n1');
    bench.rig.rule((message) => (isCas(message, 'a/', 'n0') ? [6000] : undefined));
    watch(node.transfer('r', 'a', 'b', 30));
    await bench.rig.pass(LONG_MS);
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

  it('is left alone while its node works on it', async () => {
    const bench = new Bench();
    const node = await bench.sweeping('n0');
    bench.rig.rule((message) => (isCas(message, 's/r') && message.body.from === null ? [900] : undefined));
    expect(await bench.rig.run(node.transfer('r', 'a', 'b', 30))).toEqual({ outcome: 'committed' });
  });
});

describe('an entry of a finished saga', () => {
  it('is removed by others, but not before its node has had time to do so', async () => {
    const bench = new Bench();
    bench.rig.putTransfer('r', LEGS, 'committed', 0, 'n0');
    bench.rig.putTransfer('s', LEGS, 'aborted', 0, 'n0');
    await bench.sweeping('n1');
    await bench.rig.pass(2000);
    expect(bench.rig.index('n0')).toHaveLength(2);
    await bench.rig.pass(CROSSED_OUT_MS);
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
