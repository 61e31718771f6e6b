/**
 * What happens to a request for a saga: begun, joined, taken over, refused, or answered from memory. Transfers of money
 * stand for sagas of every kind.
 */

import { describe, expect, it } from 'vitest';
import { RpcError } from '../../src/protocol/errors.ts';
import { SAGA_LIMITS } from '../../src/saga/limits.ts';
import { isEnded } from '../../src/saga/marks.ts';
import { indexKey, type SagaRecord, type SagaState, sagaKey, type Transition } from '../../src/saga/record.ts';
import { isCas, isRead, LONG_MS, type SagaNode, SagaRig, type Watched, watch } from '../support/saga-rig.ts';
import { LOST } from '../support/store-rig.ts';

const COMMITTED = { outcome: 'committed' };
const NODES = ['n0', 'n1'];
/** Until unfinished sagas are taken over and finished. */
const SWEEPS_MS = 8000;
/** All states of an undisturbed transfer. */
const PATH = ['running 0', 'committing 1', 'committed 0'];

class Bench {
  readonly rig = new SagaRig();

  constructor() {
    this.rig.putAccount('a', 100);
    this.rig.putAccount('b', 0);
    this.rig.putAccount('c', 0);
  }

  /** A node that knows only `nodeIds`: alone, it sweeps nothing of other nodes. */
  begin(nodeId: string, nodeIds?: readonly string[]): SagaNode {
    return this.rig.begin(nodeId, nodeIds === undefined ? {} : { nodeIds });
  }

  /** A node that waits for the store without limit, like a node that was paused. */
  sleeper(nodeId: string, nodeIds: readonly string[] = [nodeId]): SagaNode {
    return this.rig.begin(nodeId, { nodeIds, deadlineMs: 60_000 });
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.rig.run(work);
  }

  get balances(): (number | undefined)[] {
    return ['a', 'b', 'c'].map((account) => this.rig.balance(account));
  }
}

