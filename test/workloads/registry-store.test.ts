/** The store of a node: it is opened once, and all workloads keep their data in it. */

import { expect, it } from 'vitest';
import { StoreReservation } from '../../src/ids/fleet/store-reservation.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { MemoryEngine } from '../support/memory-store.ts';
import { TestNode } from '../support/test-node.ts';

const REQUESTS = [
  { type: 'generate' },
  { type: 'guid_assign', service: 's', key: 'k' },
  { type: 'voucher_create', code: 'v', limit: 3, amount: 5 },
  { type: 'redeem', code: 'v', user: 'u', request_id: 'r' },
  { type: 'account_open', account: 'a', balance: 10 },
  { type: 'account_open', account: 'b', balance: 0 },
  { type: 'transfer', request_id: 't', from: 'a', to: 'b', amount: 4 },
];

it('is opened once and keeps the documents of all workloads; nothing goes to lin-kv', async () => {
  const engine = new MemoryEngine();
  let openCount = 0;
  const node = new TestNode(
    startWorkloads({
      openStore: () => {
        openCount++;
        return engine.open();
      },
      openReservation: async (context, kv) => StoreReservation.ofPlace(context, kv),
      idLimits: {},
    }),
  );
  await node.init();
  for (const [index, request] of REQUESTS.entries()) {
    node.receive({ ...request, msg_id: 10 + index });
    await node.time.advance(100);
  }
  expect(node.bodies.map(({ type }) => type)).toEqual(REQUESTS.map(({ type }) => `${type}_ok`));
  expect(node.crashes).toEqual([]);
  expect(node.sent.filter(({ dest }) => dest !== 'c1')).toEqual([]);
  expect(openCount).toBe(1);
  const prefixes = [...engine.entries.keys()].map((key) => key.split('/')[0]);
  expect(new Set(prefixes)).toEqual(
    new Set(['node', 'guid', 'guid-page', 'feed', 'feed-page', 'v', 'vs', 'vn', 'w', 'vp', 'a', 's', 'p']),
  );
});
