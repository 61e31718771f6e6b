/** How one node finds a number, keeps it, changes it and gives it back; message by message, in virtual time. */

import { describe, expect, it } from 'vitest';
import { LeasedIds, type LeaseOptions } from '../../../src/ids/fleet/leased-ids.ts';
import { decodeSnowflake } from '../../../src/ids/snowflake.ts';
import { decodeUuid } from '../../../src/ids/uuid.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import type { NodeContext } from '../../../src/node/context.ts';
import type { Clock } from '../../../src/protocol/clock.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { NumberRig } from '../../support/number-rig.ts';

const THEIRS = 'n9/theirs';
const HOUR_MS = 3_600_000;
/** Longer than any update lasts. */
const LONG_MS = 10_000;
const RENEWAL_MS = 10_000;
/** A claim and the first range: a read, and two times compare-and-set. */
const FOUND_MS = 6;

class Member {
  readonly rig = new NumberRig();
  readonly warnings: string[] = [];
  readonly notes: string[] = [];
  /** What `health` says of its number. */
  findTrouble: () => string | undefined = () => 'not started';

  /** Starts `n0`, or the node given. */
  async start(options: LeaseOptions, own: Partial<NodeContext> = {}, nodeId = 'n0'): Promise<LeasedIds> {
    const quiet = () => {};
    const { context, node } = this.rig.begin(nodeId, {
      log: {
        debug: quiet,
        error: quiet,
        info: (text) => this.notes.push(text),
        warn: (text) => this.warnings.push(text),
      },
      diagnose: (_, findTrouble) => {
        this.findTrouble = findTrouble;
      },
      ...own,
    });
    this.stop = () => node.stop('the node stops');
    return this.rig.run(LeasedIds.start(context, new LinKvStore(context), options, {}));
  }

  stop = (): void => {};

  /** Stores a text under a number that is no record. */
  putText(number: number, value: string): void {
    this.rig.look('lin-kv', { type: 'write', key: `node/${number}`, value });
  }

  /** Another node takes the number, behind what was given out of it. */
  take(number: number, holder = THEIRS): void {
    this.rig.put(number, { holder, until: this.rig.record(number)?.until ?? null });
  }
}

function decodeAll(ids: Iterable<string>) {
  return [...ids].map((id) => {
    const { timestampMs, node, sequence } = id.includes('-') ? decodeUuid(id) : decodeSnowflake(id);
    return { timestampMs, node, sequence };
  });
}

/** A clock that stands still. */
function stopped(wallMs = T): Clock & { wall: number } {
  const clock = { wall: wallMs, wallMs: () => clock.wall, monotonicMs: () => 0 };
  return clock;
}

