/**
 * How steps of sagas reach one participant: in groups, from a known version, and once, from any node and at any delay.
 */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Documents } from '../../src/kv/documents.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { LinearizableStore, StoreReplace } from '../../src/kv/store.ts';
import type { NodeContext } from '../../src/node/context.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import type { Action } from '../../src/saga/compose.ts';
import { FinishedSagas } from '../../src/saga/finished-sagas.ts';
import { SAGA_LIMITS } from '../../src/saga/limits.ts';
import {
  GRACE_VERSIONS,
  isEnded,
  MARKING,
  type Mark,
  type Marking,
  type ParticipantRecord,
  participantSchema,
} from '../../src/saga/marks.ts';
import { ParticipantDesk } from '../../src/saga/participant-desk.ts';
import { Order, Refusal, type StepOutcome, type Turn } from '../../src/saga/plan.ts';
import { createFates, isCas, LONG_MS, SagaRig, watch } from '../support/saga-rig.ts';
import { LATENCY_MS, LOST } from '../support/store-rig.ts';

const KEY = 'sum';
const Sum = z.object({ sum: z.int() });
type Sum = z.infer<typeof Sum>;
const MARKS_MAX = SAGA_LIMITS.marks;

const add =
  (amount: number): Action<Sum> =>
  (content) => ({ sum: (content?.sum ?? 0) + amount });

const takeOut =
  (amount: number): Action<Sum> =>
  (content) =>
    content === undefined || content.sum < amount ? new Refusal('too little') : { sum: content.sum - amount };

interface DeskOptions {
  readonly deadlineMs?: number;
  readonly marking?: Marking;
  /** A store other than lin-kv. */
  readonly alterStore?: (kv: LinearizableStore) => LinearizableStore;
}

interface TakeOptions extends Partial<Pick<Turn, 'compensable' | 'observedAt'>> {
  readonly step?: number;
  readonly change?: Action<Sum>;
}

/** The sagas: only whether they are finished. Look-ups get the truth, and are counted. */
class Bench {
  readonly rig = new SagaRig();
  readonly over = new Set<string>();
  readonly observed: string[] = [];

  desk(nodeId: string, options: DeskOptions = {}): BenchDesk {
    return new BenchDesk(this, this.rig.life(nodeId).context, options);
  }

  put(sum: number, marks: readonly Mark[] = [], ver = 1): void {
    this.rig.put(KEY, { content: { sum }, marks }, ver);
  }

  get stored() {
    return this.rig.stored<ParticipantRecord<Sum>>(KEY);
  }

  get sum(): number | undefined {
    return this.stored?.content?.sum;
  }

  markOf(saga: string, step = 0): Mark | undefined {
    return MARKING.find(this.stored?.marks ?? [], saga, step);
  }
}

class BenchDesk {
  readonly order = new Order();
  readonly finished = new FinishedSagas();
  readonly desk: ParticipantDesk<Sum>;
  readonly #bench: Bench;

  constructor(
    bench: Bench,
    context: NodeContext,
    { deadlineMs, marking = MARKING, alterStore = (kv) => kv }: DeskOptions,
  ) {
    this.#bench = bench;
    const kv = alterStore(new LinKvStore(context, deadlineMs === undefined ? {} : { deadlineMs }));
    this.desk = new ParticipantDesk({
      context,
      documents: new Documents({ kv, context, name: 'sum', schema: participantSchema(Sum) }),
      key: KEY,
      marking,
      limits: SAGA_LIMITS,
      stepMs: 3000,
      order: this.order,
      finished: this.finished,
      lookUp: async (saga) => {
        if (bench.over.has(saga)) this.finished.add(saga);
      },
    });
  }

  /** Begins a step of a saga that is not finished as far as its driver knows. */
  begin(saga: string, what: 'act' | 'undo', options: TakeOptions = {}): Promise<StepOutcome> {
    const { step = 0, change = what === 'act' ? add(1) : add(-1), compensable = true } = options;
    const { observedAt = this.order.next() } = options;
    const observe = async () => {
      const at = this.order.next();
      this.#bench.observed.push(saga);
      return this.#bench.over.has(saga) ? undefined : at;
    };
    return this.desk.take({ saga, step, compensable, observedAt, observe }, what, change);
  }

