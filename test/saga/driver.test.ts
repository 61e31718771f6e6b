/**
 * How a saga moves from state to state: by its plan, one compare-and-set at a time, with other nodes at the same work.
 */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { RpcError } from '../../src/protocol/errors.ts';
import { MOVES, type SagaDriver } from '../../src/saga/driver.ts';
import {
  type Plan,
  Refusal,
  type SagaKind,
  type Step,
  type StepOutcome,
  stepsOf,
  type Turn,
} from '../../src/saga/plan.ts';
import {
  digestOf,
  forgetInput,
  isSameRequest,
  keyedDigest,
  type SagaRecord,
  type SagaState,
  sagaKey,
} from '../../src/saga/record.ts';
import { Engine, isCas, LONG_MS, SagaRig } from '../support/saga-rig.ts';
import { LOST } from '../support/store-rig.ts';

const ID = 'x';
const INPUT = { shape: [2, 2, 1], pivot: 2 };
type Input = { readonly shape: readonly number[]; readonly pivot: number };

/** The outcome of a step, chosen by the test. */
type Script = (what: 'act' | 'undo', turn: Turn) => Promise<StepOutcome> | StepOutcome;

class Bench {
  readonly rig = new SagaRig();
  /** The calls of steps: `act 0`. */
  readonly asked: string[] = [];
  readonly input: Input;
  /** Steps that cannot be undone. */
  readonly fixed = new Set<number>();
  script: Script = () => 'done';

  constructor(input: Input = INPUT) {
    this.input = input;
  }

  engine(nodeId: string): { readonly engine: Engine; readonly driver: SagaDriver } {
    const engine = new Engine(this.rig.life(nodeId).context);
    return { engine, driver: engine.driver(this.kind()) };
  }

  kind(): SagaKind<Input> {
    const step = (number: number): Step => {
      const run = async (what: 'act' | 'undo', turn: Turn) => {
        expect(turn).toMatchObject({ saga: ID, step: number });
        this.asked.push(`${what} ${number}`);
        return this.script(what, turn);
      };
      return {
        act: (turn) => run('act', turn),
        ...(!this.fixed.has(number) && { undo: (turn) => run('undo', turn) as Promise<'done' | 'overtaken'> }),
      };
    };
    return {
      name: 'scripted',
      input: z.object({ shape: z.array(z.int()), pivot: z.int() }),
      plan: ({ shape, pivot }) => {
        let number = 0;
        return { stages: shape.map((length) => Array.from({ length }, () => step(number++))), pivot };
      },
    };
  }

  /** A saga in some state, left by a dead node. */
  put(state: SagaState, at: number, reason = ''): void {
    const digest = digestOf('scripted', this.input);
    const history = [{ state, at, node: 'gone', time: '2026-11-21T08:00:00.000Z' }];
    this.rig.put(sagaKey(ID), { kind: 'scripted', input: this.input, digest, state, at, reason, history });
  }

  async drive(nodeId = 'n0', node = this.engine(nodeId)): Promise<SagaRecord> {
    const { engine, driver } = node;
    const observedAt = engine.order.next();
    const stored = await driver.read(ID);
    const record = await driver.drive(ID, stored, observedAt);
    expect(engine.finished.has(ID)).toBe(true);
    return record;
  }

  run(nodeId?: string): Promise<SagaRecord> {
    return this.rig.run(this.drive(nodeId));
  }
}

const refuse =
  (...steps: number[]): Script =>
  (what, { step }) =>
    what === 'act' && steps.includes(step) ? new Refusal(`step ${step}`) : 'done';