describe('a node without a number', () => {
  it('is started as soon as it has found one', async () => {
    const member = new Member();
    const ids = await member.start({});
    expect(member.rig.time.now()).toBe(FOUND_MS);
    expect(ids.figures()).toMatchObject({ node_number: 0, leases: 1, leases_lost: 0 });
    expect(member.findTrouble()).toBeUndefined();
    expect(member.notes).toEqual(['this node holds node number 0']);
    expect(member.warnings).toEqual([]);
  });

  it('is started without one after 5 s, and refuses with the reason', async () => {
    const member = new Member();
    member.rig.put(0, { holder: THEIRS, until: T });
    const ids = await member.start({ numberCount: 1 });
    expect(member.rig.time.now()).toBe(5000);
    const text = 'all 1 node numbers are held; one whose holder is not heard of for 30 s is taken over';
    const refusal = expect.objectContaining({ code: 11, message: `no ids: ${text}` });
    expect(() => ids.next()).toThrow(refusal);
    expect(() => ids.nextUuid()).toThrow(refusal);
    expect(() => ids.nextBatch(2, 'uuid')).toThrow(refusal);
    expect(member.findTrouble()).toBe(text);
    expect(ids.figures()).toEqual({
      issued: 0,
      borrowed_ms: 0,
      reservations: 0,
      reservations_lost: 0,
      node_number: -1,
      leases: 0,
      leases_lost: 0,
    });
  });

  it('looks four times within the lease of others, says so once, and takes over the one that expired', async () => {
    const member = new Member();
    member.rig.put(0, { holder: THEIRS, until: T });
    const ids = await member.start({ numberCount: 1 });
    await member.rig.pass(30_000);
    // Each look lasts 2 ms. The last one begins 30 s after the end of the first.
    expect(member.rig.timesOf('read')).toEqual([0, 7502, 15_004, 22_506, 30_008]);
    expect(ids.figures()).toMatchObject({ node_number: 0, leases: 1 });
    expect(member.warnings).toHaveLength(1);
    expect(member.findTrouble()).toBeUndefined();
  });

  it.each([
    ['every second', 30_000, 1000],
    ['four times within a short lease', 2000, 500],
  ])('asks a store that does not tell again %s', async (_, leaseMs, pauseMs) => {
    const member = new Member();
    member.putText(0, 'no record');
    const ids = await member.start({ leaseMs, numberCount: 1 });
    expect(member.rig.timesOf('read').slice(0, 4)).toEqual([0, 1, 2, 3].map((look) => look * (pauseMs + 2)));
    const text = 'lin-kv does not tell which node numbers are free';
    expect(() => ids.next()).toThrow(`no ids: ${text}`);
    expect(member.warnings).toEqual([text]);
    member.putText(0, JSON.stringify({ holder: null, until: T, ver: 1 }));
    await member.rig.pass(1000 + FOUND_MS);
    expect(decodeAll([ids.next() as string])).toMatchObject([{ node: 0 }]);
  });

  it('logs each new reason', async () => {
    const member = new Member();
    member.rig.put(0, { holder: THEIRS, until: T });
    await member.start({ leaseMs: 2000, numberCount: 1 });
    expect(member.rig.record(0)?.holder).toMatch(/^n0\//);
    member.take(0);
    await member.rig.pass(LONG_MS);
    expect(member.warnings).toEqual([
      'all 1 node numbers are held; one whose holder is not heard of for 2 s is taken over',
      expect.stringMatching(/^the lease of node number 0 was not renewed: .*: it is held by n9\/theirs$/),
      'all 1 node numbers are held; one whose holder is not heard of for 2 s is taken over',
    ]);
  });

  it('searches all numbers that an id can hold, and no other', async () => {
    const nodeIds = Array.from({ length: 1026 }, (_, number) => `n${number}`);
    const last = await new Member().start({}, { nodeIds }, 'n1023');
    expect(last.figures()).toMatchObject({ node_number: 1023 });
    for (const nodeId of ['n1024', 'n1025']) {
      const beyond = await new Member().start({}, { nodeIds }, nodeId);
      expect(beyond.figures()).toMatchObject({ node_number: expect.any(Number), leases: 1 });
      expect(beyond.figures().node_number).toBeLessThan(1024);
    }
  });

  it('takes back at once what an earlier life of it had', async () => {
    const member = new Member();
    member.rig.put(0, { holder: 'n0/earlier', until: T });
    const ids = await member.start({ numberCount: 2 });
    expect(member.rig.time.now()).toBe(FOUND_MS);
    expect(ids.figures()).toMatchObject({ node_number: 0, leases: 1 });
  });

  it('takes a number that was returned before anything was given out of it', async () => {
    const member = new Member();
    member.rig.put(0, { holder: null, until: null });
    expect((await member.start({ numberCount: 2 })).figures()).toMatchObject({ node_number: 0 });
  });

  it('asks for nothing more when it is told to end', async () => {
    const member = new Member();
    member.rig.put(0, { holder: THEIRS, until: T });
    await member.start({ numberCount: 1 });
    const { length } = member.rig.wire;
    member.stop();
    await member.rig.pass(100_000);
    expect(member.rig.wire).toHaveLength(length);
    expect(member.rig.time.timerCount).toBe(0);
  });
});

describe('a node that has claimed a number', () => {
  /** From the claim on, no compare-and-set reaches the store. */
  function claimOnly(member: Member): void {
    member.rig.lose(({ body }) => body.type === 'cas' && member.rig.requests('cas').length > 1);
  }

  it('asks for its first range until it is stored, with a pause between, and keeps the number', async () => {
    const member = new Member();
    claimOnly(member);
    const ids = await member.start({ numberCount: 2 });
    expect(() => ids.next()).toThrow(/^no ids: node number 0 cannot be used: it is not known whether it happened: /);
    const claimed = member.rig.record(0);
    expect(claimed).toMatchObject({ ver: 1, until: null });
    await member.rig.pass(LONG_MS);
    const times = member.rig.timesOf('cas');
    const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] as number));
    // A second without an answer, and a second of pause.
    expect(Math.max(...gaps)).toBe(2000);
    member.rig.heal();
    await member.rig.pass(LONG_MS);
    expect(member.rig.record(0)).toMatchObject({ ver: 2, holder: claimed?.holder });
    expect(decodeAll([ids.next() as string])).toMatchObject([{ node: 0 }]);
    expect(member.rig.record(1)).toBeUndefined();
    expect(member.findTrouble()).toBeUndefined();
  });

  it('returns it when the node is told to end before there is a range', async () => {
    const member = new Member();
    claimOnly(member);
    await member.start({ numberCount: 2 });
    member.rig.heal();
    member.stop();
    await member.rig.pass(LONG_MS);
    expect(member.rig.record(0)).toEqual({ holder: null, until: null, ver: 2 });
    expect(member.rig.time.timerCount).toBe(0);
  });

  it('looks for another one, after a pause, if it loses it before there is a range', async () => {
    const member = new Member();
    // The claim is carried out after 3 ms; the range is asked for from 4 ms on.
    member.rig.time.schedule(4, () => member.take(0));
    const ids = await member.start({ numberCount: 2 });
    // The refusal and the record that shows the other holder, a second, and two looks before it claims.
    expect(member.rig.time.now()).toBe(8 + 1000 + 2 + FOUND_MS);
    expect(member.rig.record(0)).toEqual({ holder: THEIRS, until: null, ver: 2 });
    expect(ids.figures()).toMatchObject({ node_number: 1, leases: 1, leases_lost: 0 });
    expect(member.warnings).toEqual([
      expect.stringMatching(/^node number 0 cannot be used: node number 0 is no longer held by n0.*: it is held by n9/),
    ]);
  });

  it('returns it, and looks for another one, if the clock does not allow ids from there on', async () => {
    const member = new Member();
    member.rig.put(0, { holder: null, until: T });
    const clock = { wallMs: () => (member.rig.time.now() < 3 ? T : T - 48 * HOUR_MS), monotonicMs: () => 0 };
    const ids = await member.start({ numberCount: 2 }, { clock });
    expect(member.rig.record(0)).toEqual({ holder: null, until: T, ver: 3 });
    expect(member.warnings).toEqual([expect.stringMatching(/^node number 0 cannot be used: the wall clock is 48 h /)]);
    expect(ids.figures()).toMatchObject({ node_number: 1, leases: 1 });
  });
});