  act(saga: string, options?: TakeOptions): Promise<StepOutcome> {
    return this.#bench.rig.run(this.begin(saga, 'act', options));
  }

  undo(saga: string, options?: TakeOptions): Promise<StepOutcome> {
    return this.#bench.rig.run(this.begin(saga, 'undo', options));
  }

  /** Takes a step of a saga and marks the saga as finished, known to this node. */
  async finish(saga: string): Promise<void> {
    expect(await this.act(saga)).toBe('done');
    this.#bench.over.add(saga);
    this.finished.add(saga);
  }

  /** Advances by so many versions, with new sagas. */
  async advance(versions: number, prefix = 'other'): Promise<void> {
    for (let count = 0; count < versions; count++) await this.finish(`${prefix} ${count}`);
  }
}

function marksOf(count: number, prefix = 'old'): Mark[] {
  return Array.from({ length: count }, (_, number) => [`${prefix} ${number}`, 0, 'applied', 0]);
}

/** A desk whose first `count` writes fail with `failure`, and the times of its writes, ms. */
function deskThatFails(bench: Bench, count: number, failure: StoreReplace) {
  const sentMs: number[] = [];
  const desk = bench.desk('n0', {
    alterStore: (kv) => ({
      name: kv.name,
      read: (key) => kv.read(key),
      replace: async (key, from, text) => {
        sentMs.push(bench.rig.time.now());
        return sentMs.length <= count ? failure : kv.replace(key, from, text);
      },
    }),
  });
  return { desk, sentMs };
}

describe('steps that wait', () => {
  it('are taken together with one compare-and-set', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    const work = Array.from({ length: 50 }, (_, number) => desk.begin(`s${number}`, 'act'));
    expect(new Set(await bench.rig.run(Promise.all(work)))).toEqual(new Set(['done']));
    // The first is alone, since no other step waits yet.
    expect(bench.rig.asked('cas', KEY)).toHaveLength(2);
    expect(bench.rig.asked('read', KEY)).toHaveLength(1);
    expect(bench.sum).toBe(50);
    expect(bench.stored?.marks).toHaveLength(50);
  });

  it('see the effect of those before them: of two that want the last item one is refused', async () => {
    const bench = new Bench();
    bench.put(10);
    const desk = bench.desk('n0');
    const work = [7, 7, 3, 1].map((amount, number) => desk.begin(`s${number}`, 'act', { change: takeOut(amount) }));
    const [, ...rest] = await bench.rig.run(Promise.all(work));
    expect(rest).toEqual([new Refusal('too little'), 'done', new Refusal('too little')]);
    expect(bench.sum).toBe(0);
  });

  it('that are the same count as one: the effect is there once, and both are answered', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    const work = [desk.begin('first', 'act'), desk.begin('s', 'act'), desk.begin('s', 'act')];
    expect(await bench.rig.run(Promise.all(work))).toEqual(['done', 'done', 'done']);
    expect(bench.sum).toBe(2);
    expect(bench.stored?.marks).toHaveLength(2);
  });

  it('together with their undoing do not hide the effect behind a tombstone', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    const work = [desk.begin('first', 'act'), desk.begin('s', 'act'), desk.begin('s', 'undo')];
    expect(await bench.rig.run(Promise.all(work))).toEqual(['done', 'done', 'done']);
    expect(bench.sum).toBe(1);
    expect(bench.markOf('s')).toEqual(['s', 0, 'undone', 0]);
  });

  it('continue when one of them could not be judged', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    const broken = () => {
      throw new TypeError('a mistake');
    };
    const work = [desk.begin('a', 'act'), desk.begin('b', 'act', { change: broken })].map(watch);
    await bench.rig.pass(100);
    expect(work.map(({ outcome }) => outcome)).toEqual([
      { ok: 'done' },
      { code: 13, message: expect.stringContaining('a mistake') },
    ]);
    expect(await desk.act('c')).toBe('done');
  });
});

