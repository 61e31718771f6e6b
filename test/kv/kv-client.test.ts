/**
 * What the clients of all stores do alike, and what each store promises on top of it. The services are those of the
 * simulator, behind real nodes.
 */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LinTso } from '../../src/harness/services/lin-tso.ts';
import { LwwKv } from '../../src/harness/services/lww-kv.ts';
import { SeqKv } from '../../src/harness/services/seq-kv.ts';
import type { Service } from '../../src/harness/services/service.ts';
import { KvClient, type KvResult, STORES, type StoreName, TimestampOracle } from '../../src/kv/kv-client.ts';
import { ERRORS, RpcError } from '../../src/protocol/errors.ts';
import { type RandomSource, SeededRandom } from '../../src/protocol/random.ts';
import { LATENCY_MS, LOST, StoreRig } from '../support/store-rig.ts';

const DEADLINE_MS = 100;
const DONE = { kind: 'ok', value: undefined };
const CODE = {
  timeout: RpcError.of('timeout').code,
  missing: RpcError.of('key-does-not-exist').code,
  refused: RpcError.of('precondition-failed').code,
};

interface Promises {
  /** A client that writes and then reads sees what it has written. */
  readonly readsItsOwn: boolean;
  /** Every client that reads later sees what was acknowledged to another. */
  readonly readsOthers: boolean;
  /** Of two compare-and-sets from the same value one succeeds. */
  readonly swapsOnce: boolean;
  /** A compare-and-set can create a key. */
  readonly creates: boolean;
}

interface StoreUnderTest {
  readonly create: (random: RandomSource) => Service;
  readonly promises: Promises;
}

const SUBJECTS: Readonly<Record<StoreName, StoreUnderTest>> = {
  'lin-kv': {
    create: () => new LinKv(),
    promises: { readsItsOwn: true, readsOthers: true, swapsOnce: true, creates: true },
  },
  'seq-kv': {
    create: (random) => new SeqKv(random),
    promises: { readsItsOwn: true, readsOthers: false, swapsOnce: true, creates: true },
  },
  'lww-kv': {
    create: (random) => new LwwKv(random, { replicas: 2, keepsMerges: true }),
    promises: { readsItsOwn: false, readsOthers: false, swapsOnce: false, creates: false },
  },
};

/**
 * Draws always the first choice: one replica, and the oldest state that a client may see. Only one client then sees its
 * own writes.
 */
const FIRST: RandomSource = { integer: () => 0 };

function open(store: StoreName, random: RandomSource = FIRST): { rig: StoreRig; kv: KvClient; others: KvClient } {
  const rig = new StoreRig(new Map([[store, SUBJECTS[store].create(random)]]));
  const client = (nodeId: string) => new KvClient(rig.start(nodeId).context, store, { deadlineMs: DEADLINE_MS });
  return { rig, kv: client('n0'), others: client('n1') };
}

/** An outcome in short: `ok`, or its kind and code. */
function inShort(result: KvResult<unknown>): string {
  return result.kind === 'ok' ? 'ok' : `${result.kind} ${result.error.code}`;
}

/** Each request by its type on the wire. */
const OPERATIONS: readonly (readonly [string, (kv: KvClient) => Promise<KvResult<unknown>>])[] = [
  ['read', (kv) => kv.read('k')],
  ['write', (kv) => kv.write('k', 'new')],
  ['cas', (kv) => kv.compareAndSet('k', 'old', 'new')],
];