describe('a request', () => {
  it('alone costs an entry, a record, its steps and its transitions, and reads nothing twice', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.run(node.transfer('r', 'a', 'b', 1));
    bench.rig.wire.length = 0;
    expect(await bench.run(node.transfer('s', 'a', 'b', 10))).toEqual(COMMITTED);
    const asked = bench.rig.wire.filter(({ dest }) => dest === 'lin-kv').map(({ body }) => `${body.type} ${body.key}`);
    expect(asked).toEqual(['cas p/n0', 'cas s/s', 'cas a/a', 'cas a/b', 'cas s/s', 'cas a/b', 'cas s/s']);
    expect(bench.rig.path('s')).toEqual(PATH);
  });

  it('is in the index while it is in progress, and not much longer', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    const work = node.transfer('r', 'a', 'b', 10);
    await bench.rig.pass(4);
    expect(bench.rig.index('n0')).toEqual([['r', expect.stringMatching(/^[0-9a-f]{16}$/)]]);
    expect(bench.rig.saga('r')).toBeUndefined();
    await bench.run(work);
    await bench.rig.pass(500);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('that is repeated gets the same answer: from memory without a message, and from every other node', async () => {
    const bench = new Bench();
    const [node, other] = [bench.begin('n0'), bench.begin('n1')];
    expect(await bench.run(node.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
    expect(await bench.run(node.transfer('poor', 'c', 'b', 1))).toEqual({
      outcome: 'aborted',
      reason: 'insufficient funds',
    });
    await bench.rig.pass(1000);
    bench.rig.putAccount('c', 100, [], 50);
    bench.rig.wire.length = 0;
    expect(await bench.run(node.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
    expect(await bench.run(node.transfer('poor', 'c', 'b', 1))).toEqual({
      outcome: 'aborted',
      reason: 'insufficient funds',
    });
    expect(bench.rig.wire).toEqual([]);
    expect(await bench.run(other.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
    expect(await bench.run(other.transfer('poor', 'c', 'b', 1))).toEqual({
      outcome: 'aborted',
      reason: 'insufficient funds',
    });
    expect(bench.balances).toEqual([90, 10, 100]);
    await bench.rig.pass(1000);
    expect([bench.rig.index('n0'), bench.rig.index('n1')]).toEqual([[], []]);
  });

  it('in another form with the same legs is the same', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.run(node.transfer('r', 'a', 'b', 10));
    const legs = [
      { account: 'a', amount: -10 },
      { account: 'b', amount: 10 },
    ];
    expect(await bench.run(node.move('r', legs))).toEqual(COMMITTED);
    expect(bench.balances).toEqual([90, 10, 0]);
  });

  it.each([1, 2, 4])('on %d nodes at the same time is one saga with one answer', async (count) => {
    const bench = new Bench();
    const ids = Array.from({ length: count }, (_, number) => `n${number}`);
    const nodes = ids.map((id) => bench.begin(id, ids));
    const work = nodes.flatMap((node) => [node.transfer('r', 'a', 'b', 10), node.transfer('r', 'a', 'b', 10)]);
    const answers = await bench.run(Promise.all(work));
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(new Set([JSON.stringify(COMMITTED)]));
    expect(bench.rig.path('r')).toEqual(PATH);
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.balances).toEqual([90, 10, 0]);
    for (const id of ids) expect(bench.rig.index(id)).toEqual([]);
  });
});

describe('another request with the same id', () => {
  it('is refused with 22 and has no effect, from memory and from the record', async () => {
    const bench = new Bench();
    const [node, other] = [bench.begin('n0'), bench.begin('n1')];
    await bench.run(node.transfer('r', 'a', 'b', 10));
    for (const asked of [node, other])
      for (const [to, amount] of [
        ['b', 11],
        ['c', 10],
      ] as const)
        await expect(bench.run(asked.transfer('r', 'a', to, amount))).rejects.toMatchObject({
          code: 22,
          message: expect.stringContaining('request_id r'),
        });
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.balances).toEqual([90, 10, 0]);
    expect(bench.rig.index('n1')).toEqual([]);
  });

  it('on two nodes at the same time is refused on one of them', async () => {
    const bench = new Bench();
    const nodes = NODES.map((id) => bench.begin(id, NODES)) as [SagaNode, SagaNode];
    const work = [watch(nodes[0].transfer('r', 'a', 'b', 10)), watch(nodes[1].transfer('r', 'a', 'c', 20))];
    await bench.rig.pass(SWEEPS_MS);
    const [first, second] = work.map(({ outcome }) => outcome);
    const isFirst = first !== undefined && 'ok' in first;
    expect(isFirst ? first : second).toEqual({ ok: COMMITTED });
    expect(isFirst ? second : first).toMatchObject({ code: 22 });
    expect(bench.balances).toEqual(isFirst ? [90, 10, 0] : [80, 0, 20]);
  });

  it('on one node at the same time is refused, and the first is not disturbed', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    const work = [node.transfer('r', 'a', 'b', 10), node.transfer('r', 'a', 'c', 20)].map(watch);
    await bench.rig.pass(1000);
    expect(work.map(({ outcome }) => outcome)).toEqual([{ ok: COMMITTED }, expect.objectContaining({ code: 22 })]);
    expect(bench.balances).toEqual([90, 10, 0]);
  });

  it('is refused with 22 after the first was fenced off as abandoned', async () => {
    const bench = new Bench();
    bench.rig.put(indexKey('n0'), { sagas: [['r', 'some digest']] });
    const node = bench.begin('n0');
    await expect(bench.run(node.status('r'))).rejects.toMatchObject({ code: 20 });
    await bench.rig.pass(SWEEPS_MS);
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 22 });
    expect(bench.balances).toEqual([100, 0, 0]);
  });

  it('is judged by itself if the first turns out to be invalid', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    const work = [node.transfer('r', 'a', 'missing', 10), node.transfer('r', 'a', 'c', 20)].map(watch);
    await bench.rig.pass(1000);
    expect(work.map(({ outcome }) => outcome)).toEqual([expect.objectContaining({ code: 20 }), { ok: COMMITTED }]);
  });
});