describe('a step without contention', () => {
  it('costs one compare-and-set and its reply, without a look-up of its saga', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    await desk.act('first');
    bench.rig.wire.length = 0;
    bench.observed.length = 0;
    for (let count = 0; count < 3 * GRACE_VERSIONS; count++) await desk.act(`s${count}`);
    expect(bench.rig.wire.map(({ body }) => body.type)).toEqual(
      Array.from({ length: 3 * GRACE_VERSIONS }, () => ['cas', 'cas_ok']).flat(),
    );
    expect(bench.observed).toEqual([]);
  });

  it('reads the saga once when the participant was not known before', async () => {
    const bench = new Bench();
    await bench.desk('n0').act('s');
    expect(bench.observed).toEqual(['s']);
  });

  it('reads the saga once when it was last seen before the participant was', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    const observedAt = desk.order.next();
    await desk.act('first');
    await desk.act('s', { observedAt });
    expect(bench.observed).toEqual(['first', 's']);
  });

  it('is visible to a reader of the remembered version', async () => {
    const bench = new Bench();
    bench.put(5);
    const desk = bench.desk('n0');
    const looks = [desk.desk.peek(), desk.desk.peek()];
    expect(await bench.rig.run(Promise.all(looks))).toMatchObject([{ content: { sum: 5 } }, { content: { sum: 5 } }]);
    await desk.act('s');
    expect(await desk.desk.peek()).toMatchObject({ content: { sum: 6 } });
    expect(bench.rig.asked('read', KEY)).toHaveLength(1);
    expect(desk.desk.idle).toBe(true);
  });
});

describe('a compare-and-set without an answer', () => {
  it('that was carried out is found by its mark', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    bench.rig.next('cas_ok', LOST);
    expect(await desk.act('s')).toBe('done');
    expect(bench.sum).toBe(1);
    expect(bench.rig.asked('cas', KEY)).toHaveLength(1);
  });

  it('for which the store was unavailable is sent again, after a pause', async () => {
    const bench = new Bench();
    const away = { kind: 'unavailable', error: RpcError.of('temporarily-unavailable') } as const;
    const { desk, sentMs } = deskThatFails(bench, 1, away);
    bench.put(5);
    expect(await desk.act('a')).toBe('done');
    expect([bench.sum, sentMs.length]).toEqual([6, 2]);
    // A read takes the time of two messages. The rest was the pause.
    expect((sentMs[1] as number) - (sentMs[0] as number)).toBeGreaterThan(2 * LATENCY_MS);
  });

  it('that lost a race is sent again at once, and the next times after a pause', async () => {
    const bench = new Bench();
    const lost = { kind: 'refused', error: RpcError.of('precondition-failed') } as const;
    const { desk, sentMs } = deskThatFails(bench, 11, lost);
    bench.put(5);
    expect(await desk.act('a')).toBe('done');
    const [first, ...later] = sentMs.slice(1).map((timeMs, index) => timeMs - (sentMs[index] as number));
    // A read takes the time of two messages.
    expect(first).toBe(2 * LATENCY_MS);
    for (const gapMs of later) {
      expect(gapMs).toBeGreaterThan(2 * LATENCY_MS);
      expect(gapMs).toBeLessThanOrEqual(2 * LATENCY_MS + 20);
    }
  });

  it('that was lost is sent again', async () => {
    const bench = new Bench();
    bench.rig.next('cas', LOST);
    expect(await bench.desk('n0').act('s')).toBe('done');
    expect(bench.sum).toBe(1);
    expect(bench.rig.asked('cas', KEY)).toHaveLength(2);
  });

  it('that arrives after it was sent again has no effect', async () => {
    const bench = new Bench();
    bench.rig.next('cas', [2500]);
    expect(await bench.desk('n0').act('s')).toBe('done');
    await bench.rig.pass(LONG_MS);
    expect(bench.stored).toMatchObject({ content: { sum: 1 }, ver: 1 });
  });

  it('that arrives twice counts once', async () => {
    const bench = new Bench();
    bench.rig.next('cas', [20, 1]);
    expect(await bench.desk('n0').act('s')).toBe('done');
    await bench.rig.pass(LONG_MS);
    expect(bench.stored).toMatchObject({ content: { sum: 1 }, ver: 1 });
  });

  it('whose second copy was refused is found by its mark', async () => {
    const bench = new Bench();
    bench.rig.next('cas', [1, 1]).next('cas_ok', LOST);
    expect(await bench.desk('n0').act('s')).toBe('done');
    expect(bench.stored).toMatchObject({ content: { sum: 1 }, ver: 1 });
  });

  it('ends with error 11 after 3 s, and leaves nothing that could not be undone', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    bench.rig.lose((message) => isCas(message, KEY));
    const beganMs = bench.rig.time.now();
    await expect(desk.act('s')).rejects.toMatchObject({ code: 11, message: expect.stringContaining(KEY) });
    expect(bench.rig.time.now() - beganMs).toBeGreaterThanOrEqual(3000);
    expect(bench.rig.time.now() - beganMs).toBeLessThan(4500);
    bench.rig.heal();
    expect(await desk.undo('s')).toBe('done');
    expect(bench.stored).toMatchObject({ content: null, marks: [['s', 0, 'undone', 0]] });
  });

  it('of an unreadable participant is not sent: error 11, and the next step is not held up', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    bench.rig.lose(({ body }) => body.type === 'read');
    await expect(desk.act('s')).rejects.toMatchObject({ code: 11 });
    expect(bench.rig.asked('cas', KEY)).toEqual([]);
    bench.rig.heal();
    expect(await desk.act('s')).toBe('done');
  });

  it('is not sent when the saga cannot be read', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    const observe = async () => {
      throw new Error('away');
    };
    const turn = { saga: 's', step: 0, compensable: true, observedAt: 0, observe };
    await expect(bench.rig.run(desk.desk.take(turn, 'act', add(1)))).rejects.toThrow('away');
    expect(bench.rig.asked('cas', KEY)).toEqual([]);
  });
});

