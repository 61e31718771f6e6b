/** How a node that serves ids starts: with its place in `node_ids` or a leased number, and while its store is away. */

import { describe, expect, it } from 'vitest';
import { StoreReservation } from '../../../src/ids/fleet/store-reservation.ts';
import type { Reservation } from '../../../src/ids/reservation.ts';
import { decodeSnowflake } from '../../../src/ids/snowflake.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { startIds } from '../../../src/workloads/ids/node.ts';
import type { NodePorts } from '../../../src/workloads/served-workload.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { workloadPorts } from '../../support/memory-ports.ts';
import { MemoryReservation } from '../../support/memory-reservation.ts';
import { NumberRig } from '../../support/number-rig.ts';
import { TestNode } from '../../support/test-node.ts';

/** Longer than an update lasts. */
const AWAY_MS = 15_000;

const PORTS: Omit<NodePorts, 'openFolder' | 'retention'> = {
  openReservation: async (context, kv) => StoreReservation.ofPlace(context, kv),
  idLimits: {},
};

it.each([
  ['nothing reaches it', (rig: NumberRig) => rig.cutStore()],
  ['nothing is heard of it', (rig: NumberRig) => rig.silenceStore()],
  [
    'it falls silent before the first range is acknowledged (seed 83 of ids-in-the-store)',
    (rig: NumberRig) => rig.lose(({ src }) => src === 'lin-kv' && rig.requests('cas').length > 0),
  ],
])('a node waits for a store that is away, and then serves: %s', async (_, takeAway) => {
  const rig = new NumberRig();
  takeAway(rig);
  let started = false;
  const { context } = rig.begin('n0');
  const starting = startIds(context, { ...PORTS, kv: new LinKvStore(context) }).finally(() => {
    started = true;
  });
  starting.catch(() => {});
  await rig.pass(AWAY_MS);
  expect(started).toBe(false);
  rig.heal();
  expect((await rig.run(starting)).map(({ rpc }) => rpc.type)).toContain('generate');
});

describe('a node whose reservation', () => {
  /** The first raises fail like this; the moments of all of them. */
  function failing(rig: NumberRig, ...errors: Error[]): { reservation: Reservation; times: number[] } {
    const memory = new MemoryReservation();
    const times: number[] = [];
    const raise: Reservation['raise'] = async (from, to) => {
      times.push(rig.time.now());
      const error = errors.shift();
      if (error !== undefined) throw error;
      return memory.raise(from, to);
    };
    return { reservation: { read: () => memory.read(), raise }, times };
  }

  function start(rig: NumberRig, reservation: Reservation) {
    const { context, node } = rig.begin('n0');
    const openReservation = async () => reservation;
    return { node, starting: startIds(context, { ...PORTS, openReservation, kv: new LinKvStore(context) }) };
  }

  it('fails for now or may have succeeded tries again every tenth of a second', async () => {
    const rig = new NumberRig();
    const away = RpcError.of('temporarily-unavailable', 'away');
    const { reservation, times } = failing(rig, away, RpcError.of('crash', 'perhaps'), away);
    await rig.run(start(rig, reservation).starting);
    expect(times).toEqual([0, 100, 200, 300]);
  });

  it.each([
    ['an error of the protocol', RpcError.of('abort', 'it is not a record')],
    ['another error', new Error('the disk is full')],
  ])('fails for good does not start, and says why: %s', async (_, error) => {
    const rig = new NumberRig();
    const { reservation, times } = failing(rig, error);
    await expect(rig.run(start(rig, reservation).starting)).rejects.toBe(error);
    expect(times).toEqual([0]);
    expect(rig.time.now()).toBe(0);
  });

  it('fails for now when the node is told to end does not try again', async () => {
    const rig = new NumberRig();
    const away = RpcError.of('temporarily-unavailable', 'away');
    const { reservation, times } = failing(rig, away);
    const { node, starting } = start(rig, reservation);
    rig.time.schedule(50, () => node.stop('the node stops'));
    await expect(rig.run(starting)).rejects.toBe(away);
    expect(times).toEqual([0]);
  });
});

it('a node that leases its number takes a free one, whatever its place in node_ids', async () => {
  const rig = new NumberRig();
  rig.put(0, { holder: 'n9/theirs', until: T });
  const { context } = rig.begin('n0');
  await rig.run(startIds(context, { ...PORTS, lease: { numberCount: 2 }, kv: new LinKvStore(context) }));
  expect(rig.record(0)).toMatchObject({ holder: 'n9/theirs' });
  expect(rig.record(1)?.holder).toMatch(/^n0\//);
});

it('a node reports the figures of its ids, and logs what they say of the clock', async () => {
  let offMs = 0;
  const node = await new TestNode((context) => {
    const { clock } = context;
    const own = { ...context, clock: { ...clock, wallMs: () => clock.wallMs() + offMs } };
    return startIds(own, workloadPorts(own));
  }).init();
  node.receive({ type: 'generate', msg_id: 1, count: 5000 });
  expect(node.node.readMetrics().parts).toEqual({
    ids: { issued: 5000, borrowed_ms: 1, lead_ms: 1, reservations: 1, reservations_lost: 0 },
    feeds: { waiting: 0 },
  });
  offMs = 48 * 3_600_000;
  await node.time.advance(10);
  node.receive({ type: 'generate', msg_id: 2 });
  expect(decodeSnowflake(node.bodies[1].id).timestampMs).toBe(node.time.now() + 1_800_000_000_000);
  expect(node.logged).toMatchObject([
    { level: 'warn', message: expect.stringMatching(/^the wall clock is 48 h ahead of the clock of the ids/) },
  ]);
});