describe('a node with a number', () => {
  it('makes ids of both kinds with it, in one ascending sequence', async () => {
    const ids = await new Member().start({}, { clock: stopped() });
    const made = [
      ids.next() as string,
      ids.nextUuid() as string,
      ...(ids.nextBatch(2, 'snowflake')?.toArray() ?? []),
      ...(ids.nextBatch(2, 'uuid')?.toArray() ?? []),
      await ids.nextReserved(),
      await ids.nextUuidReserved(),
      ...(await ids.nextBatchReserved(2, 'snowflake')).toArray(),
    ];
    expect(decodeAll(made)).toEqual(
      Array.from({ length: 10 }, (_, sequence) => ({ timestampMs: T, node: 0, sequence })),
    );
    expect(made.map((id) => id.includes('-'))).toEqual([0, 1, 0, 0, 1, 1, 0, 1, 0, 0].map(Boolean));
    expect(ids.figures()).toMatchObject({ issued: 10, lead_ms: 0, reservations: 1 });
  });

  it('renews its lease three times within its time, and reserves a minute ahead each time', async () => {
    const member = new Member();
    await member.start({});
    await member.rig.pass(25_000);
    const renewals = [FOUND_MS + RENEWAL_MS, FOUND_MS + 2 * RENEWAL_MS + 2];
    expect(member.rig.timesOf('cas')).toEqual([2, 4, ...renewals]);
    const bounds = member.rig.requests('cas').map(({ to }) => JSON.parse(to).until);
    expect(bounds).toEqual([null, ...[4, ...renewals].map((atMs) => T + atMs + 60_000)]);
    expect(member.rig.record(0)?.until).toBe(bounds.at(-1));
  });

  it('says that its lease is not renewed, until it is', async () => {
    const member = new Member();
    const ids = await member.start({});
    member.rig.cutStore();
    await member.rig.pass(RENEWAL_MS + LONG_MS);
    const text = /^the lease of node number 0 was not renewed: it is not known whether it happened: .* in 1000 ms$/;
    expect(member.findTrouble()).toMatch(text);
    expect(member.warnings).toEqual([expect.stringMatching(text)]);
    expect(decodeAll([ids.next() as string])).toMatchObject([{ node: 0 }]);
    member.rig.heal();
    await member.rig.pass(RENEWAL_MS);
    expect(member.findTrouble()).toBeUndefined();
    expect(ids.figures()).toMatchObject({ node_number: 0, leases: 1, leases_lost: 0 });
  });

  it('logs what its ids say of the clock', async () => {
    const member = new Member();
    const clock = stopped();
    const ids = await member.start({}, { clock });
    clock.wall += 48 * HOUR_MS;
    ids.next();
    expect(member.warnings).toEqual([expect.stringMatching(/^the wall clock is 48 h ahead of the clock of the ids/)]);
  });

  it('returns it when it is told to end, and asks for no other', async () => {
    const member = new Member();
    await member.start({});
    member.stop();
    await member.rig.pass(LONG_MS);
    expect(member.rig.record(0)).toMatchObject({ holder: null, ver: 3 });
    expect(member.rig.timesOf('read')).toHaveLength(1);
    expect(member.warnings).toEqual([]);
    expect(member.rig.time.timerCount).toBe(0);
  });
});