describe('a refusal', () => {
  it('is based on a version read after the step came, not on the remembered one', async () => {
    const bench = new Bench();
    bench.put(0);
    const [slow, other] = [bench.desk('n0'), bench.desk('n1')];
    await slow.act('look', { change: takeOut(0) });
    await other.act('gift', { change: add(100) });
    expect(await slow.act('s', { change: takeOut(100) })).toBe('done');
    expect(bench.sum).toBe(0);
  });

  it('from memory costs one read', async () => {
    const bench = new Bench();
    bench.put(0);
    const desk = bench.desk('n0');
    await desk.act('look', { change: takeOut(0) });
    bench.rig.wire.length = 0;
    const beganMs = bench.rig.time.now();
    expect(await desk.act('s', { change: takeOut(1) })).toEqual(new Refusal('too little'));
    expect(bench.rig.wire.map(({ body }) => body.type)).toEqual(['read', 'read_ok']);
    // It waits for nothing else, and the next step needs no other reading.
    expect(bench.rig.time.now() - beganMs).toBe(2 * LATENCY_MS);
    expect(bench.markOf('s')).toBeUndefined();
    await desk.act('t', { change: takeOut(0) });
    expect(bench.rig.wire.map(({ body }) => body.type)).toEqual(['read', 'read_ok', 'cas', 'cas_ok']);
    expect(bench.rig.time.now() - beganMs).toBe(4 * LATENCY_MS);
  });

  it('is not based on a read that was in flight when the step came', async () => {
    const bench = new Bench();
    bench.put(0);
    const [slow, other] = [bench.desk('n0'), bench.desk('n1')];
    bench.rig.next('read_ok', [500]);
    const look = slow.desk.peek();
    await bench.rig.pass(10);
    await other.act('gift', { change: add(100) });
    const step = slow.begin('s', 'act', { change: takeOut(100) });
    expect(await bench.rig.run(step)).toBe('done');
    expect((await look).content).toEqual({ sum: 0 });
  });

  it('is proven by the compare-and-set of the group in which it was judged', async () => {
    const bench = new Bench();
    bench.put(5);
    const desk = bench.desk('n0');
    await desk.act('look', { change: takeOut(0) });
    bench.rig.wire.length = 0;
    const work = [desk.begin('a', 'act', { change: takeOut(1) })];
    work.push(desk.begin('b', 'act', { change: takeOut(1) }), desk.begin('c', 'act', { change: takeOut(9) }));
    expect(await bench.rig.run(Promise.all(work))).toEqual(['done', 'done', new Refusal('too little')]);
    expect(bench.rig.asked('read', KEY)).toEqual([]);
  });

  it('may change when that compare-and-set came too late', async () => {
    const bench = new Bench();
    bench.put(5);
    const [slow, other] = [bench.desk('n0'), bench.desk('n1')];
    await slow.act('look', { change: takeOut(0) });
    await other.act('gift', { change: add(100) });
    const work = [slow.begin('x', 'act')];
    work.push(slow.begin('a', 'act', { change: takeOut(1) }), slow.begin('b', 'act', { change: takeOut(50) }));
    expect(await bench.rig.run(Promise.all(work))).toEqual(['done', 'done', 'done']);
  });
});