describe('the moves', () => {
  const plan: Plan = {
    stages: [['a', 'b'], ['c'], ['d'], ['e']].map((names) => names.map(() => ({ act: async () => 'done' }))),
    pivot: 2,
  };

  it('go through the stages, and at the pivot from running to committing', () => {
    expect([0, 1, 2, 3].map((stage) => MOVES.onwards(plan, 'running', stage))).toEqual([
      { state: 'running', at: 1 },
      { state: 'committing', at: 2 },
      { state: 'committing', at: 3 },
      { state: 'committed', at: 0 },
    ]);
    expect(MOVES.onwards({ ...plan, pivot: 4 }, 'running', 3)).toEqual({ state: 'committed', at: 0 });
  });

  it('go back from the last step of the stage, one by one, to the first of all', () => {
    expect([0, 1].map((stage) => MOVES.back(plan, stage, 'why'))).toEqual([
      { state: 'compensating', at: 1, reason: 'why' },
      { state: 'compensating', at: 2, reason: 'why' },
    ]);
    expect([2, 1, 0].map((step) => MOVES.undone(plan, step))).toEqual([
      { state: 'compensating', at: 1 },
      { state: 'compensating', at: 0 },
      { state: 'aborted', at: 0 },
    ]);
  });

  it('number the steps over all stages', () => {
    expect([0, 1, 2, 3, 4].map((stage) => stepsOf(plan, stage))).toEqual([
      { first: 0, end: 2 },
      { first: 2, end: 3 },
      { first: 3, end: 4 },
      { first: 4, end: 5 },
      { first: 5, end: 5 },
    ]);
  });
});

describe('a saga without faults', () => {
  it.each<[Input, string[]]>([
    [INPUT, ['running 0', 'running 1', 'committing 2', 'committed 0']],
    [{ shape: [1, 1, 1], pivot: 1 }, ['running 0', 'committing 1', 'committing 2', 'committed 0']],
    [{ shape: [3], pivot: 1 }, ['running 0', 'committed 0']],
    [{ shape: [1, 1], pivot: 2 }, ['running 0', 'running 1', 'committed 0']],
    [{ shape: [0, 2], pivot: 1 }, ['running 0', 'committing 1', 'committed 0']],
  ])('takes every step of %j once, by %j', async (input, path) => {
    const bench = new Bench(input);
    bench.put('running', 0);
    expect(await bench.run()).toMatchObject({ state: 'committed', reason: '' });
    expect(bench.rig.path(ID)).toEqual(path);
    const count = input.shape.reduce((sum, length) => sum + length, 0);
    expect(bench.asked).toEqual(Array.from({ length: count }, (_, number) => `act ${number}`));
    expect(bench.rig.asked('cas', 's/')).toHaveLength(path.length - 1);
  });

  it('takes the steps of a stage side by side, and none of the next before all are done', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    const { engine, driver } = bench.engine('n0');
    bench.script = async (_, { step }): Promise<StepOutcome> => {
      if (step === 0) await engine.context.sleep(100);
      return 'done';
    };
    const work = bench.drive('n0', { engine, driver });
    await bench.rig.pass(50);
    expect(bench.asked).toEqual(['act 0', 'act 1']);
    await bench.rig.run(work);
    expect(bench.asked).toHaveLength(5);
  });

  it('records which node made each transition, and when', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    const { history } = await bench.run('n7');
    expect(history.map(({ node }) => node)).toEqual(['gone', 'n7', 'n7', 'n7']);
    for (const { time } of history) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('says which of its steps can be deferred', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    const compensable: boolean[] = [];
    bench.script = (_, turn) => {
      compensable.push(turn.compensable);
      return 'done';
    };
    await bench.run();
    expect(compensable).toEqual([true, true, true, true, false]);
  });
});

describe('a saga that is refused', () => {
  it.each<[string, Script, string[], string]>([
    ['in its first stage', refuse(0), ['act 0', 'act 1', 'undo 1', 'undo 0'], 'step 0'],
    [
      'in a later one',
      refuse(3),
      ['act 0', 'act 1', 'act 2', 'act 3', 'undo 3', 'undo 2', 'undo 1', 'undo 0'],
      'step 3',
    ],
    ['twice', refuse(1, 0), ['act 0', 'act 1', 'undo 1', 'undo 0'], 'step 0'],
  ])('%s undoes everything from the end of that stage on, strictly descending', async (_, script, asked, reason) => {
    const bench = new Bench();
    bench.put('running', 0);
    bench.script = script;
    expect(await bench.run()).toMatchObject({ state: 'aborted', reason });
    expect(bench.asked).toEqual(asked);
    const undone = asked.filter((one) => one.startsWith('undo')).map((one) => one.replace('undo', 'compensating'));
    expect(bench.rig.path(ID)?.filter((one) => one.startsWith('compensating'))).toEqual(undone);
    expect(bench.rig.path(ID)?.at(-1)).toBe('aborted 0');
  });

  it('is invalid with a step before the pivot that cannot be undone', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    bench.fixed.add(1);
    await expect(bench.run()).rejects.toThrow('before the pivot cannot be undone');
    expect(bench.asked).toEqual([]);
  });

  it.each([
    [[], 0],
    [[1], 0],
    [[1], 2],
  ])('is invalid with stages %j and the pivot %i', async (shape, pivot) => {
    const bench = new Bench({ shape, pivot });
    bench.put('running', 0);
    await expect(bench.run()).rejects.toThrow(
      `pivot of scripted is ${pivot}, but must be from 1 to its ${shape.length}`,
    );
    expect(bench.asked).toEqual([]);
  });

  it('after the pivot is an error, and does not move', async () => {
    const bench = new Bench();
    bench.put('committing', 2);
    bench.script = refuse(4);
    await expect(bench.run()).rejects.toMatchObject({ code: 13, message: expect.stringContaining('step 4') });
    expect(bench.rig.path(ID)).toEqual(['committing 2']);
    bench.script = () => 'done';
    expect(await bench.run()).toMatchObject({ state: 'committed' });
  });
});

