/**
 * Examples for the wire reference: the real answers of a node with a store, to one request after another. Its clock
 * stands still and its random draws are fixed, so the examples are always the same.
 */

import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { memoryPorts } from './memory-ports.ts';
import { type SentMessage, TestNode } from './test-node.ts';
import { settle } from './virtual-time.ts';

type Body = Readonly<Record<string, unknown>> & { readonly type: string };

export interface Exchange {
  readonly request: Body;
  readonly reply: SentMessage['body'];
}

const REQUESTS: readonly Body[] = [
  { type: 'init', node_id: 'n0', node_ids: ['n0', 'n1', 'n2'] },
  { type: 'health' },
  { type: 'echo', echo: { any: ['JSON', 1] } },
  { type: 'generate' },
  { type: 'generate', count: 2, kind: 'uuid' },
  { type: 'guid_assign', service: 'payment', key: 'order-17' },
  { type: 'guid_status', id: '539474735923200006' },
  { type: 'voucher_create', code: 'launch', limit: 1, amount: 500 },
  { type: 'redeem', code: 'launch', user: 'ada', request_id: 'r1' },
  { type: 'redeem', code: 'launch', user: 'ada', request_id: 'r2' },
  { type: 'redeem', code: 'launch', user: 'bob', request_id: 'r3' },
  { type: 'redeem', code: 'lunch', user: 'bob', request_id: 'r4' },
  { type: 'voucher_read', code: 'launch' },
  { type: 'voucher_report', code: 'launch', limit: 100, offset: 0 },
  { type: 'wallet_read', user: 'ada' },
  { type: 'account_open', account: 'ada', balance: 1000 },
  { type: 'account_open', account: 'bob', balance: 0 },
  { type: 'transfer', request_id: 'r1', from: 'ada', to: 'bob', amount: 30 },
  { type: 'transfer', request_id: 'r2', from: 'bob', to: 'ada', amount: 9000 },
  { type: 'transfer_status', request_id: 'r1' },
  { type: 'audit', accounts: ['ada', 'bob'] },
  { type: 'account_close', account: 'bob' },
];

/** How long it waits for an answer, and in which steps, in ms of the node's time. */
const ANSWER_MS_MAX = 5000;
const STEP_MS = 1;

/** Every exchange, in its order. */
export async function findExamples(requests: readonly Body[] = REQUESTS): Promise<Exchange[]> {
  const node = new TestNode(startWorkloads(memoryPorts()));
  const store = new LinKv();
  const exchanges: Exchange[] = [];
  for (const [index, { type, ...fields }] of requests.entries()) {
    const request = { type, msg_id: index + 1, ...fields };
    node.receive(request);
    exchanges.push({ request, reply: await awaitReply(node, store, request.msg_id) });
  }
  return exchanges;
}

async function awaitReply(node: TestNode, store: LinKv, messageId: number): Promise<SentMessage['body']> {
  for (let waitedMs = 0; waitedMs < ANSWER_MS_MAX; waitedMs += STEP_MS) {
    await settle();
    while (node.sent.length > 0) {
      const { dest, src, body } = node.sent.shift() as SentMessage;
      if (body.in_reply_to === messageId) return body;
      if (dest !== 'lin-kv') continue;
      node.receive({ in_reply_to: body.msg_id, ...store.handle(src, body) }, dest, src);
      await settle();
    }
    await node.time.advance(STEP_MS);
  }
  throw new Error(`nothing was answered to request ${messageId}`);
}
