/** Participants by name, and what a node remembers of them and of finished sagas. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { NodeContext } from '../../src/node/context.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { FinishedSagas } from '../../src/saga/finished-sagas.ts';
import { SAGA_LIMITS } from '../../src/saga/limits.ts';
import type { Participants } from '../../src/saga/participants.ts';
import { plannedKind, type Turn } from '../../src/saga/plan.ts';
import { Engine, SagaRig } from '../support/saga-rig.ts';

const Count = z.object({ count: z.int() });
type Count = z.infer<typeof Count>;

class Bench {
  readonly rig = new SagaRig();
  /** Time that the monotonic clock of the node has not counted. */
  sleptMs = 0;
  readonly engine = new Engine(this.#awake(this.rig.life('n0').context));
  readonly counts: Participants<Count>;

  constructor(limits = SAGA_LIMITS) {
    this.counts = this.engine.participants({ name: 'count', schema: Count, keyOf: (name) => `c/${name}`, limits });
  }

  #awake(context: NodeContext): NodeContext {
    const { clock } = context;
    return { ...context, clock: { ...clock, wallMs: () => clock.wallMs() + this.sleptMs } };
  }

  turn(saga: string): Turn {
    const observedAt = this.engine.order.next();
    return { saga, step: 0, compensable: true, observedAt, observe: async () => this.engine.order.next() };
  }

  begin(name: string, saga: string) {
    const step = this.counts.step(name, { act: (content) => ({ count: (content?.count ?? 0) + 1 }) });
    return step.act(this.turn(saga));
  }

  act(name: string, saga: string) {
    return this.rig.run(this.begin(name, saga));
  }

  stored(name: string) {
    return this.rig.stored<{ content: Count | null }>(`c/${name}`);
  }
}

describe('participants', () => {
  it('are changed each by itself', async () => {
    const bench = new Bench();
    for (const [name, saga] of [
      ['a', 's'],
      ['b', 's'],
      ['a', 't'],
    ] as const)
      expect(await bench.act(name, saga)).toBe('done');
    expect([bench.stored('a'), bench.stored('b')]).toMatchObject([
      { content: { count: 2 } },
      { content: { count: 1 } },
    ]);
  });

  it('have steps that can be undone if they declare an undo', async () => {
    const bench = new Bench();
    const act = ({ count } = { count: 0 }) => ({ count: count + 5 });
    expect(bench.counts.step('a', { act })).not.toHaveProperty('undo');
    const step = bench.counts.step('a', { act, undo: ({ count }) => ({ count: count - 5 }) });
    await bench.rig.run(step.act(bench.turn('s')));
    expect(await bench.rig.run(step.undo?.(bench.turn('s')) as Promise<unknown>)).toBe('done');
    expect(bench.stored('a')).toMatchObject({ content: { count: 0 } });
  });

  it('are remembered once they exist, and read again until then', async () => {
    const bench = new Bench();
    expect(await bench.rig.run(bench.counts.peek('a'))).toBeUndefined();
    bench.rig.put('c/a', { content: { count: 7 }, marks: [] });
    expect(await bench.rig.run(bench.counts.peek('a'))).toEqual({ count: 7 });
    await bench.act('a', 's');
    bench.rig.wire.length = 0;
    expect(await bench.rig.run(bench.counts.peek('a'))).toEqual({ count: 8 });
    expect(bench.rig.wire).toEqual([]);
  });

  it('are read again if what is remembered may be too old, and a change of the own proves it anew', async () => {
    const bench = new Bench();
    bench.rig.put('c/a', { content: { count: 7 }, marks: [] });
    expect(await bench.rig.run(bench.counts.peek('a'))).toEqual({ count: 7 });
    await bench.rig.pass(500);
    bench.rig.put('c/a', { content: { count: 70 }, marks: [] }, 2);
    expect(await bench.rig.run(bench.counts.peek('a', 1000))).toEqual({ count: 7 });
    await bench.rig.pass(600);
    expect(await bench.rig.run(bench.counts.peek('a', 1000))).toEqual({ count: 70 });
    await bench.rig.pass(900);
    await bench.act('a', 's');
    await bench.rig.pass(900);
    bench.rig.wire.length = 0;
    expect(await bench.rig.run(bench.counts.peek('a', 1000))).toEqual({ count: 71 });
    expect(bench.rig.wire).toEqual([]);
  });

  it('are read again after the machine was asleep, although the monotonic clock stood still', async () => {
    const bench = new Bench();
    bench.rig.put('c/a', { content: { count: 7 }, marks: [] });
    await bench.rig.run(bench.counts.peek('a'));
    bench.rig.put('c/a', { content: { count: 70 }, marks: [] }, 2);
    bench.sleptMs = 1001;
    expect(await bench.rig.run(bench.counts.peek('a', 1000))).toEqual({ count: 70 });
  });

  it('can be changed without a saga, and marks stay', async () => {
    const bench = new Bench();
    await bench.act('a', 's');
    const set = (count: number) =>
      bench.rig.run(
        bench.counts.update('a', (own) => (own.content?.count === count ? undefined : { ...own, content: { count } })),
      );
    expect(await set(5)).toMatchObject({ kind: 'ok', stored: { content: { content: { count: 5 } } } });
    expect(bench.stored('a')).toMatchObject({ marks: [['s', 0, 'applied', 0]] });
    const refused = bench.counts.create('a', () => {
      throw RpcError.of('key-already-exists', 'no');
    });
    expect(await bench.rig.run(refused)).toMatchObject({ kind: 'definite', error: { code: 21 } });
    // The desk does not know this yet, and finds out.
    expect(await bench.act('a', 't')).toBe('done');
    expect((await bench.rig.run(bench.counts.read('a'))).content?.content).toEqual({ count: 6 });
  });

  it('in great numbers are forgotten, and found again', async () => {
    const bench = new Bench();
    const names = Array.from({ length: 10_050 }, (_, number) => `x${number}`);
    bench.rig.put('c/x0', { content: { count: 1 }, marks: [] });
    for (let index = 0; index < names.length; index += 1000)
      await bench.rig.run(Promise.all(names.slice(index, index + 1000).map((name) => bench.counts.peek(name))));
    bench.rig.wire.length = 0;
    expect(await bench.rig.run(bench.counts.peek('x0'))).toEqual({ count: 1 });
    expect(bench.rig.requests('read')).toHaveLength(1);
  });
});