describe('undoing', () => {
  it('takes back what was done, once', async () => {
    const bench = new Bench();
    const [one, two] = [bench.desk('n0'), bench.desk('n1')];
    await one.act('s', { change: add(7) });
    const undos = [one.begin('s', 'undo', { change: add(-7) }), two.begin('s', 'undo', { change: add(-7) })];
    expect(await bench.rig.run(Promise.all(undos))).toEqual(['done', 'done']);
    expect(await one.undo('s', { change: add(-7) })).toBe('done');
    expect(bench.sum).toBe(0);
    expect(bench.markOf('s')).toEqual(['s', 0, 'undone', 0]);
  });

  it('of a step that was never taken leaves a tombstone, and the late step is not taken', async () => {
    const bench = new Bench();
    bench.put(1);
    const [slow, other] = [bench.desk('n0', { deadlineMs: 60_000 }), bench.desk('n1')];
    bench.rig.rule((message) => (isCas(message, KEY, 'n0') ? [800] : undefined));
    const late = slow.begin('s', 'act');
    await bench.rig.pass(50);
    expect(await other.undo('s')).toBe('done');
    expect(bench.stored).toMatchObject({ content: { sum: 1 }, marks: [['s', 0, 'undone', 0]] });
    expect(await bench.rig.run(late)).toBe('overtaken');
    expect(bench.sum).toBe(1);
  });

  it('leaves a tombstone even without a participant', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    expect(await desk.undo('s')).toBe('done');
    expect(bench.stored).toMatchObject({ content: null, marks: [['s', 0, 'undone', 0]] });
    expect(await desk.act('s')).toBe('overtaken');
    expect(bench.stored?.content).toBeNull();
  });

  it('without tombstones does nothing, which mutants use', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0', { marking: { ...MARKING, tombstones: false } });
    expect(await desk.undo('s')).toBe('done');
    expect(bench.stored).toBeUndefined();
  });

  it('of a finished saga is overtaken', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    await desk.finish('s');
    expect(await desk.undo('s')).toBe('overtaken');
    expect(await bench.desk('n1').undo('s')).toBe('overtaken');
    expect(bench.sum).toBe(1);
  });
});

