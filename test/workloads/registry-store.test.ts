/** The store of a node: it is opened once, and all workloads keep what they know in it. */

import { expect, it } from 'vitest';
import { StoreReservation } from '../../src/ids/fleet/store-reservation.ts';
import type { LinearizableStore, Token } from '../../src/kv/store.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { TestNode } from '../support/test-node.ts';

/** A store in memory, whose tokens are revisions. */
class MemoryStore implements LinearizableStore {
  readonly name = 'memory';
  readonly entries = new Map<string, { readonly text: string; readonly token: Token }>();
  #revision = 0;

  async read(key: string) {
    const entry = this.entries.get(key);
    return entry === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'found', ...entry } as const);
  }

  async replace(key: string, from: Token | null, text: string) {
    if ((this.entries.get(key)?.token ?? null) !== from) throw new Error(`${key} was changed by somebody else`);
    const token = `${++this.#revision}` as Token;
    this.entries.set(key, { text, token });
    return { kind: 'ok', token } as const;
  }
}

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
  const stores: MemoryStore[] = [];
  const node = new TestNode(
    startWorkloads({
      openStore: () => {
        stores.push(new MemoryStore());
        return stores.at(-1) as MemoryStore;
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
  expect(stores).toHaveLength(1);
  const prefixes = [...(stores[0] as MemoryStore).entries.keys()].map((key) => key.split('/')[0]);
  expect(new Set(prefixes)).toEqual(new Set(['node', 'guid', 'guid-page', 'v', 'vs', 'vn', 'w', 'vp', 'a', 's', 'p']));
});
