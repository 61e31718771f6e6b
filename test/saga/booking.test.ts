/**
 * The engine with a saga without money: bookings in three stages, on several nodes, over a network that loses, doubles
 * and delays, by nodes that are killed and come back. In the end every booking is done completely and once, or it left
 * nothing.
 */

import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/protocol/random.ts';
import { MARKING, type Marking } from '../../src/saga/marks.ts';
import { isTerminal, type SagaRecord } from '../../src/saga/record.ts';
import { type Booking, type BookingNode, BookingRig, HOUSE } from '../support/booking.ts';
import { createFates, isCas, type Watched, watch } from '../support/saga-rig.ts';

const NODES = ['n0', 'n1', 'n2'];
const SHOWS = ['hamlet', 'faust'];
const SEATS = 12;
const GUESTS = ['ann', 'bob', 'cleo'];
const MONEY = 60;
const BOOKINGS = 30;
const FAULTS_MS = 6000;
/** Until every message has arrived, and all sagas are swept and removed from the index. */
const CALM_MS = 25_000;

function open(): { rig: BookingRig; node: BookingNode } {
  const rig = new BookingRig();
  for (const show of SHOWS) rig.putShow(show, SEATS);
  for (const guest of GUESTS) rig.putPurse(guest, MONEY);
  return { rig, node: rig.open('n0') };
}

const BOOKING: Booking = { id: 'x', show: 'hamlet', seat: 3, guest: 'ann', price: 20 };

describe('a booking', () => {
  it('reserves, takes the money and then tells both, in three stages', async () => {
    const { rig, node } = open();
    expect(await rig.run(node.book(BOOKING))).toMatchObject({ state: 'committed', kind: 'booking', input: BOOKING });
    expect(rig.path('x')).toEqual(['running 0', 'running 1', 'committing 2', 'committed 0']);
    expect(rig.seats('hamlet')[3]).toBe('x');
    expect(rig.money('ann')).toBe(40);
    expect([rig.letters('ann'), rig.letters(HOUSE)]).toEqual([['x'], ['x']]);
    expect(await rig.run(node.book(BOOKING))).toMatchObject({ state: 'committed' });
    expect(rig.letters(HOUSE)).toEqual(['x']);
  });

  it('of an occupied seat is refused, and costs nothing', async () => {
    const { rig, node } = open();
    await rig.run(node.book(BOOKING));
    expect(await rig.run(node.book({ ...BOOKING, id: 'y', guest: 'bob' }))).toMatchObject({
      state: 'aborted',
      reason: 'taken',
    });
    expect(rig.path('y')).toEqual(['running 0', 'compensating 0', 'aborted 0']);
    expect(rig.seats('hamlet')[3]).toBe('x');
    expect([rig.money('bob'), rig.letters('bob')]).toEqual([MONEY, []]);
  });

  it('that cannot be paid returns the seat', async () => {
    const { rig, node } = open();
    const record = await rig.run(node.book({ ...BOOKING, price: MONEY + 1 }));
    expect(record).toMatchObject({ state: 'aborted', reason: 'no money' });
    expect(rig.path('x')).toEqual(['running 0', 'running 1', 'compensating 1', 'compensating 0', 'aborted 0']);
    expect(rig.seats('hamlet')[3]).toBeNull();
    expect([rig.money('ann'), rig.letters(HOUSE)]).toEqual([MONEY, []]);
  });

  it.each([
    ['show/', 0],
    ['purse/', 0],
    ['mail/ann', 0],
    ['mail/house', 0],
    ['s/', 1],
    ['s/', 2],
    ['s/', 3],
  ])(
    'whose node dies before its compare-and-set of %s after %d others is done once by another',
    async (prefix, after) => {
      const { rig, node } = open();
      let seen = 0;
      rig.lose((message) => isCas(message, prefix, 'n0') && seen++ >= after);
      const asked = watch(node.book(BOOKING));
      await rig.pass(300);
      node.kill();
      rig.heal();
      rig.open('n1', ['n0', 'n1']);
      await rig.pass(CALM_MS);
      expect(asked.outcome).toBeUndefined();
      expect(rig.path('x')).toEqual(['running 0', 'running 1', 'committing 2', 'committed 0']);
      expect([rig.seats('hamlet')[3], rig.money('ann')]).toEqual(['x', 40]);
      expect([rig.letters('ann'), rig.letters(HOUSE)]).toEqual([['x'], ['x']]);
      expect(rig.index('n0')).toEqual([]);
    },
  );
});

interface World {
  readonly rig: BookingRig;
  readonly bookings: readonly Booking[];
  /** The answers, by booking. */
  readonly answers: ReadonlyMap<string, readonly Watched<SagaRecord>[]>;
}

