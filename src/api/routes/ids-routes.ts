/** Ids over HTTP. The messages are those of `workloads/ids`. */

import * as z from 'zod';
import { RpcError } from '../../protocol/errors.ts';
import {
  COUNT_MAX,
  FEED_LIMIT_DEFAULT,
  Generate,
  GuidAssign,
  GuidAssignments,
  GuidCommit,
  GuidStatus,
  IdKind,
} from '../../workloads/ids/messages.ts';
import { type Route, route } from '../route.ts';

const Count = z.int().min(1).max(COUNT_MAX).describe('So many ids at once, ascending, as `ids`.');

const Ids = z.object({
  id: z.string().optional(),
  ids: z.array(z.string()).optional().describe('If the request has a count.'),
});

/** A batch is a list that is JSON already, so the reply is passed on as it is. */
const idsIn = ({ id, ids }: { id?: string; ids?: unknown }) => ({
  body: (ids === undefined ? { id } : { ids }) as z.input<typeof Ids>,
});

const Feed = GuidAssignments.fields.request;

const GuidAssignmentsReply = z.object({
  assignments: GuidAssignments.fields.reply.assignments.describe('Empty only at the end.'),
  cursor: z.string().describe('For the next request.'),
});

export const IDS_ROUTES: readonly Route[] = [
  route('POST /generate', 'ids', 'A new UUID (version 7), or `count` of them; with `kind` snowflakes.', {
    fields: { count: Count.exactOptional(), kind: IdKind.exactOptional() },
    rpc: Generate,
    request: ({ kind = 'uuid', ...rest }) => ({ kind, ...rest }),
    reply: Ids,
    answer: idsIn,
  }),
  route('POST /guid/generate', 'ids', 'A new id of the `type` asked for, or `count` of them; snowflakes by default.', {
    fields: { type: IdKind.exactOptional(), count: Count.exactOptional() },
    query: ['type', 'count'],
    rpc: Generate,
    request: ({ type = 'snowflake', ...rest }) => ({ kind: type, ...rest }),
    reply: Ids,
    answer: idsIn,
  }),
  route('GET /guid/status/{guid}', 'ids', 'What an id tells: when and by which node it was made, and its assignment.', {
    fields: { guid: z.string() },
    rpc: GuidStatus,
    request: ({ guid }) => ({ id: guid }),
    reply: z.object({
      id: z.string(),
      kind: IdKind,
      created_at: z.string().describe('ISO 8601, in UTC.'),
      node: z.int(),
      sequence: z.int(),
      assignment: z
        .object({ service: z.string(), key: z.string(), node: z.string(), created_at: z.string() })
        .optional(),
    }),
    answer: ({ kind, timestamp, node, sequence, assignment }, { guid }) => ({
      body: { id: guid, kind, created_at: timestamp, node, sequence, ...(assignment && { assignment }) },
    }),
  }),
  route('POST /guid/assign', 'ids', 'The one id of a service and key: the same for ever, from every instance.', {
    fields: { service: GuidAssign.fields.request.service, key: GuidAssign.fields.request.key },
    rpc: GuidAssign,
    request: (input) => input,
    reply: z.object({ id: z.string() }),
    answer: ({ id }) => ({ body: { id } }),
  }),
  route('GET /guid/assignments', 'ids', 'The assignments of a service, in one order that never changes.', {
    fields: {
      service: Feed.service,
      after: Feed.after.describe('The cursor of an earlier answer. Without one: from the oldest that is kept.'),
      group: Feed.group.describe('In place of a cursor: a group of consumers, which has one that is committed.'),
      limit: Feed.limit.describe(`Default: ${FEED_LIMIT_DEFAULT}.`),
      wait: Feed.wait.describe('How long to wait for one if there is none, in s. Default: 0.'),
    },
    rpc: GuidAssignments,
    request: (input) => input,
    reply: GuidAssignmentsReply,
    answer: ({ assignments, cursor }) => ({ body: { assignments, cursor } }),
    failures: { 410: 'The cursor is older than what is kept.' },
    errors: { [RpcError.of('precondition-failed').code]: { status: 410, code: 'cursor_ended' } },
  }),
  route('POST /guid/assignments/commit', 'ids', 'Moves the cursor of a group forward. It never moves back.', {
    fields: GuidCommit.fields.request,
    rpc: GuidCommit,
    request: (input) => input,
    reply: z.object({ cursor: z.string().describe('Where the group is now.') }),
    answer: ({ cursor }) => ({ body: { cursor } }),
  }),
];
