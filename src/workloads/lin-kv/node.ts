/** What a node serves of lin-kv: registers that all nodes keep by Raft. `messages.ts` declares the messages. */

import { type Handler, handler, type NodeContext, type RequestOrigin } from '../../node/context.ts';
import { ReplyCache } from '../../node/reply-cache.ts';
import { canonicalKey } from '../../protocol/exact-json.ts';
import type { Folder } from '../../protocol/folder.ts';
import type { RequestOf } from '../../protocol/rpc.ts';
import { decodeRaft, RAFT_RPCS, type RaftRpc } from '../../raft/wire.ts';
import { requireKept, requireNode, requireValue } from '../node-requests.ts';
import type { ServedWorkload } from '../served-workload.ts';
import { LIN_KV_LIMITS, type LinKvLimits } from './limits.ts';
import { Cas, Forward, Read, Results, Write } from './messages.ts';
import { proxyHandlers } from './proxy.ts';
import { Replica, type ReplicaParts } from './replica.ts';
import { type Operation, Requests, type RequestsParts } from './requests.ts';

/** The reply to a change, which says nothing more. */
type Done = Record<string, never>;

/** Parts that tests replace by wrong ones. */
export interface LinKvParts {
  readonly replica?: ReplicaParts;
  readonly requests?: RequestsParts;
  readonly copies?: Pick<ReplyCache<Done>, 'share'>;
}

/** The handlers of a member. @param folder where it keeps its log; undefined: nowhere, so it must not be killed */
export async function startMember(
  context: NodeContext,
  folder: Folder | undefined,
  limits: LinKvLimits,
  parts: LinKvParts = {},
): Promise<readonly Handler[]> {
  const replica = await Replica.open(context, folder, limits, parts.replica);
  const requests = new Requests(context, replica, limits, parts.requests);
  const copies = parts.copies ?? new ReplyCache<Done>(context.clock);
  const change = (origin: RequestOrigin, operation: Operation) => {
    requireValue(operation.args, 'body');
    return copies.share(origin, canonicalKey(operation), async () => {
      await requests.ask(operation);
      return {};
    });
  };
  return [
    handler(Read, async ({ key }) => {
      requireKept(key, 'body.key');
      return { value: await requests.ask({ f: 'read', args: [key ?? null] }) };
    }),
    handler(Write, ({ key, value }, origin) => change(origin, { f: 'write', args: [key ?? null, value ?? null] })),
    handler(Cas, ({ key, from, to }, origin) =>
      change(origin, { f: 'cas', args: [key ?? null, from ?? null, to ?? null] }),
    ),
    betweenNodes(context, Forward, (from, request) => requests.take(from, request)),
    betweenNodes(context, Results, (_, request) => requests.takeResults(request)),
    ...RAFT_RPCS.map((rpc) => raftHandler(context, rpc, replica)),
  ];
}

function raftHandler<R extends RaftRpc>(context: NodeContext, rpc: R, replica: Replica): Handler {
  return betweenNodes(context, rpc, (from, request) => replica.receive(from, decodeRaft(rpc, request)));
}

/** Takes a message from a member, and from nothing else. */
function betweenNodes<R extends typeof Forward | typeof Results | RaftRpc>(
  context: NodeContext,
  rpc: R,
  take: (from: string, request: RequestOf<R>) => void,
): Handler {
  const handle = (request: never, { src }: { src: string }) => {
    requireNode(context, src);
    take(src, request);
    return {};
  };
  return { rpc, handle };
}

export const linKvNode: ServedWorkload = {
  name: 'lin-kv',
  rpcs: [Read, Write, Cas, Forward, Results, ...RAFT_RPCS],
  whenAsked: true,
  start: async (context, { openFolder, limits, linKv }) =>
    linKv === 'service'
      ? proxyHandlers(context)
      : startMember(context, await openFolder?.(), { ...LIN_KV_LIMITS, ...limits }),
};
