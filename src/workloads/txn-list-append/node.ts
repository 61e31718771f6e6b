/** What a node serves of txn-list-append. `committer.ts` says how transactions are made, and why they are right. */

import type { LinearizableStore } from '../../kv/store.ts';
import { storeTimings } from '../../kv/timings.ts';
import { type Handler, handler, type NodeContext } from '../../node/context.ts';
import { ReplyCache } from '../../node/reply-cache.ts';
import { canonicalKey } from '../../protocol/exact-json.ts';
import { requireValue } from '../node-requests.ts';
import type { ServedWorkload } from '../served-workload.ts';
import type { Mop } from '../transactions.ts';
import { type CommitRules, Committer } from './committer.ts';
import { Database, type DatabaseOptions } from './database.ts';
import { LIST_APPEND_LIMITS, type ListAppendLimits } from './limits.ts';
import { Txn } from './messages.ts';

/** Parts that a mutant may replace. */
export interface ListAppendParts {
  readonly limits?: ListAppendLimits;
  /** A name that no other life has, on any node. */
  readonly life?: string;
  readonly rules?: Partial<CommitRules>;
  readonly compact?: DatabaseOptions['compact'];
  readonly copies?: Pick<ReplyCache<object>, 'share'>;
}

export function listAppendHandlers(
  context: NodeContext,
  kv: LinearizableStore,
  { limits = LIST_APPEND_LIMITS, life = drawLife(context), rules, compact, copies }: ListAppendParts = {},
): readonly Handler[] {
  const database = new Database({ context, kv, limits, life, compact });
  const patienceMs = storeTimings(kv.patienceMs).updateMs;
  const committer = new Committer({ context, database, life, limits, patienceMs, rules });
  const known = copies ?? new ReplyCache<object>(context.clock);
  context.report('lists', () => ({ ...committer.figures, compactions: database.compactions }));
  return [
    handler(Txn, async (request, origin) => {
      requireValue(request.txn, 'body.txn');
      const reply = await known.share(origin, canonicalKey(request.txn), async () => ({
        txn: [...(await committer.execute(request.txn))],
      }));
      return reply as { txn: Mop[] };
    }),
  ];
}

/** 64 random bits behind the id of the node. */
function drawLife({ nodeId, randomUint32 }: NodeContext): string {
  return `${nodeId}-${randomUint32().toString(36)}${randomUint32().toString(36)}`;
}

export const txnListAppendNode: ServedWorkload = {
  name: 'txn-list-append',
  rpcs: [Txn],
  start: async (context, { kv, limits }) =>
    listAppendHandlers(context, kv, { limits: { ...LIST_APPEND_LIMITS, ...limits } }),
  whenAsked: true,
};
