/** What a node answers about the feed of assignments. `ids/README.md` says what the feed promises. */

import { decodeCursor, encodeCursor } from '../../ids/fleet/feed-cursor.ts';
import type { FeedGroups } from '../../ids/fleet/feed-groups.ts';
import type { FeedReader } from '../../ids/fleet/feed-reader.ts';
import { type Handler, handler } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { ReplyOf, RequestOf } from '../../protocol/rpc.ts';
import { FEED_LIMIT_DEFAULT, GuidAssignments, GuidCommit } from './messages.ts';

const MS_PER_S = 1000;

export type Reader = Pick<FeedReader, 'read' | 'reaches'>;
export type Groups = Pick<FeedGroups, 'placeOf' | 'commit'>;

export function feedHandlers(reader: Reader, groups: Groups): readonly Handler[] {
  return [
    handler(GuidAssignments, (request) => readFeed(reader, groups, request)),
    handler(GuidCommit, (request) => commit(reader, groups, request)),
  ];
}

async function readFeed(
  reader: Reader,
  groups: Groups,
  { service, after, group, limit = FEED_LIMIT_DEFAULT, wait = 0 }: RequestOf<typeof GuidAssignments>,
): Promise<ReplyOf<typeof GuidAssignments>> {
  if (after !== undefined && group !== undefined)
    throw RpcError.of('malformed-request', 'body.after: a group has a cursor of its own; expected one of the two');
  const from = group === undefined ? placeAfter(service, after) : await groups.placeOf(service, group);
  const { items, place } = await reader.read({ service, from, limit, waitMs: wait * MS_PER_S });
  return { assignments: [...items], cursor: encodeCursor(service, place) };
}

function placeAfter(service: string, after: string | undefined) {
  return after === undefined ? undefined : decodeCursor(service, after, 'after');
}

async function commit(
  reader: Reader,
  groups: Groups,
  { service, group, cursor }: RequestOf<typeof GuidCommit>,
): Promise<ReplyOf<typeof GuidCommit>> {
  const place = decodeCursor(service, cursor, 'cursor');
  // A group that is behind the end could never be moved back.
  if (!(await reader.reaches(service, place)))
    throw RpcError.of('abort', `body.cursor: is behind the end of the feed of ${service}`);
  return { cursor: encodeCursor(service, await groups.commit(service, group, place)) };
}