describe('the step of a saga that others have finished', () => {
  /** A node that reads the participant, sees the saga unfinished, and whose compare-and-set then takes 800 ms. */
  async function sleeping(): Promise<{ bench: Bench; other: BenchDesk; late: Promise<StepOutcome> }> {
    const bench = new Bench();
    bench.put(0);
    const [slow, other] = [bench.desk('n0', { deadlineMs: 60_000 }), bench.desk('n1')];
    bench.rig.rule((message) => (isCas(message, KEY, 'n0') ? [800] : undefined));
    const late = slow.begin('s', 'act');
    await bench.rig.pass(50);
    expect(bench.rig.asked('cas', KEY, 'n0')).toHaveLength(1);
    bench.observed.length = 0;
    return { bench, other, late };
  }

  it('is overtaken by the ended mark, without another look-up', async () => {
    const { bench, other, late } = await sleeping();
    await other.finish('s');
    await other.advance(2);
    expect(bench.markOf('s')).toEqual(['s', 0, 'applied', expect.any(Number)]);
    expect(isEnded(bench.markOf('s') as Mark)).toBe(true);
    bench.observed.length = 0;
    expect(await bench.rig.run(late)).toBe('overtaken');
    expect(bench.observed).toEqual([]);
    expect(bench.sum).toBe(3);
  });

  it.each([GRACE_VERSIONS + 1, GRACE_VERSIONS + 2, 3 * GRACE_VERSIONS])(
    'is not taken a second time when its mark was removed meanwhile, %d versions later',
    async (versions) => {
      const { bench, other, late } = await sleeping();
      await other.finish('s');
      await other.advance(versions);
      expect(bench.markOf('s')).toBeUndefined();
      bench.observed.length = 0;
      expect(await bench.rig.run(late)).toBe('overtaken');
      expect(bench.observed).toEqual(['s']);
      await bench.rig.pass(LONG_MS);
      expect(bench.sum).toBe(1 + versions);
      expect(bench.markOf('s')).toBeUndefined();
    },
  );

  it('is not revived when it was undone and the tombstone was removed meanwhile', async () => {
    const { bench, other, late } = await sleeping();
    expect(await other.undo('s')).toBe('done');
    bench.over.add('s');
    other.finished.add('s');
    await other.advance(GRACE_VERSIONS + 1);
    expect(bench.markOf('s')).toBeUndefined();
    expect(await bench.rig.run(late)).toBe('overtaken');
    expect(bench.sum).toBe(GRACE_VERSIONS + 1);
  });

  it('is taken if the saga is unfinished after all, at any later version', async () => {
    const { bench, other, late } = await sleeping();
    await other.advance(GRACE_VERSIONS + 5);
    expect(await bench.rig.run(late)).toBe('done');
    expect(bench.observed.filter((saga) => saga === 's')).toEqual(['s']);
    expect(bench.sum).toBe(GRACE_VERSIONS + 6);
  });

  it('is taken without a look-up if the participant has advanced less than the grace', async () => {
    const { bench, other, late } = await sleeping();
    await other.advance(GRACE_VERSIONS - 1);
    expect(await bench.rig.run(late)).toBe('done');
    expect(bench.observed).not.toContain('s');
  });

  it('is not taken when the participant was read late', async () => {
    const bench = new Bench();
    bench.put(0);
    const [slow, other] = [bench.desk('n0', { deadlineMs: 60_000 }), bench.desk('n1')];
    bench.rig.next('read', [800]);
    const late = slow.begin('s', 'act');
    await bench.rig.pass(50);
    await other.finish('s');
    await other.advance(2 * GRACE_VERSIONS);
    expect(await bench.rig.run(late)).toBe('overtaken');
    expect(bench.rig.asked('cas', KEY, 'n0')).toEqual([]);
  });

  it('is not taken when its driver slept between record and step, and the participant was read again', async () => {
    const bench = new Bench();
    bench.put(0);
    const [slow, other] = [bench.desk('n0'), bench.desk('n1')];
    await slow.act('before');
    const observedAt = slow.order.next();
    await other.finish('s');
    await other.advance(2 * GRACE_VERSIONS);
    await slow.act('after');
    expect(await slow.act('s', { observedAt })).toBe('overtaken');
    expect(bench.sum).toBe(2 * GRACE_VERSIONS + 3);
  });

  it('is not taken by a node that knows the saga is finished, and costs nothing', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    await desk.act('look');
    desk.finished.add('s');
    bench.rig.wire.length = 0;
    const beganMs = bench.rig.time.now();
    expect(await desk.act('s')).toBe('overtaken');
    await desk.act('t');
    expect(bench.rig.wire.map(({ body }) => body.type)).toEqual(['cas', 'cas_ok']);
    expect(bench.rig.time.now() - beganMs).toBe(2 * LATENCY_MS);
  });
});