describe('a request that cannot be begun', () => {
  it('is answered 13 when the index cannot be written, and nothing happens', async () => {
    const bench = new Bench();
    const node = bench.begin('n0', NODES);
    const other = bench.begin('n1', NODES);
    await bench.run(other.audit('a'));
    bench.rig.lose((message) => isCas(message, 'p/n0'));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 13, definite: false });
    bench.rig.heal();
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.saga('r')).toBeUndefined();
    expect(bench.balances).toEqual([100, 0, 0]);
  });

  it('is answered 13 when the index does not answer in time, and the late entry begins nothing', async () => {
    const bench = new Bench();
    const node = bench.begin('n0', NODES);
    await bench.run(node.transfer('first', 'a', 'b', 1));
    bench.rig.rule((message) => (isCas(message, 'p/n0') ? [9000] : undefined));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 13 });
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.saga('r')).toMatchObject({ state: 'aborted', reason: 'abandoned' });
    expect(bench.balances).toEqual([99, 1, 0]);
  });

  it('is answered with its error, and leaves neither entry nor record', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await expect(bench.run(node.transfer('r', 'a', 'missing', 10))).rejects.toMatchObject({
      code: 20,
      message: 'there is no account missing',
    });
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.index('n0')).toEqual([]);
    expect(bench.rig.saga('r')).toBeUndefined();
    await bench.run(node.open('missing'));
    expect(await bench.run(node.transfer('r', 'a', 'missing', 10))).toEqual(COMMITTED);
  });

  it('is answered 13 when an account cannot be read, and leaves neither entry nor record', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isRead(message, 'a/b'));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 13 });
    await bench.rig.pass(1500);
    expect(bench.rig.index('n0')).toEqual([]);
    bench.rig.heal();
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.saga('r')).toBeUndefined();
    expect(bench.balances).toEqual([100, 0, 0]);
  });

  it('is answered 13 when the store refuses its record every time, and leaves neither entry nor record', async () => {
    const bench = new Bench();
    const busy = { kind: 'unavailable', error: RpcError.of('temporarily-unavailable') } as const;
    const node = bench.rig.begin('n0', {
      alterStore: (kv) => ({
        name: kv.name,
        read: (key) => kv.read(key),
        replace: async (key, ...change) => (key === sagaKey('r') ? busy : kv.replace(key, ...change)),
      }),
    });
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({
      code: 13,
      message: expect.stringContaining('not known whether r has begun'),
    });
    await bench.rig.pass(500);
    expect(bench.rig.index('n0')).toEqual([]);
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.saga('r')).toBeUndefined();
  });

  it('does not remove the unfinished saga of an earlier request with its id', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/b'));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 13 });
    await expect(bench.run(node.transfer('r', 'a', 'missing', 10))).rejects.toMatchObject({ code: 20 });
    await bench.rig.pass(1000);
    expect(bench.rig.index('n0')).toEqual([['r', expect.anything()]]);
    node.kill();
    bench.rig.heal();
    const other = bench.begin('n1', NODES);
    await bench.run(other.audit('a'));
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.path('r')?.at(-1)).toMatch(/committed|aborted/);
  });

  it('is answered 11 if too many are in progress, and the next one after them is served', async () => {
    const bench = new Bench();
    const limits = { ...SAGA_LIMITS, inFlight: 8 };
    const node = bench.rig.begin('n0', { parts: { limits } });
    bench.rig.lose(({ dest }) => dest === 'lin-kv');
    const work: Watched<unknown>[] = [];
    for (let number = 0; number < limits.inFlight; number++) work.push(watch(node.transfer(`r${number}`, 'a', 'b', 1)));
    await bench.rig.pass(1);
    await expect(node.transfer('one more', 'a', 'b', 1)).rejects.toMatchObject({ code: 11 });
    expect(node.figures).toEqual({ 'in-flight': 8, 'taken-over': 0 });
    // Joining costs no more work.
    const joined = watch(node.transfer('r7', 'a', 'b', 1));
    await bench.rig.pass(12_000);
    for (const { outcome } of [...work, joined]) expect([11, 13]).toContain((outcome as { code: number }).code);
    bench.rig.heal();
    expect(await bench.run(node.transfer('one more', 'a', 'b', 1))).toEqual(COMMITTED);
  });
});

