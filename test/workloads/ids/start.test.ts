/** How a node that serves ids starts while its store is away. */

import { expect, it } from 'vitest';
import { StoreReservation } from '../../../src/ids/fleet/store-reservation.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { startIds } from '../../../src/workloads/ids/node.ts';
import type { NodePorts } from '../../../src/workloads/served-workload.ts';
import { NumberRig } from '../../support/number-rig.ts';

/** Longer than an update lasts. */
const AWAY_MS = 15_000;

const PORTS: NodePorts = {
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
