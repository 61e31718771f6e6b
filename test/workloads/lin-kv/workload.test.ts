/** The test of lin-kv: what it asks, how answers end an operation, and which worker asks what of which key. */

import { describe, expect, it } from 'vitest';
import type { Invocation, Turn } from '../../../src/harness/workload-test.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { linKv } from '../../../src/workloads/lin-kv/workload.ts';
import { fail, type HandwrittenOperation, handwritten, invoke, nemesis, ok } from '../../support/histories.ts';
import {
  configured,
  draw,
  type Fields,
  outcomes,
  perform,
  REFUSAL,
  runAll,
  share,
  shares,
} from '../../support/operation-run.ts';
import type { Script } from '../../support/scripted-bed.ts';

const { test } = linKv;
const READ = { f: 'read', value: [3, null] };
const WRITE = { f: 'write', value: [3, 4] };
const CAS = { f: 'cas', value: [3, [4, 1]] };
const MISSING: Fields = { type: 'error', code: 20, text: 'not found' };
const DIFFERENT: Fields = { type: 'error', code: 22, text: 'it is 2' };

function nodesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`);
}

/** Turns of all workers, again and again. @param crashes how often the worker has gone on as a new process */
function turnsOf(concurrency: number, crashes: (worker: number, index: number) => number = () => 0) {
  return (index: number): Turn => {
    const worker = index % concurrency;
    return { worker, process: worker + concurrency * crashes(worker, index), atMs: index };
  };
}

function keyOf({ value }: { readonly value: unknown }): number {
  return (value as readonly [number, unknown])[0];
}

/** Nodes that share all registers. @param read what a read shows of a value */
function sharing(read: (value: unknown) => unknown = (value) => value): Script {
  const values = new Map<number, unknown>();
  return (message, node) => {
    const { type, key, value, from, to } = message.body;
    if (type === 'write') values.set(key, value);
    if (type === 'read' && values.has(key)) node.reply(message, { type: 'read_ok', value: read(values.get(key)) });
    else if (type !== 'write' && !values.has(key)) node.reply(message, MISSING);
    else if (type === 'cas' && values.get(key) !== from) node.reply(message, DIFFERENT);
    else {
      if (type === 'cas') values.set(key, to);
      node.reply(message, { type: `${type}_ok` });
    }
  };
}

describe('an operation', () => {
  it('has key and value in its messages, and a pair in the history', async () => {
    const read = await perform(test, READ, [{ value: 2 }]);
    expect(read.asked).toEqual([{ type: 'read', key: 3 }]);
    expect([read.begin, read.end]).toEqual([
      { type: 'invoke', ...READ },
      { type: 'ok', f: 'read', value: [3, 2] },
    ]);
    const write = await perform(test, WRITE, [{}]);
    expect(write.asked).toEqual([{ type: 'write', key: 3, value: 4 }]);
    expect(write.end).toEqual({ type: 'ok', ...WRITE });
    const cas = await perform(test, CAS, [{}]);
    expect(cas.asked).toEqual([{ type: 'cas', key: 3, from: 4, to: 1 }]);
    expect(cas.end).toEqual({ type: 'ok', ...CAS });
  });

  it.each([READ, WRITE, CAS])('keeps its value where it fails: $f', async (operation) => {
    const end = async (reply: Fields) => (await perform(test, operation, [reply])).end;
    expect(await end(MISSING)).toEqual({ type: 'fail', ...operation, error: ['key-does-not-exist', 'not found'] });
    expect(await end(DIFFERENT)).toEqual({ type: 'fail', ...operation, error: ['precondition-failed', 'it is 2'] });
    expect(await end(REFUSAL)).toMatchObject({ type: 'fail', error: ['temporarily-unavailable', 'later'] });
  });

  it.each([WRITE, CAS])('has a client that goes on after an unknown outcome: $f', async (operation) => {
    expect(await outcomes(test, operation, {})).toEqual({
      right: 'ok, client kept',
      definite: 'fail, client kept',
      indefinite: 'info, client kept',
      silence: 'info, client kept',
      malformed: 'info, client kept',
    });
  });

  it('that reads fails after any error and after no answer', async () => {
    expect(await outcomes(test, READ, { value: 1 })).toEqual({
      right: 'ok, client kept',
      definite: 'fail, client kept',
      indefinite: 'fail, client kept',
      silence: 'fail, client kept',
      malformed: 'info, client kept',
    });
    expect((await perform(test, READ, [{}])).end.error).toEqual(['malformed-reply', 'value: is missing']);
    expect((await perform(test, READ, [{ value: null }])).end).toMatchObject({ type: 'ok', value: [3, null] });
  });

  it('is acknowledged by its own type', async () => {
    const { end } = await perform(test, WRITE, [{ type: 'read_ok' }]);
    expect(end).toMatchObject({ type: 'info', error: ['malformed-reply', expect.stringContaining('write_ok')] });
  });

  it.each([
    [0, 1000],
    [100, 1000],
    [300, 3000],
  ])('waits ten times the latency, 1 s at least: %i ms', async (latencyMeanMs, timeoutMs) => {
    expect((await perform(test, WRITE, [], { latencyMeanMs })).tookMs).toBe(timeoutMs);
  });
});

describe('the operations drawn', () => {
  const mix = { read: 1 / 2, write: 1 / 6, cas: 1 / 3 };
  const close = (parts: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(parts).map(([f, part]) => [f, expect.closeTo(part, 1.5)]));

  it('are reads, writes and cas, with values from 0 to 4', () => {
    const drawn = draw(configured(test, { concurrency: 6 }), 30_000, turnsOf(6));
    expect(shares(drawn.map(({ f }) => f))).toEqual(close(mix));
    const even = close({ 0: 0.2, 1: 0.2, 2: 0.2, 3: 0.2, 4: 0.2 });
    const valuesOf = (f: string) => drawn.filter((one) => one.f === f).map(({ value }) => (value as number[])[1]);
    expect(shares(valuesOf('write'))).toEqual(even);
    const pairs = valuesOf('cas') as unknown as readonly [number, number][];
    expect(shares(pairs.map(([from]) => from))).toEqual(even);
    expect(shares(pairs.map(([, to]) => to))).toEqual(even);
    expect(share(pairs, ([from, to]) => from === to)).toBeCloseTo(1 / 5, 1.5);
  });

  it('are of one key for each group of two workers a node: one that reads, and one that writes', () => {
    const drawn = draw(configured(test, { concurrency: 12 }), 1200, turnsOf(12));
    for (const [index, { f, value }] of drawn.entries()) {
      const worker = index % 12;
      expect(keyOf({ value })).toBe(worker < 6 ? 0 : 1);
      expect(f === 'read').toBe(worker % 6 < 3);
    }
  });

  it('of workers that are left over are of the last key', () => {
    const drawn = draw(configured(test, { concurrency: 16 }), 1600, turnsOf(16));
    const keys = drawn.map(keyOf);
    expect(keys).toEqual(drawn.map((_, index) => (index % 16 < 6 ? 0 : 1)));
  });

  it.each([1, 2, 3, 5])('are of one key, and of every kind at each node, with %i workers of 3 nodes', (concurrency) => {
    const drawn = draw(configured(test, { concurrency }), 6000 * concurrency, turnsOf(concurrency));
    expect(new Set(drawn.map(keyOf))).toEqual(new Set([0]));
    for (let worker = 0; worker < concurrency; worker++) {
      const own = drawn.filter((_, index) => index % concurrency === worker);
      expect(shares(own.map(({ f }) => f))).toEqual(close(mix));
    }
  });
});

describe('a key', () => {
  const TURNS = 40;
  /** The keys by the number of crashes so far: after each, all workers have turns. */
  const keysBy = (nodeCount: number, concurrency: number, crashesMax: number) => {
    const rounds = (crashesMax + 1) * TURNS * concurrency;
    // Worker 1 alone crashes.
    const turnAt = turnsOf(concurrency, (worker, index) =>
      worker === 1 ? Math.floor(index / (TURNS * concurrency)) : 0,
    );
    const drawn = draw(configured(test, { nodes: nodesOf(nodeCount), concurrency }), rounds, turnAt);
    return Array.from({ length: crashesMax + 1 }, (_, crash) => {
      const from = crash * TURNS * concurrency;
      return [...new Set(drawn.slice(from + concurrency, from + TURNS * concurrency).map(keyOf))];
    });
  };

  it('is done once more than 20 processes have belonged to its group', () => {
    // Ten workers: the eleventh crash brings the process with number 21, and ten stay for the next key.
    const keys = keysBy(5, 10, 22);
    expect(keys.slice(0, 11)).toEqual(Array(11).fill([0]));
    expect(keys.slice(11, 22)).toEqual(Array(11).fill([1]));
    expect(keys[22]).toEqual([2]);
  });

  it('counts workers that have not asked yet', () => {
    const turnAt = (index: number): Turn => ({ worker: 0, process: 10 * index, atMs: index });
    const drawn = draw(configured(test, { nodes: nodesOf(5), concurrency: 10 }), 23, turnAt);
    expect(drawn.map(keyOf)).toEqual([...Array(11).fill(0), ...Array(11).fill(1), 2]);
  });

  it('is followed by the next one that no group has', () => {
    const turnAt = (index: number): Turn => ({ worker: 0, process: 12 * index, atMs: index });
    const once = configured(test, { concurrency: 12 });
    expect([...new Set(draw(once, 100, turnAt).map(keyOf))]).toEqual([0, 2, 3, 4, 5, 6, 7]);
    // The probes go on with the same keys.
    expect(draw(once, 12, turnsOf(12)).map(keyOf)).toEqual([...Array(6).fill(7), ...Array(6).fill(1)]);
  });

  it('lasts where a group has more than 20 workers, too', () => {
    // Maelstrom finds no key for them, and hangs. Here the group may have twice as many processes.
    const keys = keysBy(11, 22, 24);
    expect(keys.slice(0, 23)).toEqual(Array(23).fill([0]));
    expect(keys.slice(23)).toEqual([[1], [1]]);
  });
});

describe('a probe', () => {
  it('is a write of the key of its group, which a right node can do in any state', () => {
    const once = configured(test, { concurrency: 12 });
    const next = once.createProbes?.(new SeededRandom('probes'));
    const drawn = Array.from({ length: 1200 }, (_, index) => next?.(turnsOf(12)(index)) as Invocation);
    expect(new Set(drawn.map(({ f }) => f))).toEqual(new Set(['write']));
    expect(drawn.map(keyOf)).toEqual(drawn.map((_, index) => (index % 12 < 6 ? 0 : 1)));
    const values = drawn.map(({ value }) => (value as readonly number[])[1]);
    expect(new Set(values)).toEqual(new Set([0, 1, 2, 3, 4]));
  });

  it('is answered ok also where the key is new', async () => {
    // Some requests are done and not answered, so keys are changed at times just before the probes.
    for (let seed = 0; seed < 8; seed++) {
      const right = sharing();
      let count = 0;
      const script: Script = (message, node) => {
        if (count++ % 12 !== 0) right(message, node);
      };
      const load = { test, concurrency: 6, timeLimitMs: 30_000, seed: `key ${seed}` };
      const { results } = await runAll(script, { ...load, faults: ['partition'] }).finish();
      expect(results['valid?']).toBe(true);
    }
  });
});

describe('the run', () => {
  const finish = (script: Script, options = {}) => runAll(script, { test, timeLimitMs: 5000, ...options }).finish();

  it.each([1, 3, 6, 12, 13])('is valid with %i workers, and has no final operations', async (concurrency) => {
    const { history, results } = await finish(sharing(), { concurrency, ratePerSecond: 100, strict: true });
    expect(results['valid?']).toBe(true);
    expect(Math.max(...[...history].map(({ time }) => time / 1e6))).toBeLessThan(5010);
  });

  it('is invalid with --strict where a read of a written key finds null, and without where it finds a wrong value', async () => {
    const load = { concurrency: 6, ratePerSecond: 100 };
    expect(
      (
        await finish(
          sharing(() => 7),
          load,
        )
      ).results['valid?'],
    ).toBe(false);
    expect(
      (
        await finish(
          sharing(() => null),
          load,
        )
      ).results['valid?'],
    ).toBe(true);
    expect(
      (
        await finish(
          sharing(() => null),
          { ...load, strict: true },
        )
      ).results['valid?'],
    ).toBe(false);
  });
});

describe('the last questions', () => {
  const WRITTEN = [invoke(0, 'write', [4, 1]), ok(0, 'write', [4, 1])];
  const SHOWN = [invoke(0, 'read', [4, null]), ok(0, 'read', [4, 1])];
  const SET = [invoke(0, 'cas', [4, [1, 2]]), ok(0, 'cas', [4, [1, 2]])];
  const REFUSED = [invoke(1, 'cas', [6, [1, 2]]), fail(1, 'cas', [6, [1, 2]])];
  const FAULT = nemesis('start-kill');

  function questionsAfter(...operations: readonly HandwrittenOperation[]) {
    return test.createFinalInvocations?.(new SeededRandom('last'), 3, handwritten(...operations));
  }

  it('are about what no fault let through, on a new key', () => {
    const round = [
      { f: 'write', value: [7, 0] },
      { f: 'cas', value: [7, [0, 1]], once: true },
      { f: 'read', value: [7, null], once: true },
    ];
    expect(questionsAfter(FAULT, ...WRITTEN, ...SHOWN, ...REFUSED)).toEqual([...round, ...round, ...round]);
  });

  it('are none if all worked, if nothing did, or without faults', () => {
    expect(questionsAfter(FAULT, ...WRITTEN, ...SHOWN, ...SET)).toEqual([]);
    expect(questionsAfter(FAULT, ...REFUSED)).toEqual([]);
    expect(questionsAfter(...WRITTEN, ...SHOWN, ...REFUSED)).toEqual([]);
  });

  /** Shares the registers, and finds another value whenever a cas is for a key below this. */
  function refusingBelow(key: number): Script {
    const script = sharing();
    return (message, node) => {
      if (message.body.type === 'cas' && message.body.key < key) node.reply(message, DIFFERENT);
      else script(message, node);
    };
  }

  it.each([
    ['find out that a cas works', 1, true],
    ['find out that it never does', Number.POSITIVE_INFINITY, false],
  ])('%s', async (_, refusedBelow, verdict) => {
    const load = { concurrency: 3, ratePerSecond: 10, timeLimitMs: 3000, nemesisIntervalMs: 100 };
    const run = runAll(refusingBelow(refusedBelow), { test, ...load, faults: ['partition'] });
    const { history, results } = await run.finish();
    expect(results.stats).toMatchObject({ 'valid?': verdict, 'by-f': { cas: { 'ok-count': 0 } } });
    expect([...history].at(-1)).toMatchObject({ f: 'read', type: 'ok', value: [1, verdict ? 1 : 0] });
  });
});
