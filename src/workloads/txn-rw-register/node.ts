/**
 * What a node serves of txn-rw-register. `database.ts` executes transactions, `registers.ts` says what wins, and
 * `replication.ts` brings them to the other nodes.
 */

import { type Handler, handler, type NodeContext } from '../../node/context.ts';
import { ReplyCache } from '../../node/reply-cache.ts';
import { canonicalKey } from '../../protocol/exact-json.ts';
import type { Folder } from '../../protocol/folder.ts';
import { requireNode, requireValue } from '../node-requests.ts';
import type { ServedWorkload } from '../served-workload.ts';
import type { Mop } from '../transactions.ts';
import { REGISTER_RULES, RegisterDatabase, type RegisterRules } from './database.ts';
import { REGISTER_LIMITS, type RegisterLimits } from './limits.ts';
import { Replicate, Restore, Txn } from './messages.ts';
import { RegisterJournal } from './register-journal.ts';
import { Replication } from './replication.ts';
import { Restoration } from './restoration.ts';

/** Parts that a mutant may replace. */
export interface RegisterParts {
  readonly limits?: RegisterLimits;
  readonly rules?: Partial<RegisterRules>;
  readonly copies?: Pick<ReplyCache<Mop[]>, 'share'>;
  /** The origin of a node without a journal. */
  readonly newOrigin?: string;
}

export async function registerHandlers(
  context: NodeContext,
  folder: Folder | undefined,
  { limits = REGISTER_LIMITS, rules, copies, newOrigin = drawOrigin(context) }: RegisterParts = {},
): Promise<readonly Handler[]> {
  const database = await RegisterDatabase.open({
    context,
    limits,
    rules: { ...REGISTER_RULES, ...rules },
    openJournal: (replay) => RegisterJournal.open(folder, newOrigin, limits, replay),
  });
  const replication = new Replication({ context, database, limits });
  const restoration = new Restoration();
  const known = copies ?? new ReplyCache<Mop[]>(context.clock);
  context.report('registers', () => ({ ...database.figures, sent: replication.sent }));
  context.diagnose('registers', () => database.failure);
  replication.start();
  return [
    handler(Txn, async (request, origin) => {
      requireValue(request.txn, 'body.txn');
      return { txn: await known.share(origin, canonicalKey(request.txn), () => database.execute(request.txn)) };
    }),
    handler(Replicate, async (request, { src }) => {
      requireNode(context, src);
      replication.hear(src, request);
      await database.take(request.committed);
      return replication.sender;
    }),
    handler(Restore, async (request, { src }) => {
      requireNode(context, src);
      replication.hear(src, request);
      const state = restoration.add(src, request);
      if (state !== undefined) await database.restore(state);
      return replication.sender;
    }),
  ];
}

/** 64 random bits behind the id of the node. */
function drawOrigin({ nodeId, randomUint32 }: NodeContext): string {
  return `${nodeId}-${randomUint32().toString(36)}${randomUint32().toString(36)}`;
}

export const txnRwRegisterNode: ServedWorkload = {
  name: 'txn-rw-register',
  rpcs: [Txn, Replicate, Restore],
  start: async (context, { openFolder, limits }) =>
    registerHandlers(context, await openFolder?.(), { limits: { ...REGISTER_LIMITS, ...limits } }),
  whenAsked: true,
};