describe('an abandoned saga', () => {
  it.each<[SagaState, number, string[], string]>([
    ['running', 0, ['act 0', 'act 1', 'act 2', 'act 3', 'act 4'], 'committed'],
    ['running', 1, ['act 2', 'act 3', 'act 4'], 'committed'],
    ['committing', 2, ['act 4'], 'committed'],
    ['committed', 0, [], 'committed'],
    ['compensating', 3, ['undo 3', 'undo 2', 'undo 1', 'undo 0'], 'aborted'],
    ['compensating', 1, ['undo 1', 'undo 0'], 'aborted'],
    ['compensating', 0, ['undo 0'], 'aborted'],
    ['aborted', 0, [], 'aborted'],
  ])('%s at %d goes on from there', async (state, at, asked, end) => {
    const bench = new Bench();
    bench.put(state, at, end === 'aborted' ? 'why' : '');
    expect(await bench.run()).toMatchObject({ state: end, at: 0, reason: end === 'aborted' ? 'why' : '' });
    expect(bench.asked).toEqual(asked);
  });

  it.each<[SagaState, number, number[], string]>([
    ['running', 0, [], 'committed'],
    ['running', 0, [3], 'aborted'],
    ['compensating', 3, [], 'aborted'],
    ['committing', 2, [], 'committed'],
  ])(
    '%s at %d is finished once where two nodes come at the same time (%j refused)',
    async (state, at, refused, end) => {
      const bench = new Bench();
      bench.put(state, at);
      bench.script = refuse(...refused);
      const records = await bench.rig.run(Promise.all([bench.drive('n0'), bench.drive('n1')]));
      expect(records.map((record) => record.state)).toEqual([end, end]);
      const path = bench.rig.path(ID) as string[];
      expect(new Set(path).size).toBe(path.length);
    },
  );

  it('goes one way when one node takes a step and another one refuses it', async () => {
    const bench = new Bench({ shape: [1, 1], pivot: 1 });
    bench.put('running', 0);
    const [yes, no] = [bench.engine('n0'), bench.engine('n1')];
    let asked = 0;
    bench.script = (what, { step }) => (what === 'act' && step === 0 && asked++ === 1 ? new Refusal('no') : 'done');
    const records = await bench.rig.run(Promise.all([bench.drive('n0', yes), bench.drive('n1', no)]));
    expect(records[0]?.state).toBe(records[1]?.state);
    const path = bench.rig.path(ID)?.join();
    expect(['running 0,committing 1,committed 0', 'running 0,compensating 0,aborted 0']).toContain(path);
  });

  it('is not driven by a node that does not know its kind', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    const engine = new Engine(bench.rig.life('n0').context);
    const driver = engine.driver({ ...bench.kind(), name: 'other' });
    const stored = await bench.rig.run(driver.read(ID));
    await expect(bench.rig.run(driver.drive(ID, stored, 0))).rejects.toMatchObject({
      code: 10,
      message: expect.stringContaining('scripted'),
    });
    expect(bench.asked).toEqual([]);
    const knowing = engine.driver(
      { ...bench.kind(), name: 'other', plan: () => ({ stages: [], pivot: 0 }) },
      bench.kind(),
    );
    expect(await bench.rig.run(knowing.drive(ID, stored, 0))).toMatchObject({ state: 'committed' });
    expect(bench.asked).toHaveLength(5);
  });
});

