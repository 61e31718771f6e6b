/** Which node numbers a node may claim, and when. */

import { describe, expect, it } from 'vitest';
import { Lease } from '../../../src/ids/fleet/lease.ts';
import { type ClaimResult, NodeNumbers, type NodeNumbersOptions } from '../../../src/ids/fleet/node-numbers.ts';
import { newHolder, numberRecords } from '../../../src/ids/fleet/number-record.ts';
import { searchOrder } from '../../../src/ids/fleet/search-order.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { NumberRig } from '../../support/number-rig.ts';
import { LATENCY_MS, LOST } from '../../support/store-rig.ts';

const LEASE_MS = 1000;
/** The duration of a read. */
const READING_MS = 2 * LATENCY_MS;
const MINE = 'n0/mine';
const THEIRS = 'n9/theirs';

class Claimant {
  readonly rig: NumberRig;
  readonly #numbers: NodeNumbers;

  constructor(rig: NumberRig, { context = rig.begin('n0').context, ...options }: Partial<NodeNumbersOptions> = {}) {
    this.rig = rig;
    const records = numberRecords(context, new LinKvStore(context));
    this.#numbers = new NodeNumbers({
      context,
      records,
      count: 1,
      leaseMs: LEASE_MS,
      canContinue: () => true,
      ...options,
    });
  }

  /** Begins a claim, for a test that advances the time itself. */
  begin(holder: string): Promise<ClaimResult> {
    return this.#numbers.claim(holder, false);
  }

  claim(holder = MINE, reclaims = false): Promise<ClaimResult> {
    return this.rig.run(this.#numbers.claim(holder, reclaims));
  }

  /** The claimed number, or why there is none. */
  async claimNumber(holder = MINE, reclaims = false): Promise<number | 'held' | 'silent'> {
    const result = await this.claim(holder, reclaims);
    return result instanceof Lease ? result.number : result;
  }
}

describe('a number is free at once', () => {
  it('that was never used; nothing was given out of it', async () => {
    const rig = new NumberRig();
    const lease = await new Claimant(rig).claim();
    expect(lease).toMatchObject({ number: 0, holder: MINE, lost: false });
    expect(await (lease as Lease).read()).toBeUndefined();
    expect(rig.record(0)).toEqual({ holder: MINE, until: null, ver: 1 });
  });

  it('that was returned, and goes on at its bound', async () => {
    const rig = new NumberRig();
    rig.put(0, { holder: null, until: T });
    const lease = await new Claimant(rig).claim();
    expect(await (lease as Lease).read()).toBe(T);
    expect(rig.record(0)).toEqual({ holder: MINE, until: T, ver: 2 });
  });

  it('that an earlier life of the same node had', async () => {
    const rig = new NumberRig();
    rig.put(0, { holder: 'n0/earlier', until: T });
    expect(await new Claimant(rig).claimNumber(MINE, true)).toBe(0);
    expect(rig.record(0)).toEqual({ holder: MINE, until: T, ver: 2 });
  });

  it('but not one of an earlier life for a node that lost its own: the new holder is alive', async () => {
    const rig = new NumberRig();
    rig.put(0, { holder: 'n0/earlier', until: T });
    expect(await new Claimant(rig).claimNumber(MINE, false)).toBe('held');
  });

  it.each(['n0/1/earlier', 'n/earlier', 'n00/earlier', 'm0/earlier'])(
    'but not that of another node with a similar name: %s',
    async (holder) => {
      const rig = new NumberRig();
      rig.put(0, { holder, until: T });
      expect(await new Claimant(rig).claimNumber(MINE, true)).toBe('held');
    },
  );

  it('that this claim took itself, when the reply was lost', async () => {
    const rig = new NumberRig();
    const claimant = new Claimant(rig);
    rig.lose(({ body }) => body.type === 'cas_ok' || (body.type === 'read_ok' && rig.requests('cas').length > 0));
    expect(await claimant.claimNumber()).toBe('held');
    rig.heal();
    expect(rig.record(0)).toMatchObject({ holder: MINE });
    expect(await claimant.claimNumber()).toBe(0);
    expect(rig.record(0)).toEqual({ holder: MINE, until: null, ver: 1 });
  });

  it('when the first reply of the claim is lost, without a second number', async () => {
    const rig = new NumberRig();
    rig.next('cas_ok', LOST);
    expect(await new Claimant(rig, { count: 4 }).claimNumber()).toBe(0);
    expect([1, 2, 3].map((number) => rig.record(number))).toEqual([undefined, undefined, undefined]);
  });
});