describe.each(STORES)('the client of %s', (store) => {
  it('reads nothing if the key does not exist', async () => {
    const { rig, kv } = open(store);
    expect(await rig.run(kv.read('k'))).toEqual({ kind: 'ok', value: undefined });
  });

  it.each([
    [null],
    [false],
    [0],
    [-1.5],
    [''],
    ['text \u2028 "'],
    [[]],
    [[1, [null, 'a']]],
    [{}],
    [{ a: { b: [true] } }],
  ])('reads %j as it was written', async (value) => {
    const { rig, kv } = open(store);
    expect(await rig.run(kv.write('k', value))).toEqual(DONE);
    expect(await rig.run(kv.read('k'))).toEqual({ kind: 'ok', value });
    expect(await rig.run(kv.read('another'))).toEqual({ kind: 'ok', value: undefined });
  });

  it('replaces exactly the value that is there, and no other', async () => {
    const { rig, kv } = open(store);
    await rig.run(kv.write('k', 'one'));
    expect(inShort(await rig.run(kv.compareAndSet('k', 'zero', 'two')))).toBe(`definite ${CODE.refused}`);
    expect(await rig.run(kv.read('k'))).toEqual({ kind: 'ok', value: 'one' });
    expect(await rig.run(kv.compareAndSet('k', 'one', 'two'))).toEqual(DONE);
    expect(await rig.run(kv.read('k'))).toEqual({ kind: 'ok', value: 'two' });
    expect(inShort(await rig.run(kv.compareAndSet('another', 'one', 'two')))).toBe(`definite ${CODE.missing}`);
  });

  it('asks for creation only if the caller says that the key does not exist', async () => {
    const { rig, kv } = open(store);
    await rig.run(kv.compareAndSet('k', 'one', 'two'));
    await rig.run(kv.compareAndSet('k', null, 'two'));
    expect(rig.requests('cas')).toMatchObject([{ from: 'one' }, { from: null, create_if_not_exists: true }]);
    expect(rig.requests('cas')[0]).not.toHaveProperty('create_if_not_exists');
  });

  it('loses the race for a creation with error 22', async () => {
    const { rig, kv, others } = open(store);
    await rig.run(others.write('k', 'theirs'));
    // seq-kv may show a state before the race. But a creation is a change, and works on the newest state.
    expect(inShort(await rig.run(kv.compareAndSet('k', null, 'mine')))).toBe(`definite ${CODE.refused}`);
    expect(await rig.run(others.read('k'))).toEqual({ kind: 'ok', value: 'theirs' });
  });

  describe.each(OPERATIONS)('when it asks for %s', (type, ask) => {
    const errors = ERRORS.map(({ code, definite }) => [code, definite ? 'definite' : 'indefinite'] as const);
    it.each([...errors, [2, 'indefinite'], [1000, 'indefinite'], [-1, 'indefinite']] as const)(
      'treats error %i as %s',
      async (code, kind) => {
        const { rig, kv } = open(store);
        rig.answerNext(type, { type: 'error', code, text: 'as scripted' });
        const result = await rig.run(ask(kv));
        if (type === 'read' && code === CODE.missing) expect(result).toEqual({ kind: 'ok', value: undefined });
        else expect(result).toEqual({ kind, error: new RpcError(code, 'as scripted') });
      },
    );

    const malformed: readonly (readonly [string, object])[] = [
      ['of another type', { type: 'generate_ok', id: '1' }],
      ['with an error without a code', { type: 'error', text: 'no' }],
      ['with a code that is a text', { type: 'error', code: '22' }],
      ['with a code that is no integer', { type: 'error', code: 22.5 }],
      ...(type === 'read' ? [['without a value', { type: 'read_ok' }] as const] : []),
    ];
    it.each(malformed)('treats a reply %s as indefinite', async (_, body) => {
      const { rig, kv } = open(store);
      rig.answerNext(type, body);
      const result = await rig.run(ask(kv));
      expect(inShort(result)).toBe('indefinite 13');
      expect(result).toMatchObject({ error: { message: expect.stringContaining(`${store} answered ${type}`) } });
    });

    it.each([
      ['without a type', { code: 22 }],
      ['to another request', { type: `${type}_ok`, in_reply_to: 7 }],
      ['to no request', { type: `${type}_ok`, in_reply_to: null }],
    ])('ignores a reply %s', async (_, body) => {
      const { rig, kv } = open(store);
      rig.answerNext(type, body);
      expect(inShort(await rig.run(ask(kv)))).toBe(`indefinite ${CODE.timeout}`);
    });

    it.each([
      ['the request', type],
      ['the answer', `${type}_ok`],
    ])('waits its deadline and no longer when %s is lost', async (_, lost) => {
      const { rig, kv } = open(store);
      await rig.run(kv.write('k', 'old'));
      const beganMs = rig.time.now();
      rig.next(lost, LOST);
      expect(inShort(await rig.run(ask(kv)))).toBe(`indefinite ${CODE.timeout}`);
      expect(rig.time.now() - beganMs).toBe(DEADLINE_MS);
      const done = lost === type || type === 'read' ? 'old' : 'new';
      expect(await rig.run(kv.read('k'))).toEqual({ kind: 'ok', value: done });
    });

    it('does not use a reply after the deadline for a later request', async () => {
      const { rig, kv } = open(store);
      await rig.run(kv.write('k', 'old'));
      rig
        .next(`${type}_ok`, [DEADLINE_MS + 10])
        .next(type, [LATENCY_MS])
        .next(type, LOST);
      expect(inShort(await rig.run(ask(kv)))).toBe(`indefinite ${CODE.timeout}`);
      expect(inShort(await rig.run(ask(kv)))).toBe(`indefinite ${CODE.timeout}`);
    });

    it('ends at once when the node is told to end', async () => {
      const { rig } = open(store);
      const { context, node } = rig.start('n2');
      rig.next(type, LOST);
      const result = ask(new KvClient(context, store));
      node.stop('it was told to');
      expect(inShort(await rig.run(result))).toBe(`indefinite ${CODE.timeout}`);
      expect(rig.time.now()).toBe(0);
      expect(rig.time.timerCount).toBe(0);
    });
  });

  it('uses the first reply to a request delivered twice: ok, or a refusal of what was done', async () => {
    const { rig, kv } = open(store);
    await rig.run(kv.write('k', 'one'));
    rig.next('cas', [1, 2]);
    expect(await rig.run(kv.compareAndSet('k', 'one', 'two'))).toEqual(DONE);
    rig.next('cas', [1, 2]).next('cas_ok', LOST);
    expect(inShort(await rig.run(kv.compareAndSet('k', 'two', 'three')))).toBe(`definite ${CODE.refused}`);
    expect(await rig.run(kv.read('k'))).toEqual({ kind: 'ok', value: 'three' });
  });

  it('delivers no reply of an earlier life to a later one', async () => {
    const { rig } = open(store);
    const earlier = rig.start('n9');
    rig.next('write_ok', [50]);
    void new KvClient(earlier.context, store).write('k', 'old');
    await rig.pass(10);
    earlier.kill();
    rig.next('write', LOST);
    const later = new KvClient(rig.start('n9').context, store, { deadlineMs: DEADLINE_MS });
    expect(inShort(await rig.run(later.write('k', 'new')))).toBe(`indefinite ${CODE.timeout}`);
  });
});

