/**
 * The messages of the id service.
 *
 *     {"type": "generate"}
 *       → {"type": "generate_ok", "id": "595172839467794432"}
 *     {"type": "generate", "count": 3}
 *       → {"type": "generate_ok", "ids": ["595…", "595…", "595…"]}
 *     {"type": "generate", "kind": "uuid"}
 *       → {"type": "generate_ok", "id": "01964a7b-…"}
 *     {"type": "guid_status", "id": "595…"}
 *       → {"type": "guid_status_ok", "kind": "snowflake", "timestamp": "2026-…Z", "node": 7, "sequence": 0}
 *     {"type": "guid_assign", "service": S, "key": K}
 *       → {"type": "guid_assign_ok", "id": "595…"}
 *     {"type": "guid_assignments", "service": S, "after": C, "limit": 100, "wait": 20}
 *       → {"type": "guid_assignments_ok", "assignments": [{"id": "595…", "key": K}, …], "cursor": C}
 *     {"type": "guid_commit", "service": S, "group": G, "cursor": C}
 *       → {"type": "guid_commit_ok", "cursor": C}
 *
 * An id is always a text: JavaScript clients corrupt a decimal number beyond 2^53.
 */

import * as z from 'zod';
import { AssignmentRecord } from '../../ids/fleet/assignments.ts';
import { CURSOR_LENGTH_MAX } from '../../ids/fleet/feed-cursor.ts';
import { defineRpc } from '../../protocol/rpc.ts';
import { Texts } from '../../protocol/text-list.ts';

/** Ids in one request. */
export const COUNT_MAX = 10_000;

/** UTF-16 code units in the name of a service or a key. */
const NAME_LENGTH_MAX = 256;

export const IdKind = z.enum(['snowflake', 'uuid']);
export type IdKind = z.infer<typeof IdKind>;

export const Generate = defineRpc(
  'generate',
  'Answers with a new, unique id, or with `count` of them, ascending.',
  { count: z.int().min(1).max(COUNT_MAX).exactOptional(), kind: IdKind.exactOptional() },
  { id: z.string().exactOptional(), ids: Texts.exactOptional() },
);

/** The service and key that an id was assigned to. */
const Assignment = AssignmentRecord.omit({ id: true });

export const GuidStatus = defineRpc(
  'guid_status',
  'What is known of an id: when it was made, the node number, its sequence number within the millisecond, and its assignment. Error 12 if the argument is not an id.',
  { id: z.string() },
  {
    kind: IdKind,
    timestamp: z.string(),
    node: z.int(),
    sequence: z.int(),
    assignment: Assignment.exactOptional(),
  },
);

const Name = z.string().min(1).max(NAME_LENGTH_MAX);

export const GuidAssign = defineRpc(
  'guid_assign',
  'Answers with the one id of this service and key: the same for ever, from every node.',
  { service: Name, key: Name },
  { id: z.string() },
);

/** Assignments in one answer. */
export const FEED_LIMIT_MAX = 1000;
export const FEED_LIMIT_DEFAULT = 100;

/** How long a request may wait at the end of a feed, s. */
const FEED_WAIT_S_MAX = 20;

const Cursor = z.string().min(1).max(CURSOR_LENGTH_MAX);

export const GuidAssignments = defineRpc(
  'guid_assignments',
  'The assignments of a service in one order that never changes: those behind a cursor, or behind that of a group, or all that are kept. There are none only at the end. Error 22 if the cursor is older than what is kept, 14 if the feed never came so far.',
  {
    service: Name,
    after: Cursor.exactOptional(),
    group: Name.exactOptional(),
    limit: z.int().min(1).max(FEED_LIMIT_MAX).exactOptional(),
    wait: z.int().min(0).max(FEED_WAIT_S_MAX).exactOptional(),
  },
  { assignments: z.array(z.object({ id: z.string(), key: z.string() })), cursor: z.string() },
);

export const GuidCommit = defineRpc(
  'guid_commit',
  'Moves the cursor of a group of consumers forward; it never moves back. Answers with where it is then. Error 14 if the feed never came so far.',
  { service: Name, group: Name, cursor: Cursor },
  { cursor: z.string() },
);