describe('a node that lost its number to another', () => {
  it('goes on in its range until it has another one, and then above all that it issued', async () => {
    const member = new Member();
    const ids = await member.start({ numberCount: 2 }, { clock: stopped() });
    // 4096 ids a millisecond: T, T + 1, T + 2.
    const before = decodeAll(ids.nextBatch(10_000, 'snowflake')?.toArray() ?? []);
    member.take(0);
    // The renewal, the claim, and the range of the other number, which takes long.
    member.rig.next('cas', [1]).next('cas', [1]).next('cas', [100]);
    await member.rig.pass(RENEWAL_MS + 50);
    expect(ids.figures()).toMatchObject({ issued: 10_000, leases: 1, leases_lost: 1 });
    const between = decodeAll(ids.nextBatch(10_000, 'snowflake')?.toArray() ?? []);
    await member.rig.pass(100);
    const after = decodeAll([ids.next() as string]);
    expect([...before, ...between].map(({ node }) => node)).toEqual(Array(20_000).fill(0));
    expect(between.at(-1)).toMatchObject({ timestampMs: T + 4 });
    expect(after).toEqual([{ timestampMs: T + 5, node: 1, sequence: 0 }]);
    expect(ids.figures()).toEqual({
      issued: 20_001,
      // T + 1 to T + 4 of the first number, and T + 5 of the second, whose clock begins at T + 3.
      borrowed_ms: 5,
      lead_ms: 2,
      reservations: 2,
      reservations_lost: 0,
      node_number: 1,
      leases: 2,
      leases_lost: 1,
    });
    expect(member.notes).toEqual(['this node holds node number 0', 'this node holds node number 1']);
    expect(member.findTrouble()).toBeUndefined();
  });

  it('goes on at once, a millisecond later, if the wall clock was set back meanwhile', async () => {
    const member = new Member();
    const clock = stopped();
    const ids = await member.start({ numberCount: 2 }, { clock });
    expect(decodeAll([ids.next() as string])).toEqual([{ timestampMs: T, node: 0, sequence: 0 }]);
    clock.wall -= HOUR_MS;
    member.take(0);
    await member.rig.pass(RENEWAL_MS + 50);
    expect(decodeAll([ids.next() as string])).toEqual([{ timestampMs: T + 1, node: 1, sequence: 0 }]);
    expect(ids.figures()).toMatchObject({ borrowed_ms: 0, lead_ms: 0 });
  });

  it('has none while it looks for another one, because the one it claimed was lost as well', async () => {
    const member = new Member();
    const ids = await member.start({ numberCount: 3 });
    const claims = () => [0, 1, 2].filter((number) => member.rig.record(number)?.holder?.startsWith('n0/'));
    member.take(0);
    let second: number | undefined;
    const loseSecond = () => {
      [second] = claims();
      if (second === undefined) member.rig.time.schedule(1, loseSecond);
      else member.take(second);
    };
    member.rig.time.schedule(RENEWAL_MS, loseSecond);
    await member.rig.pass(RENEWAL_MS + 500);
    expect(claims()).toEqual([]);
    expect(ids.figures()).toMatchObject({ node_number: -1, leases: 1, leases_lost: 1 });
    await member.rig.pass(1000);
    expect(claims()).toEqual([ids.figures().node_number]);
    expect(claims()).not.toContain(second);
    expect(ids.figures()).toMatchObject({ leases: 2, leases_lost: 1 });
  });

  it('has none while all are held', async () => {
    const member = new Member();
    const ids = await member.start({ numberCount: 1 });
    member.take(0);
    await member.rig.pass(RENEWAL_MS + 50);
    expect(ids.figures()).toMatchObject({ node_number: -1, leases: 1, leases_lost: 1 });
    expect(member.findTrouble()).toMatch(/^all 1 node numbers are held; /);
    // The rest of its range is still its own.
    expect(decodeAll([ids.next() as string])).toMatchObject([{ node: 0 }]);
  });

  it('does not take it back from a live node of the same name', async () => {
    const member = new Member();
    const ids = await member.start({ numberCount: 2 });
    member.take(0, 'n0/twin');
    await member.rig.pass(RENEWAL_MS + 50);
    expect(member.rig.record(0)).toMatchObject({ holder: 'n0/twin' });
    expect(ids.figures()).toMatchObject({ node_number: 1, leases: 2 });
  });
});