describe('a number that is held', () => {
  function heldByAnother(options?: Partial<NodeNumbersOptions>): { rig: NumberRig; claimant: Claimant } {
    const rig = new NumberRig();
    rig.put(0, { holder: THEIRS, until: T });
    return { rig, claimant: new Claimant(rig, options) };
  }

  it.each([
    ['a millisecond too early', LEASE_MS - 1, 'held'],
    ['after the lease time', LEASE_MS, 0],
  ])(
    'is taken over no earlier: %s from the end of one reading to the beginning of another',
    async (_, waitMs, expected) => {
      const { rig, claimant } = heldByAnother();
      // The beginning of the first reading and the end of the second one are further apart.
      rig.next('read_ok', [300]);
      expect(await claimant.claimNumber()).toBe('held');
      await rig.pass(waitMs);
      rig.next('read', [300]);
      expect(await claimant.claimNumber()).toBe(expected);
    },
  );

  it('goes on at the bound of the one before', async () => {
    const { rig, claimant } = heldByAnother();
    await claimant.claim();
    await rig.pass(LEASE_MS);
    expect(await ((await claimant.claim()) as Lease).read()).toBe(T);
    expect(rig.record(0)).toEqual({ holder: MINE, until: T, ver: 2 });
  });

  it('is never taken over while its record moves, after any number of looks', async () => {
    const { rig, claimant } = heldByAnother();
    for (let renewal = 1; renewal <= 20; renewal++) {
      expect(await claimant.claimNumber()).toBe('held');
      await rig.pass(LEASE_MS - READING_MS);
      expect(await claimant.claimNumber()).toBe('held');
      rig.put(0, { holder: THEIRS, until: T + renewal });
      await rig.pass(LEASE_MS);
    }
    expect(rig.record(0)).toMatchObject({ holder: THEIRS });
  });

  it('is not taken over when its holder renews between the read and the takeover', async () => {
    const { rig, claimant } = heldByAnother();
    await claimant.claim();
    await rig.pass(LEASE_MS);
    rig.next('cas', [100]);
    rig.time.schedule(50, () => rig.put(0, { holder: THEIRS, until: T + 500 }));
    expect(await claimant.claimNumber()).toBe('held');
    expect(rig.record(0)).toEqual({ holder: THEIRS, until: T + 500, ver: 2 });
    // And the renewal counts as a sign of life.
    expect(await claimant.claimNumber()).toBe('held');
  });

  it('is taken over by the monotonic clock of the claimant, with any wall clock', async () => {
    const rig = new NumberRig();
    let wallMs = T;
    const clock = { wallMs: () => wallMs, monotonicMs: () => rig.time.now() / 2 };
    rig.put(0, { holder: THEIRS, until: T });
    const claimant = new Claimant(rig, { context: rig.begin('n0', { clock }).context });
    expect(await claimant.claimNumber()).toBe('held');
    wallMs += 100 * LEASE_MS;
    await rig.pass(2 * LEASE_MS - 2);
    expect(await claimant.claimNumber()).toBe('held');
    wallMs -= 200 * LEASE_MS;
    expect(await claimant.claimNumber()).toBe(0);
  });

  it('is skipped for a free one', async () => {
    const { rig, claimant } = heldByAnother({ count: 2 });
    expect(await claimant.claimNumber()).toBe(1);
    expect(rig.record(0)).toMatchObject({ holder: THEIRS, ver: 1 });
  });
});