describe('the promises of the stores', () => {
  const TRIALS: Readonly<Record<keyof Promises, (rig: StoreRig, one: KvClient, other: KvClient) => Promise<boolean>>> =
    {
      readsItsOwn: async (rig, one) => {
        await rig.run(one.write('k', 'new'));
        return holds(await rig.run(one.read('k')), 'new');
      },
      readsOthers: async (rig, one, other) => {
        await rig.run(one.write('k', 'new'));
        return holds(await rig.run(other.read('k')), 'new');
      },
      swapsOnce: async (rig, one, other) => {
        await rig.run(one.write('k', 'old'));
        await rig.run(one.write('k', 'old'));
        await rig.run(one.write('k', 'old'));
        const swaps = [one, other].map((kv, index) => kv.compareAndSet('k', 'old', `new ${index}`));
        const results = await rig.run(Promise.all(swaps));
        return results.filter(({ kind }) => kind === 'ok').length <= 1;
      },
      creates: async (rig, one) => inShort(await rig.run(one.compareAndSet('k', null, 'new'))) === 'ok',
    };
  const SEEDS = Array.from({ length: 40 }, (_, index) => index);

  function holds(result: KvResult<unknown>, value: string): boolean {
    return result.kind === 'ok' && result.value === value;
  }

  const promises = STORES.flatMap((store) =>
    Object.entries(SUBJECTS[store].promises).map(
      ([name, kept]) => [store, kept ? 'always' : 'not always', name as keyof Promises] as const,
    ),
  );
  it.each(promises)('%s %s %s', async (store, when, name) => {
    const outcomes: boolean[] = [];
    for (const seed of SEEDS) {
      const { rig, kv, others } = open(store, new SeededRandom(seed));
      outcomes.push(await TRIALS[name](rig, kv, others));
    }
    expect(outcomes.every((kept) => kept)).toBe(when === 'always');
  });
});

describe('the timestamp oracle', () => {
  function openOracles(count: number): { rig: StoreRig; oracles: TimestampOracle[] } {
    const rig = new StoreRig(new Map([['lin-tso', new LinTso()]]));
    const oracles = Array.from(
      { length: count },
      (_, index) => new TimestampOracle(rig.start(`n${index}`).context, { deadlineMs: DEADLINE_MS }),
    );
    return { rig, oracles };
  }

  it('gives a number above all numbers given before the request', async () => {
    const { rig, oracles } = openOracles(3);
    const random = new SeededRandom('oracle');
    rig.drawFate = () => random.pick([[1], [7], [30], [2, 9], [4, 80], LOST]);
    const given: { readonly askedMs: number; readonly givenMs: number; readonly value: number }[] = [];
    let unheard = 0;
    const asks = oracles.map(async (oracle) => {
      for (let turn = 0; turn < 50; turn++) {
        const askedMs = rig.time.now();
        const result = await oracle.next();
        if (result.kind === 'ok') given.push({ askedMs, givenMs: rig.time.now(), value: result.value });
        else unheard++;
      }
    });
    await rig.run(Promise.all(asks));
    expect(given.length).toBeGreaterThan(50);
    expect(unheard).toBeGreaterThan(10);
    for (const one of given) {
      for (const other of given) if (one.givenMs < other.askedMs) expect(one.value).toBeLessThan(other.value);
    }
    expect(new Set(given.map(({ value }) => value)).size).toBe(given.length);
  });

  it.each([
    [{ type: 'ts_ok' }, 'indefinite 13'],
    [{ type: 'ts_ok', ts: '1' }, 'indefinite 13'],
    [{ type: 'ts_ok', ts: 1.5 }, 'indefinite 13'],
    [{ type: 'error', code: 11 }, 'definite 11'],
    [{ type: 'error', code: 13 }, 'indefinite 13'],
  ])('treats %j as %s', async (body, outcome) => {
    const { rig, oracles } = openOracles(1);
    rig.answerNext('ts', body);
    expect(inShort(await rig.run((oracles[0] as TimestampOracle).next()))).toBe(outcome);
  });

  it('waits for its deadline at most', async () => {
    const { rig, oracles } = openOracles(1);
    rig.next('ts', LOST);
    expect(inShort(await rig.run((oracles[0] as TimestampOracle).next()))).toBe(`indefinite ${CODE.timeout}`);
    expect(rig.time.now()).toBe(DEADLINE_MS);
  });
});