describe('a node that remembers four participants', () => {
  const LIMITS = { ...SAGA_LIMITS, desks: 4 };

  function begin(): Bench {
    const bench = new Bench(LIMITS);
    for (const name of 'abcdef') bench.rig.put(`c/${name}`, { content: { count: 1 }, marks: [] });
    return bench;
  }

  /** The participants that are read when these are looked at, one after the other. */
  async function readFor(bench: Bench, names: string): Promise<string> {
    bench.rig.wire.length = 0;
    for (const name of names) await bench.rig.run(bench.counts.peek(name));
    return bench.rig
      .requests('read')
      .map(({ key }) => key.slice(2))
      .join('');
  }

  it('forgets the older two with the fifth', async () => {
    const bench = begin();
    expect(await readFor(bench, 'abcda')).toBe('abcd');
    expect(await readFor(bench, 'ecde')).toBe('e');
    expect(await readFor(bench, 'ab')).toBe('ab');
  });

  it('does not forget one on which a step is being taken, or which is being read', async () => {
    const bench = begin();
    await readFor(bench, 'a');
    bench.rig.next('cas', [100]).next('read', [100]);
    const step = bench.begin('a', 's');
    const look = bench.counts.peek('b');
    expect(await readFor(bench, 'cde')).toBe('cde');
    expect(await bench.rig.run(Promise.all([step, look]))).toEqual(['done', { count: 1 }]);
    expect(await readFor(bench, 'abe')).toBe('');
    expect(await readFor(bench, 'cd')).toBe('cd');
  });
});

describe('finished sagas', () => {
  it('are known until too many others come, and the oldest are forgotten', () => {
    const finished = new FinishedSagas();
    for (let number = 0; number < 20_000; number++) finished.add(`s${number}`);
    finished.add('s0');
    expect([finished.has('s0'), finished.has('s19999'), finished.has('other')]).toEqual([true, true, false]);
    finished.add('one more');
    expect([finished.has('s0'), finished.has('s1'), finished.has('one more')]).toEqual([false, true, true]);
  });
});

describe('a kind of saga', () => {
  it('has a plan for its input, and none for anything else', () => {
    const kind = plannedKind({
      name: 'k',
      input: Count,
      plan: ({ count }) => ({ stages: Array.from({ length: count }, () => []), pivot: 1 }),
    });
    expect(kind.planOf({ count: 3 }).stages).toHaveLength(3);
    expect(() => kind.planOf({ count: 'three' })).toThrow();
  });
});