describe('a request whose record', () => {
  it('was created without an answer goes on', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.run(node.transfer('first', 'a', 'b', 1));
    bench.rig.rule(({ src, body }) => {
      const lost = src === 'lin-kv' && body.type === 'cas_ok' && bench.rig.asked('cas', 's/r').length === 1;
      return lost && bench.rig.path('r')?.length === 1 && bench.rig.asked('read', 's/r').length === 0
        ? LOST
        : undefined;
    });
    expect(await bench.run(node.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
    expect(bench.rig.asked('read', 's/r')).toHaveLength(1);
    expect(bench.rig.path('r')).toEqual(PATH);
  });

  it('could not be created is answered 13, and is fenced off by the next sweeps', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 's/r'));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 13, definite: false });
    bench.rig.heal();
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.saga('r')).toMatchObject({ state: 'aborted', reason: 'abandoned' });
    expect(bench.rig.index('n0')).toEqual([]);
    expect(await bench.run(node.transfer('r', 'a', 'b', 10))).toEqual({ outcome: 'aborted', reason: 'abandoned' });
    expect(bench.balances).toEqual([100, 0, 0]);
  });

  it('is created after the answer 13 is finished by the next sweeps', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.rule((message) => (isCas(message, 's/r') && message.body.from === null ? [5500] : undefined));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 13 });
    await bench.rig.pass(LONG_MS);
    const end = bench.rig.saga('r')?.state;
    expect(['committed', 'aborted']).toContain(end);
    expect(bench.balances).toEqual(end === 'committed' ? [90, 10, 0] : [100, 0, 0]);
    expect(bench.rig.index('n0')).toEqual([]);
  });
});