describe('marks of finished sagas', () => {
  it('are ended and removed by any change of the participant', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    await desk.advance(4 * GRACE_VERSIONS);
    expect(bench.stored?.marks.length).toBeLessThanOrEqual(GRACE_VERSIONS + 1);
  });

  it('are ended with the version that is the first to show it', async () => {
    const bench = new Bench();
    const desk = bench.desk('n0');
    await desk.finish('s');
    await desk.act('t');
    expect(bench.markOf('s')).toEqual(['s', 0, 'applied', 2]);
    expect(bench.stored?.ver).toBe(2);
  });

  it('that other nodes finished are looked up when they are old, and ended', async () => {
    const bench = new Bench();
    bench.put(0, marksOf(20));
    for (const [saga] of marksOf(20)) bench.over.add(saga);
    const desk = bench.desk('n0');
    await desk.act('a');
    expect(bench.stored?.marks.filter(isEnded)).toEqual([]);
    await bench.rig.pass(2500);
    await desk.act('b');
    await bench.rig.pass(10);
    await desk.act('c');
    expect(bench.stored?.marks.filter(isEnded)).toHaveLength(20);
  });

  it('that are few are not looked up, nor are those of sagas in progress', async () => {
    const bench = new Bench();
    bench.put(0, marksOf(3));
    const desk = bench.desk('n0');
    await desk.act('a');
    await bench.rig.pass(2500);
    await desk.act('b');
    await desk.act('c');
    expect(bench.stored?.marks.filter(isEnded)).toEqual([]);
  });
});

describe('a participant with as many unfinished steps as it may hold', () => {
  it('defers steps that can be undone, with error 11 in the end, and holds up nothing else', async () => {
    const bench = new Bench();
    bench.put(0, marksOf(MARKS_MAX));
    const desk = bench.desk('n0');
    const [put, undone] = [desk.begin('new', 'act'), desk.begin('old 1', 'undo')].map(watch);
    await bench.rig.pass(100);
    const credit = watch(desk.begin('later', 'act', { compensable: false }));
    await bench.rig.pass(200);
    expect([undone?.outcome, credit.outcome]).toEqual([{ ok: 'done' }, { ok: 'done' }]);
    expect(put?.outcome).toBeUndefined();
    await bench.rig.pass(4000);
    expect(put?.outcome).toMatchObject({ code: 11 });
    expect(bench.markOf('new')).toBeUndefined();
  });

  it('refuses it with error 11 as soon as its node ends', async () => {
    const bench = new Bench();
    bench.put(0, marksOf(MARKS_MAX));
    const { context, node } = bench.rig.life('n0');
    const put = watch(new BenchDesk(bench, context, {}).begin('new', 'act'));
    await bench.rig.pass(500);
    node.stop('the end');
    await bench.rig.pass(5);
    expect(put.outcome).toMatchObject({ code: 11 });
  });

  it('takes it as soon as there is room', async () => {
    const bench = new Bench();
    bench.put(0, marksOf(MARKS_MAX));
    const desk = bench.desk('n0');
    const put = watch(desk.begin('new', 'act'));
    await bench.rig.pass(500);
    // With pauses of 10 ms on average.
    expect(bench.rig.asked('read', KEY).length).toBeLessThan(60);
    bench.put(0, marksOf(MARKS_MAX - 1), 2);
    await bench.rig.pass(100);
    expect(put.outcome).toEqual({ ok: 'done' });
  });

  it('does not count sagas that are known to be finished', async () => {
    const bench = new Bench();
    bench.put(0, marksOf(MARKS_MAX));
    const desk = bench.desk('n0');
    for (const [saga] of marksOf(MARKS_MAX)) desk.finished.add(saga);
    expect(await desk.act('new')).toBe('done');
    expect(bench.stored?.marks.filter((mark) => !isEnded(mark))).toEqual([['new', 0, 'applied', 0]]);
  });

  it('looks up the sagas of its marks, and goes on', async () => {
    const bench = new Bench();
    bench.put(0, marksOf(MARKS_MAX));
    for (const [saga] of marksOf(MARKS_MAX)) bench.over.add(saga);
    expect(await bench.desk('n0').act('new')).toBe('done');
  });
});

/**
 * Two nodes take, and sometimes undo, the steps of the same sagas on one participant, while messages are lost, doubled
 * and late. A saga is finished as its driver would have it: committed when a node was told that the step is taken,
 * aborted when one was told that it is undone.
 */