describe('a driver', () => {
  it('continues from the state of other nodes if a step was overtaken', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    bench.script = (what, { step }) => {
      if (what !== 'act' || step !== 1) return 'done';
      bench.put('compensating', 1, 'by another');
      return 'overtaken';
    };
    expect(await bench.run()).toMatchObject({ state: 'aborted', reason: 'by another' });
    expect(bench.asked).toEqual(['act 0', 'act 1', 'undo 1', 'undo 0']);
  });

  it('counts no step as done, and none as undone, that was overtaken', async () => {
    const bench = new Bench({ shape: [2], pivot: 1 });
    bench.put('running', 0);
    const overtaken = new Set(['act 1', 'undo 0']);
    bench.script = (what, { step }) => {
      // The look at the record after it shows the same state. So the step is due again.
      if (overtaken.delete(`${what} ${step}`)) return 'overtaken';
      return what === 'act' && step === 0 && overtaken.size === 1 ? new Refusal('no') : 'done';
    };
    expect(await bench.run()).toMatchObject({ state: 'aborted', reason: 'no' });
    expect(bench.asked).toEqual(['act 0', 'act 1', 'act 0', 'act 1', 'undo 1', 'undo 0', 'undo 0']);
    expect(bench.rig.path(ID)).toEqual(['running 0', 'compensating 1', 'compensating 0', 'aborted 0']);
  });

  it('looks at the record if one step was overtaken and another one refused', async () => {
    const bench = new Bench({ shape: [2, 1], pivot: 1 });
    bench.put('running', 0);
    let looked = 0;
    bench.script = (_, { step }) => {
      if (bench.asked.length > 2) return 'done';
      looked = bench.rig.asked('read', 's/').length;
      return step === 0 ? 'overtaken' : new Refusal('of a version that is no more');
    };
    expect(await bench.run()).toMatchObject({ state: 'committed', reason: '' });
    expect(bench.rig.asked('read', 's/')).toHaveLength(looked + 1);
  });

  it('waits for all steps of a stage before it fails, and can be called again', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    const node = bench.engine('n0');
    let finished = false;
    bench.script = async (_, { step }): Promise<StepOutcome> => {
      if (step === 0) throw RpcError.of('temporarily-unavailable', 'busy');
      await node.engine.context.sleep(100);
      finished = true;
      return 'done';
    };
    await expect(bench.rig.run(bench.drive('n0', node))).rejects.toMatchObject({ code: 11, message: 'busy' });
    expect(finished).toBe(true);
    expect(bench.rig.path(ID)).toEqual(['running 0']);
    bench.script = () => 'done';
    expect(await bench.rig.run(bench.drive('n0', node))).toMatchObject({ state: 'committed' });
  });

  it.each([
    ['cas', LOST],
    ['cas', [1, 30]],
    ['cas', [2500]],
    ['cas_ok', LOST],
    ['read_ok', LOST],
  ])('makes a transition once if a %s has the fate %j', async (type, fate) => {
    const bench = new Bench();
    bench.put('running', 0);
    bench.rig.next(type, fate).next(type, fate);
    expect(await bench.run()).toMatchObject({ state: 'committed' });
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.path(ID)).toEqual(['running 0', 'running 1', 'committing 2', 'committed 0']);
  });

  it('rejects when the outcome of a transition is unknown', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    bench.rig.lose(({ body }) => body.type === 'cas');
    await expect(bench.run()).rejects.toMatchObject({ code: 13 });
  });

  it('tells a step whether the saga is still open, and a point in time before that look', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    const { engine, driver } = bench.engine('n0');
    const seen: unknown[] = [];
    bench.script = async (_, { step, observe, observedAt }): Promise<StepOutcome> => {
      if (step === 0) {
        const at = await observe();
        seen.push((at as number) > observedAt);
        bench.put('aborted', 0, 'meanwhile');
        seen.push(await observe(), engine.finished.has(ID));
      }
      return 'done';
    };
    expect(await bench.rig.run(bench.drive('n0', { engine, driver }))).toMatchObject({ state: 'aborted' });
    expect(seen).toEqual([true, undefined, true]);
  });

  it('tells the steps of the next stage a point in time after the steps before, and before its transition', async () => {
    const bench = new Bench({ shape: [1, 1], pivot: 1 });
    bench.put('running', 0);
    const { engine, driver } = bench.engine('n0');
    let [steppedAt, movedAt, toldAt] = [0, 0, 0];
    bench.rig.rule((message) => {
      if (isCas(message, 's/') && toldAt === 0) movedAt = engine.order.next();
      return undefined;
    });
    bench.script = (_, { step, observedAt }) => {
      if (step === 0) steppedAt = engine.order.next();
      else toldAt = observedAt;
      return 'done';
    };
    await bench.rig.run(bench.drive('n0', { engine, driver }));
    expect(toldAt).toBeGreaterThan(steppedAt);
    expect(toldAt).toBeLessThan(movedAt);
  });

  it('fails, and takes no step, if the store has lost the record', async () => {
    const bench = new Bench();
    bench.put('running', 0);
    const { engine, driver } = bench.engine('n0');
    const lost = { type: 'error', code: 20, text: 'no such key' };
    bench.script = async (_, { step, observe }): Promise<StepOutcome> => {
      if (step !== 0) return 'done';
      bench.rig.answerNext('read', lost);
      expect(await observe()).toBeUndefined();
      bench.rig.answerNext('read', lost);
      return 'overtaken';
    };
    await expect(bench.rig.run(bench.drive('n0', { engine, driver }))).rejects.toThrow('saga x has vanished');
    expect(bench.asked).toEqual(['act 0', 'act 1']);
    expect(engine.finished.has(ID)).toBe(false);
  });

  it('begins and fences with one state', () => {
    const { driver } = new Bench().engine('n0');
    expect(driver.begin('scripted', INPUT, 'd')).toMatchObject({
      kind: 'scripted',
      input: INPUT,
      state: 'running',
      at: 0,
      history: [{ state: 'running', at: 0, node: 'n0' }],
    });
    expect(driver.fence('d')).toMatchObject({
      kind: '',
      input: null,
      digest: 'd',
      state: 'aborted',
      reason: 'abandoned',
    });
  });
});