describe('a request that takes long', () => {
  it('is answered 13 after 4 s, goes on, and gets its answer when it is repeated', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.rule(({ src }) => (src === 'lin-kv' ? [900] : undefined));
    const beganMs = bench.rig.time.now();
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({
      code: 13,
      message: expect.stringContaining('r is not finished yet'),
    });
    expect(bench.rig.time.now() - beganMs).toBe(4000);
    expect(bench.rig.saga('r')?.state).not.toBe('committed');
    await bench.rig.pass(4000);
    expect(bench.rig.path('r')).toEqual(PATH);
    expect(await bench.run(node.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
  });

  it('shares its outcome with the requests that join it', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.rule(({ src }) => (src === 'lin-kv' ? [900] : undefined));
    const first = watch(node.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(3000);
    const second = watch(node.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(4000);
    expect([first.outcome, second.outcome]).toEqual([expect.objectContaining({ code: 13 }), { ok: COMMITTED }]);
  });

  it('is answered 13 when a participant does not answer, and is finished later', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/b'));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({
      code: 13,
      message: expect.stringContaining('goes on later'),
    });
    expect(bench.balances[0]).toBe(90);
    bench.rig.heal();
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.path('r')).toEqual(PATH);
    expect(bench.balances).toEqual([90, 10, 0]);
  });

  it('leaves no timer behind when it has its answer', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    await bench.run(node.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(500);
    // The next sweep.
    expect(node.node.load.sleepers).toBe(1);
  });

  it('is answered 13 as soon as its node ends', async () => {
    const bench = new Bench();
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/b'));
    const asked = watch(node.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(100);
    node.node.stop('the end');
    await bench.rig.pass(5);
    expect(asked.outcome).toMatchObject({
      code: 13,
      message: expect.stringContaining('r is not finished yet; it goes on later'),
    });
  });

  it('is never answered 11 while the saga goes on, not even by a node that took it over', async () => {
    const bench = new Bench();
    const node = bench.begin('n0', NODES);
    bench.rig.lose((message) => isCas(message, 'a/b'));
    await expect(bench.run(node.transfer('r', 'a', 'b', 10))).rejects.toMatchObject({ code: 13 });
    const other = bench.begin('n1', NODES);
    await bench.run(other.audit('a'));
    const codes = new Set<number>();
    for (let count = 0; count < 40; count++) {
      const asked = watch(other.transfer('r', 'a', 'b', 10));
      await bench.rig.pass(4100);
      codes.add((asked.outcome as { code: number }).code);
    }
    expect(codes).toEqual(new Set([13]));
    bench.rig.heal();
    await bench.rig.pass(SWEEPS_MS);
    expect(await bench.run(other.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
  });
});

describe('a request that joins the saga of another node', () => {
  /** A saga begun by its node, whose next compare-and-set of an account never arrives. */
  async function begun(): Promise<{ bench: Bench; first: SagaNode; joiner: SagaNode }> {
    const bench = new Bench();
    const first = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/', 'n0'));
    first.transfer('r', 'a', 'b', 10).catch(() => {});
    await bench.rig.pass(50);
    expect(bench.rig.path('r')).toEqual(['running 0']);
    return { bench, first, joiner: bench.begin('n1') };
  }

  it('waits for it while it moves', async () => {
    const bench = new Bench();
    const [first, joiner] = [bench.begin('n0'), bench.begin('n1')];
    bench.rig.rule(({ src, dest }) => (src === 'lin-kv' && dest === 'n0' ? [300] : undefined));
    const begun = watch(first.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(700);
    expect(bench.rig.path('r')).toEqual(['running 0']);
    expect(await bench.run(joiner.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
    await bench.rig.pass(1000);
    expect(begun.outcome).toEqual({ ok: COMMITTED });
    expect(bench.rig.asked('cas', 'a/', 'n1')).toEqual([]);
    expect(bench.rig.asked('cas', 's/r', 'n1')).toHaveLength(1);
  });

  it('takes it over when it has not moved for a second, in which it reads it every 50 ms', async () => {
    const { bench, first, joiner } = await begun();
    first.kill();
    bench.rig.rule(() => [0]);
    const beganMs = bench.rig.time.now();
    const asked = joiner.transfer('r', 'a', 'b', 10);
    await bench.rig.pass(500);
    // Now the node reads an account again. It must not look at the saga once more for that.
    bench.rig.putAccount('a', 100, [], 7);
    expect(await bench.run(joiner.transfer('between', 'a', 'b', 1))).toEqual(COMMITTED);
    expect(await bench.run(asked)).toEqual(COMMITTED);
    expect(bench.rig.time.now() - beganMs).toBe(1000);
    expect(bench.rig.asked('read', 's/r', 'n1')).toHaveLength(1 + 20);
    expect(bench.rig.saga('r')?.history.map(({ node }) => node)).toEqual(['n0', 'n1', 'n1']);
    expect(bench.balances).toEqual([89, 11, 0]);
  });

  it('waits for it even if its own node began it, in an earlier life', async () => {
    const { bench, first } = await begun();
    first.kill();
    const { history, ...record } = bench.rig.saga('r') as SagaRecord;
    const move = { state: 'compensating', at: 1 } as const;
    const moved = { ...record, ...move, history: [...history, { ...(history[0] as Transition), ...move, node: 'n1' }] };
    bench.rig.put(sagaKey('r'), moved, 2);
    const beganMs = bench.rig.time.now();
    bench.rig.heal();
    expect(await bench.run(bench.begin('n0').transfer('r', 'a', 'b', 10))).toMatchObject({ outcome: 'aborted' });
    expect(bench.rig.time.now() - beganMs).toBeGreaterThanOrEqual(1000);
    expect(bench.balances).toEqual([100, 0, 0]);
  });

  it('is answered 13 as soon as its own node ends', async () => {
    const { bench, joiner } = await begun();
    const asked = watch(joiner.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(200);
    joiner.node.stop('the end');
    await bench.rig.pass(1);
    expect(asked.outcome).toMatchObject({ code: 13, message: expect.stringContaining('about to end') });
  });

  it('gets 22 for another request, after waiting for its end at most', async () => {
    const { bench, joiner } = await begun();
    await expect(bench.run(joiner.transfer('r', 'a', 'c', 10))).rejects.toMatchObject({ code: 22 });
    expect(bench.balances).toEqual([90, 10, 0]);
  });

  it('of a node that is slow and not dead does nothing twice', async () => {
    const { bench, first, joiner } = await begun();
    expect(await bench.run(joiner.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
    bench.rig.heal();
    expect(await bench.run(first.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.balances).toEqual([90, 10, 0]);
    expect(bench.rig.path('r')).toEqual(PATH);
  });
});

describe('a node that slept while others finished its saga', () => {
  it.each<[string, string, number]>([
    ['before it took money', 'a/a', 1],
    ['before it promised', 'a/b', 1],
    ['before the pivot', 's/r', 2],
    ['before it gave money', 'a/b', 2],
    ['before the end', 's/r', 3],
  ])('%s resumes and does nothing twice, with the marks present or removed', async (_, key, count) => {
    const bench = new Bench();
    const slow = bench.sleeper('n0', NODES);
    const other = bench.begin('n1', NODES);
    await bench.run(other.audit('a'));
    let seen = 0;
    bench.rig.rule((message) => (isCas(message, key, 'n0') && ++seen === count ? [12_000] : undefined));
    const asked = watch(slow.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(6000);
    expect(asked.outcome).toMatchObject({ code: 13 });
    expect(bench.rig.saga('r')).toMatchObject({ state: 'committed' });
    // Far enough that the accounts have forgotten the transfer.
    for (let number = 0; number < 20; number++) {
      await bench.run(other.transfer(`to ${number}`, 'a', 'b', 1));
      await bench.run(other.transfer(`from ${number}`, 'b', 'a', 1));
    }
    expect(JSON.stringify(bench.rig.account('a')?.marks)).not.toContain('"r"');
    expect(bench.balances).toEqual([90, 10, 0]);
    await bench.rig.pass(LONG_MS);
    expect(bench.balances).toEqual([90, 10, 0]);
    expect(bench.rig.path('r')).toEqual(PATH);
    expect(await bench.run(slow.transfer('r', 'a', 'b', 10))).toEqual(COMMITTED);
  });
});

describe('an account with many marks', () => {
  /** Ten sagas that left marks on account `a`, with records in this state, listed in no index that is swept. */
  function marked(state: SagaState): Bench {
    const bench = new Bench();
    const ids = Array.from({ length: 10 }, (_, number) => `old-${number}`);
    const legs = [
      { account: 'a', amount: -1 },
      { account: 'b', amount: 1 },
    ];
    for (const id of ids) bench.rig.putTransfer(id, legs, state, 0, 'gone');
    bench.rig.putAccount(
      'a',
      100,
      ids.map((id) => [id, 0, 'applied', 0]),
    );
    return bench;
  }

  const endedIn = (bench: Bench) =>
    bench.rig
      .account('a')
      ?.marks.filter((mark) => mark[0].startsWith('old') && isEnded(mark))
      .map(([id]) => id);

  it('loses those of sagas that other nodes have finished; one that cannot be read is looked up later', async () => {
    const bench = marked('committed');
    const node = bench.begin('n0');
    await bench.run(node.transfer('first', 'a', 'c', 1));
    await bench.rig.pass(2500);
    bench.rig.lose((message) => isRead(message, 's/old-0'));
    await bench.run(node.transfer('second', 'a', 'c', 1));
    await bench.rig.pass(6000);
    bench.rig.heal();
    await bench.run(node.transfer('third', 'a', 'c', 1));
    expect(endedIn(bench)).toEqual(Array.from({ length: 9 }, (_, number) => `old-${number + 1}`));
    await bench.rig.pass(2500);
    await bench.run(node.transfer('fourth', 'a', 'c', 1));
    await bench.rig.pass(100);
    await bench.run(node.transfer('fifth', 'a', 'c', 1));
    expect(endedIn(bench)).toContain('old-0');
  });

  it('keeps those of unfinished sagas, and the node does not look up its own', async () => {
    const bench = marked('running');
    const node = bench.begin('n0');
    bench.rig.lose((message) => isCas(message, 'a/b'));
    const asked = watch(node.transfer('r', 'a', 'b', 10));
    await bench.rig.pass(2500);
    const readMs = bench.rig.times((message) => isRead(message, 's/old'));
    await bench.run(node.transfer('second', 'a', 'c', 1));
    await bench.rig.pass(100);
    expect(asked.outcome).toBeUndefined();
    // One after the other.
    expect(readMs.map((timeMs) => timeMs - (readMs[0] as number))).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    expect(bench.rig.asked('read', 's/r')).toEqual([]);
    await bench.run(node.transfer('third', 'a', 'c', 1));
    expect(endedIn(bench)).toEqual([]);
  });
});
