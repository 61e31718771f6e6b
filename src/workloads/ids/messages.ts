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
 *
 * An id is always a text: JavaScript clients corrupt a decimal number beyond 2^53.
 */

import * as z from 'zod';
import { AssignmentRecord } from '../../ids/fleet/assignments.ts';
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