describe('a record', () => {
  const record = (own: Partial<SagaRecord>): SagaRecord => ({
    kind: 'k',
    input: { a: 1, b: [2] },
    digest: '',
    state: 'running',
    at: 0,
    reason: '',
    history: [],
    ...own,
  });

  it('is that of the same kind and the same input, in any order of fields', () => {
    expect(isSameRequest(record({}), 'k', { b: [2], a: 1 })).toBe(true);
    expect(isSameRequest(record({}), 'other', { a: 1, b: [2] })).toBe(false);
    expect(isSameRequest(record({}), 'k', { a: 1, b: [3] })).toBe(false);
  });

  it('that was fenced off is identified by its digest', () => {
    const digest = digestOf('k', { a: 1, b: [2] });
    // The digits themselves, since they stay in the store from release to release.
    expect(digest).toBe('41eece9ea8389cd1');
    expect(digestOf('k', { b: [2], a: 1 })).toBe(digest);
    expect(isSameRequest(record({ kind: '', input: null, digest }), 'k', { b: [2], a: 1 })).toBe(true);
    expect(isSameRequest(record({ kind: '', input: null, digest }), 'k', { a: 1, b: [3] })).toBe(false);
    expect(isSameRequest(record({ kind: '', input: null, digest }), 'other', { a: 1, b: [2] })).toBe(false);
  });

  it('is told apart by the digest where the input of a finished saga is forgotten, with a key or without', () => {
    const keyed = keyedDigest((text) => `p-${text.length}-${text}`);
    for (const own of [keyed, digestOf]) {
      const finished = forgetInput(keyed)(record({ digest: own('k', { a: 1, b: [2] }) }));
      expect(finished.input).toBeNull();
      // Of the other one the input could be guessed.
      expect(finished.digest).toBe(keyed('k', { a: 1, b: [2] }));
      expect(forgetInput(keyed)(finished)).toEqual(finished);
      expect(isSameRequest(finished, 'k', { b: [2], a: 1 }, keyed)).toBe(true);
      expect(isSameRequest(finished, 'k', { a: 1, b: [3] }, keyed)).toBe(false);
      expect(isSameRequest(finished, 'other', { a: 1, b: [2] }, keyed)).toBe(false);
    }
  });
});
