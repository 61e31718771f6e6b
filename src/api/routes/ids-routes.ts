/** Ids over HTTP. The messages are those of `workloads/ids`. */

import * as z from 'zod';
import { COUNT_MAX, Generate, GuidAssign, GuidStatus, IdKind } from '../../workloads/ids/messages.ts';
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
];