type SagaEnd = 'running' | 'compensating' | 'committed' | 'aborted';

async function contend(
  seed: number,
  count: number,
  marking = MARKING,
): Promise<{ sum: number; committed: number; aborted: number }> {
  const random = new SeededRandom(seed);
  const rig = new SagaRig(seed);
  const states = new Map<string, SagaEnd>();
  const isOver = (saga: string) => states.get(saga) === 'committed' || states.get(saga) === 'aborted';
  const choices = random.fork('choices');
  const nodes = ['n0', 'n1'].map((nodeId) => {
    const { context } = rig.life(nodeId);
    const order = new Order();
    const finished = new FinishedSagas();
    const kv = new LinKvStore(context, { deadlineMs: 400 });
    const lookUp = async (saga: string) => {
      if (isOver(saga)) finished.add(saga);
    };
    const documents = new Documents({ kv, context, name: 'sum', schema: participantSchema(Sum) });
    const own = { documents, key: KEY, limits: SAGA_LIMITS, stepMs: 3000 };
    const desk = new ParticipantDesk<Sum>({ ...own, context, marking, order, finished, lookUp });
    const drive = async (saga: string) => {
      // One node may come when the step must be undone, while the other one does not know that.
      await context.sleep(choices.integer(100));
      while (!isOver(saga)) {
        const observedAt = order.next();
        const state = states.get(saga);
        await context.sleep(choices.integer(4) === 0 ? choices.integer(400) : choices.integer(3));
        const observe = async () => {
          const at = order.next();
          await context.sleep(choices.integer(20));
          const over = isOver(saga);
          await context.sleep(choices.integer(20));
          return over ? undefined : at;
        };
        const turn = { saga, step: 0, compensable: true, observedAt, observe };
        const what = state === 'compensating' ? 'undo' : 'act';
        const outcome = await desk.take(turn, what, add(what === 'act' ? 1 : -1)).catch(() => 'unknown');
        if (outcome === 'done' && states.get(saga) === state)
          states.set(saga, what === 'act' ? 'committed' : 'aborted');
        if (isOver(saga)) finished.add(saga);
      }
    };
    return { drive };
  });
  const work: Promise<void>[] = [];
  rig.drawFate = createFates(random.fork('fates'), 1200);
  for (let number = 0; number < count; number++) {
    const saga = `s${number}`;
    const beginMs = choices.integer(1500);
    rig.time.schedule(beginMs, () => {
      states.set(saga, 'running');
      for (const { drive } of nodes) work.push(drive(saga));
    });
    if (choices.integer(3) === 0)
      rig.time.schedule(beginMs + choices.integer(60), () => {
        if (states.get(saga) === 'running') states.set(saga, 'compensating');
      });
  }
  await rig.pass(2500);
  rig.heal();
  await rig.run(Promise.all(work));
  await rig.pass(5000);
  const ends = [...states.values()];
  return {
    sum: rig.stored<ParticipantRecord<Sum>>(KEY)?.content?.sum ?? 0,
    committed: ends.filter((end) => end === 'committed').length,
    aborted: ends.filter((end) => end === 'aborted').length,
  };
}

describe('two nodes with one participant and a bad network', () => {
  it.each([
    [40, 60],
    [4, 300],
  ])('take every step of %d sagas once, in %d worlds', async (count, seeds) => {
    for (let seed = 0; seed < seeds; seed++) {
      const { sum, committed, aborted } = await contend(seed, count);
      expect(committed + aborted, `seed ${seed}`).toBe(count);
      expect(sum, `seed ${seed}`).toBe(committed);
    }
  });

  it.each<[string, number, Marking]>([
    ['forget marks at once', 40, { ...MARKING, tidy: (marks, _, isOver) => marks.filter(([saga]) => !isOver(saga)) }],
    ['have no tombstones', 4, { ...MARKING, tombstones: false }],
  ])('would not if they %s', async (_, count, marking) => {
    let seed = 0;
    for (; seed < 300; seed++) {
      const { sum, committed } = await contend(seed, count, marking);
      if (sum !== committed) break;
    }
    expect(seed).toBeLessThan(300);
  });
});
