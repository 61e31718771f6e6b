/** What a node answers about ids. `messages.ts` declares the messages. */

import { ASSIGNMENT_LIMITS, Assignments } from '../../ids/fleet/assignments.ts';
import { ENDED_ASSIGNMENTS } from '../../ids/fleet/ended-assignments.ts';
import { endedFeeds } from '../../ids/fleet/ended-feeds.ts';
import { FeedGroups } from '../../ids/fleet/feed-groups.ts';
import { FeedReader, feedWaitingMax } from '../../ids/fleet/feed-reader.ts';
import { FeedStore } from '../../ids/fleet/feed-records.ts';
import { LeasedIds } from '../../ids/fleet/leased-ids.ts';
import { IdGenerator } from '../../ids/id-generator.ts';
import type { IdSource } from '../../ids/id-source.ts';
import { decodeSnowflake } from '../../ids/snowflake.ts';
import { decodeUuid } from '../../ids/uuid.ts';
import { type Handler, handler, type NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { ReplyOf, RequestOf } from '../../protocol/rpc.ts';
import { formatTimestamp } from '../../protocol/timestamp.ts';
import type { ServedWorkload, WorkloadPorts } from '../served-workload.ts';
import { feedHandlers } from './feed-requests.ts';
import { Generate, GuidAssign, GuidAssignments, GuidCommit, GuidStatus } from './messages.ts';

type GenerateReply = ReplyOf<typeof Generate>;

/** Pause before a start is retried while the store is away, ms. */
const RETRY_MS = 100;

export async function startIds(context: NodeContext, ports: WorkloadPorts): Promise<readonly Handler[]> {
  const { kv, retention } = ports;
  const ids = await startSource(context, ports);
  context.report('ids', () => ids.figures());
  const limits = { ...ASSIGNMENT_LIMITS, ...ports.limits };
  const assignments = new Assignments(context, kv, ids, limits, retention);
  const store = new FeedStore(context, kv);
  const waitingMax = feedWaitingMax(context.inFlightMax);
  const reader = new FeedReader({ context, store, assignments, waitingMax });
  context.report('feeds', () => ({ waiting: reader.waitingCount }));
  retention?.add(ENDED_ASSIGNMENTS);
  retention?.add(endedFeeds(store));
  return [...idHandlers(ids, assignments), ...feedHandlers(reader, new FeedGroups(context, kv))];
}

export function idHandlers(ids: IdSource, assignments: Pick<Assignments, 'assign' | 'find'>): readonly Handler[] {
  return [
    handler(Generate, (request) => generate(ids, request)),
    handler(GuidStatus, ({ id }) => describeId(id, assignments)),
    handler(GuidAssign, async ({ service, key }) => ({ id: await assignments.assign(service, key) })),
  ];
}

async function startSource(context: NodeContext, ports: WorkloadPorts): Promise<IdSource> {
  if (ports.lease !== undefined) return LeasedIds.start(context, ports.kv, ports.lease, ports.idLimits);
  const reservation = await ports.openReservation(context, ports.kv);
  for (;;) {
    try {
      // Membership is static: a node's number is its place in `node_ids`.
      return await IdGenerator.start({
        node: context.nodeIds.indexOf(context.nodeId),
        clock: context.clock,
        random: context.randomUint32,
        reservation,
        warn: (text) => context.log.warn(text),
        ...ports.idLimits,
      });
    } catch (error) {
      // A node that is cut off from its store waits for it. If it is unknown whether a range was stored, only that
      // range is lost.
      const temporary = error instanceof RpcError && error.temporary;
      if (!temporary || !(await context.sleep(RETRY_MS))) throw error;
    }
  }
}

/** Ids that are available at once are answered at once: a promise costs more than an id. */
function generate(ids: IdSource, request: RequestOf<typeof Generate>): GenerateReply | Promise<GenerateReply> {
  const { count, kind = 'snowflake' } = request;
  if (count !== undefined) {
    const batch = ids.nextBatch(count, kind);
    return batch === undefined ? ids.nextBatchReserved(count, kind).then((late) => ({ ids: late })) : { ids: batch };
  }
  if (kind === 'uuid') {
    const uuid = ids.nextUuid();
    return uuid === undefined ? ids.nextUuidReserved().then((late) => ({ id: late })) : { id: uuid };
  }
  const id = ids.next();
  return id === undefined ? ids.nextReserved().then((late) => ({ id: late })) : { id };
}

/** What an id itself says, and what the store says of it. UUIDs are not assigned. */
async function describeId(id: string, assignments: Pick<Assignments, 'find'>): Promise<ReplyOf<typeof GuidStatus>> {
  const kind = id.includes('-') ? 'uuid' : 'snowflake';
  const { timestampMs, node, sequence } = kind === 'uuid' ? decodeUuid(id) : decodeSnowflake(id);
  const status = { kind, timestamp: formatTimestamp(timestampMs), node, sequence } as const;
  const record = kind === 'uuid' ? undefined : await assignments.find(id);
  if (record === undefined) return status;
  const { id: _id, ...assignment } = record;
  return { ...status, assignment };
}

export const idsNode: ServedWorkload = {
  name: 'ids',
  rpcs: [Generate, GuidStatus, GuidAssign, GuidAssignments, GuidCommit],
  start: startIds,
};
