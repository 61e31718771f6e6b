/** Tests of an author's node from code: the same runs, failures and stories that the commands show. */

import { describe, expect, it } from 'vitest';
import {
  completeWith,
  defineWorkload,
  expectValid,
  explore,
  fuzz,
  InvalidRunError,
  linearizable,
  matchers,
  registerModel,
  replay,
  run,
} from '../../src/library/testing.ts';
import { Get, Put, registerNode, setNode } from './nodes.ts';

const SHORT = { nodeCount: 3, timeLimitMs: 3000, ratePerSecond: 20 };
const set = { node: setNode(true), workload: 'g-set', ...SHORT };
const hasty = { ...set, node: setNode(false) };

/** Values 5 and more are refused. */
const register = defineWorkload({
  name: 'register',
  test: {
    reusableClients: true,
    survivesDiskLoss: false,
    createGenerator: (random) => () =>
      random.integer(2) === 0 ? { f: 'read', value: null } : { f: 'write', value: random.integer(6) },
    createInvoke:
      () =>
      async (client, { f, value }) =>
        f === 'read'
          ? completeWith(await client.rpc(Get, {}), null, (reply) => reply.value)
          : completeWith(await client.rpc(Put, { value: value as number }), value, () => value),
    checker: () => linearizable({ model: registerModel }),
  },
});

describe('a run', () => {
  it('is valid for a right node, and the same for the same seed', async () => {
    const report = await run({ ...set, seed: '7' });
    expect(report).toMatchObject({ valid: true, seed: '7', impurities: [] });
    expect(report.verdict).toContain('valid');
    expect([...(await run({ ...set, seed: '7' })).history]).toEqual([...report.history]);
    expect([...(await run({ ...set, seed: '8' })).history]).not.toEqual([...report.history]);
  });

  it('injects no kills unless the node survives them', async () => {
    expect(await run({ ...set, faults: ['kill'], nemesisIntervalMs: 200, shrinkMs: 0 })).toMatchObject({
      valid: false,
    });
    expect(await run({ ...set, nemesisIntervalMs: 200 })).toMatchObject({ valid: true });
  });

  it('tells where the node reaches for the process', async () => {
    const node = setNode(true, () => void Math.random());
    const { impurities } = await run({ ...set, node });
    expect(impurities).toEqual([
      expect.stringMatching(/^test\/library\/simulate\.test\.ts:\d+ calls Math\.random\(\)/),
    ]);
  });

  it('needs a workload that exists', async () => {
    await expect(run({ ...set, workload: 'g-sett' })).rejects.toThrow('there is no workload "g-sett"; expected one of');
    const survives = ['rain' as 'kill'];
    await expect(run({ ...set, node: { ...setNode(true), survives } })).rejects.toThrow(
      'set survives "rain": there is no such fault',
    );
  });
});

describe('fuzzing', () => {
  it('finds no failure of a right node', async () => {
    expect(await fuzz({ ...set, seeds: 10 })).toMatchObject({ valid: true, seedCount: 10 });
  });

  it('finds a mistake, makes it small, tells it, and gives what replays it', async () => {
    const report = await fuzz({ ...hasty, seeds: 50 });
    expect(report.valid).toBe(false);
    expect(report.verdict).toMatch(/^Seed \d+: /);
    expect(report.story).toMatch(/made small in \d+ runs: \d events?, [23] nodes/);
    expect(report.story).toContain('The run is INVALID. 1 element was lost');
    const schedule = report.schedule as string;
    expect(await replay({ ...hasty, schedule })).toMatchObject({ valid: false });
    expect(await replay({ ...set, schedule })).toMatchObject({ valid: true });
    await expect(replay({ ...set, workload: 'broadcast', schedule })).rejects.toThrow(
      'the schedule is of the workload g-set, not of broadcast',
    );
  });

  it('judges a workload of the author by its own checker', async () => {
    const report = await fuzz({ node: registerNode, workload: register, seeds: 10, nodeCount: 2, faults: [] });
    expect(report.valid).toBe(false);
    expect(report.story).toMatch(/client \d → n\d +write/);
    const alone = { node: registerNode, workload: register, nodeCount: 1, faults: [] };
    expect(await fuzz({ ...alone, seeds: 10 })).toMatchObject({ valid: true });
  });
});

describe('exploring', () => {
  it('hits every step by what the node survives', async () => {
    const report = await explore({ node: setNode(true), workload: 'g-set', operationCount: 3 });
    expect(report).toMatchObject({ valid: true, complete: true });
    expect(report.runs).toBe(1 + 2 * report.steps);
  });

  it('tells the first failure', async () => {
    const report = await explore({ node: setNode(false), workload: 'g-set', operationCount: 3 });
    expect(report.valid).toBe(false);
    expect(report.story).toContain('The run is INVALID. 1 element was lost');
  });
});

describe('a workload', () => {
  it('is refused without what a test needs', () => {
    expect(() => defineWorkload({ ...register, name: 'my register' })).toThrow('expected letters, digits and hyphens');
    const test = { ...register.test, checker: undefined } as unknown as typeof register.test;
    expect(() => defineWorkload({ ...register, test })).toThrow('test.checker must be a function');
  });
});

describe('an assertion', () => {
  const report = {
    valid: false,
    verdict: 'Seed 3: it failed',
    story: '0 ms  n1  starts',
    impurities: ['a.ts:1 …'],
  } as const;
  const text = 'Seed 3: it failed\n\n0 ms  n1  starts\n\na.ts:1 …';

  it('shows the story', () => {
    expect(() => expectValid(report)).toThrow(new InvalidRunError(text));
    expect(() => expectValid({ ...report, valid: 'unknown' })).toThrow(InvalidRunError);
    expect(() => expectValid({ ...report, valid: true })).not.toThrow();
  });

  it('is a matcher, too', () => {
    expect.extend(matchers);
    const { pass, message } = matchers.toBeValid(report);
    expect([pass, message()]).toEqual([false, text]);
    const valid = matchers.toBeValid({ ...report, valid: true });
    expect([valid.pass, valid.message()]).toEqual([true, 'expected a run that is not valid: Seed 3: it failed']);
  });
});

describe('what is no test', () => {
  it.each([0, -3, 2.5, Number.NaN])('is refused: %d seeds', async (seeds) => {
    await expect(fuzz({ ...set, seeds })).rejects.toThrow(
      new TypeError(`seeds ${seeds}: expected a whole number of at least 1`),
    );
  });

  it.each<[unknown, string]>([
    [5, '5'],
    [undefined, 'undefined'],
    [{ valid: false }, '{"valid":false}'],
    [{ 'valid?': 'false' }, '{"valid?":"false"}'],
    [Promise.resolve({ 'valid?': false }), 'a promise, and it must answer at once'],
  ])('is a checker that answers %j: unknown', async (answer, words) => {
    const slip = defineWorkload({
      name: 'slip',
      test: { ...register.test, checker: () => ({ check: () => answer as never }) },
    });
    const report = await run({ ...SHORT, node: registerNode, workload: slip });
    expect(report.valid).toBe('unknown');
    expect(report.verdict).toContain(`the checker of slip answers ${words}; expected an object whose "valid?" is`);
  });
});