describe('of two claimants of one number', () => {
  it.each([
    ['that was never used', undefined],
    ['that was given back', { holder: null, until: T }],
  ])('one wins it, %s', async (_, record) => {
    for (let seed = 0; seed < 20; seed++) {
      const rig = new NumberRig(seed);
      if (record !== undefined) rig.put(0, record);
      const claimants = ['n0', 'n1'].map((nodeId) => new Claimant(rig, { context: rig.begin(nodeId).context }));
      rig.drawFate = () => [1 + ((rig.wire.length * (seed + 3)) % 7)];
      const results = await rig.run(Promise.all(claimants.map((claimant, index) => claimant.begin(`n${index}/token`))));
      const winners = results.filter((result) => result instanceof Lease);
      expect(winners).toHaveLength(1);
      expect(results).toContain('held');
      expect(rig.record(0)?.holder).toBe(winners[0]?.holder);
    }
  });
});

describe('a claim', () => {
  it('skips a number with an unbelievable bound, returned or not', async () => {
    const rig = new NumberRig();
    rig.put(0, { holder: null, until: T + 100 });
    rig.put(1, { holder: 'n0/earlier', until: T + 100 });
    const claimant = new Claimant(rig, { count: 3, canContinue: (until) => until === null || until <= T });
    expect(await claimant.claimNumber(MINE, true)).toBe(2);
    expect([0, 1].map((number) => rig.record(number)?.ver)).toEqual([1, 1]);
  });

  it('finds nothing if all are held, and reports so', async () => {
    const rig = new NumberRig();
    for (let number = 0; number < 5; number++) rig.put(number, { holder: `n${number + 1}/token`, until: T });
    expect(await new Claimant(rig, { count: 5 }).claimNumber()).toBe('held');
  });

  it('reads few records at first, more with every step, and all of them if none is free', async () => {
    const rig = new NumberRig();
    for (let number = 0; number < 200; number++) rig.put(number, { holder: `n${number + 1}/token`, until: T });
    expect(await new Claimant(rig, { count: 200 }).claimNumber()).toBe('held');
    const steps = rig.wire.map(({ body }) => (body.type === 'read' ? 'r' : ' ')).join('');
    expect(steps.split(/ +/).map(({ length }) => length)).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 9, 0]);
    expect(new Set(rig.requests('read').map(({ key }) => key)).size).toBe(200);
  });

  it('stops after the first step if the store is silent, and reports that', async () => {
    const rig = new NumberRig();
    rig.cutStore();
    expect(await new Claimant(rig, { count: 1024 }).claimNumber()).toBe('silent');
    expect(new Set(rig.requests('read').map(({ key }) => key)).size).toBe(1);
  });

  it('has a name of its own: the identity, and 64 random bits in hexadecimal', () => {
    const words = [0xabc, 0xffff_fffe];
    expect(newHolder('n0.example/7', () => words.shift() as number)).toBe('n0.example/7/00000abcfffffffe');
  });

  it('goes on beyond a record that cannot be read', async () => {
    const rig = new NumberRig();
    const { context } = rig.begin('n0');
    const [first, second, third, fourth] = searchOrder(context, 4) as [number, number, number, number];
    for (const number of [first, third]) rig.put(number, { holder: THEIRS, until: T });
    // Read side by side with the third one.
    rig.look('lin-kv', { type: 'write', key: `node/${second}`, value: 'no record' });
    expect(await new Claimant(rig, { context, count: 4 }).claimNumber()).toBe(fourth);
  });

  it('that the store did not answer may try the same number again at its next search', async () => {
    const rig = new NumberRig();
    rig.put(0, { holder: THEIRS, until: T });
    const claimant = new Claimant(rig);
    expect(await claimant.claimNumber()).toBe('held');
    await rig.pass(LEASE_MS);
    rig.lose(({ body }) => body.type === 'cas');
    expect(await claimant.claimNumber()).toBe('held');
    rig.heal();
    expect(await claimant.claimNumber()).toBe(0);
  });

  it('reports silence if one record could not be read and the others are held', async () => {
    const rig = new NumberRig();
    for (let number = 0; number < 4; number++) rig.put(number, { holder: `n${number + 1}/token`, until: T });
    rig.lose(({ body }) => body.type === 'read' && body.key === 'node/2');
    expect(await new Claimant(rig, { count: 4 }).claimNumber()).toBe('silent');
  });
});