async function live(seed: number, marking?: Marking): Promise<World> {
  const random = new SeededRandom(seed);
  const choices = random.fork('choices');
  const rig = new BookingRig(seed);
  rig.drawFate = createFates(random.fork('fates'));
  for (const show of SHOWS) rig.putShow(show, SEATS);
  for (const guest of GUESTS) rig.putPurse(guest, MONEY);
  const nodes = new Map(NODES.map((id) => [id, rig.open(id, NODES, marking)]));
  const bookings = Array.from(
    { length: BOOKINGS },
    (_, number): Booking => ({
      id: `x${number}`,
      show: choices.pick(SHOWS),
      seat: choices.integer(SEATS),
      guest: choices.pick(GUESTS),
      price: 1 + choices.integer(20),
    }),
  );
  const answers = new Map<string, Watched<SagaRecord>[]>();
  for (const booking of bookings) {
    answers.set(booking.id, []);
    for (let copies = 1 + choices.integer(2); copies > 0; copies--) {
      const id = choices.pick(NODES);
      rig.time.schedule(choices.integer(FAULTS_MS / 2), () => {
        const asked = nodes.get(id)?.book(booking);
        if (asked !== undefined) answers.get(booking.id)?.push(watch(asked));
      });
    }
  }
  for (let kills = choices.integer(4); kills > 0; kills--) {
    const id = choices.pick(NODES);
    rig.time.schedule(choices.integer(FAULTS_MS), () => {
      nodes.get(id)?.kill();
      nodes.delete(id);
      rig.time.schedule(1 + choices.integer(1500), () => {
        if (!nodes.has(id)) nodes.set(id, rig.open(id, NODES, marking));
      });
    });
  }
  await rig.pass(FAULTS_MS + 1500);
  rig.heal();
  await rig.pass(CALM_MS);
  return { rig, bookings, answers };
}

/** All errors of a world, in words. */
function findFaults({ rig, bookings, answers }: World): string[] {
  const faults: string[] = [];
  const spent = new Map(GUESTS.map((guest) => [guest, 0]));
  for (const { id, show, seat, guest, price } of bookings) {
    const record = rig.saga(id);
    if (record !== undefined && !isTerminal(record)) faults.push(`${id} is ${record.state}`);
    const isDone = record?.state === 'committed';
    if (isDone) spent.set(guest, (spent.get(guest) ?? 0) + price);
    if ((rig.seats(show)[seat] === id) !== isDone)
      faults.push(`${id} is ${record?.state}: ${rig.seats(show)[seat]} sits there`);
    for (const name of [guest, HOUSE]) {
      const count = rig.letters(name).filter((letter) => letter === id).length;
      if (count !== (isDone ? 1 : 0)) faults.push(`${id} is ${record?.state}: ${count} letters to ${name}`);
    }
    const told = answers.get(id) ?? [];
    for (const { outcome } of told) {
      if (outcome === undefined) continue;
      if ('ok' in outcome && outcome.ok.state !== record?.state) faults.push(`${id} was answered ${outcome.ok.state}`);
      if ('code' in outcome && outcome.code !== 11 && outcome.code !== 13) faults.push(`${id}: error ${outcome.code}`);
    }
    // "Nothing was begun" must be true if every request of the booking got that answer.
    const isRefused = told.every(({ outcome }) => outcome !== undefined && 'code' in outcome && outcome.code === 11);
    if (isRefused && isDone) faults.push(`${id} was refused and is done`);
  }
  for (const guest of GUESTS) {
    const money = rig.money(guest) ?? 0;
    if (money !== MONEY - (spent.get(guest) ?? 0)) faults.push(`${guest} has ${money}`);
  }
  for (const id of NODES)
    if ((rig.index(id) ?? []).length > 0) faults.push(`${id} lists ${JSON.stringify(rig.index(id))}`);
  return faults;
}

describe('many bookings on several nodes', () => {
  it.each(Array.from({ length: 8 }, (_, batch) => batch))(
    'are each done once or not at all, worlds %d',
    async (batch) => {
      const states = new Set<string | undefined>();
      for (let seed = batch * 10; seed < batch * 10 + 10; seed++) {
        const world = await live(seed);
        expect(findFaults(world), `seed ${seed}`).toEqual([]);
        for (const { id } of world.bookings) states.add(world.rig.saga(id)?.reason);
      }
      expect([...states]).toEqual(expect.arrayContaining(['', 'taken', 'no money']));
    },
  );

  it.each<[string, Marking]>([
    ['forgot marks at once', { ...MARKING, tidy: () => [] }],
    ['had no tombstones', { ...MARKING, tombstones: false }],
    ['never found a mark', { ...MARKING, find: () => undefined }],
  ])('would not be if the engine %s', async (_, marking) => {
    let seed = 0;
    for (; seed < 100; seed++) if (findFaults(await live(seed, marking)).length > 0) break;
    expect(seed).toBeLessThan(100);
  });
});
