/**
 * The messages of kafka, as Maelstrom defines them, and those between its nodes. Offsets and keys: `{"7": 2}`.
 *
 * An offset that is asked for, or committed, counts from 0 to 2^53 - 1. Error 11: the store could not be read, and
 * nothing happened. Error 13: it may have happened.
 */

import * as z from 'zod';
import { isExactInteger } from '../../protocol/exact-json.ts';
import { mapOf } from '../../protocol/map-of.ts';
import { defineRpc } from '../../protocol/rpc.ts';
import { Entry } from './segments.ts';

const Offset = z.custom<number>(isExactInteger, 'expected an integer');
const Offsets = mapOf(Offset);

export const Send = defineRpc(
  'send',
  'Appends a message to the log of a key, and answers with its offset.',
  { key: z.string(), msg: z.unknown() },
  { offset: Offset },
);

export const Poll = defineRpc(
  'poll',
  'Answers with messages of the keys, each with its offset, from the given offsets on.',
  { offsets: Offsets },
  { msgs: mapOf(z.array(z.tuple([Offset, z.unknown()])).nullable()).describe('By key: pairs of offset and message.') },
);

export const CommitOffsets = defineRpc(
  'commit_offsets',
  'Says that the messages of the keys are processed, up to and with these offsets.',
  { offsets: Offsets },
  {},
);

export const ListCommittedOffsets = defineRpc(
  'list_committed_offsets',
  'Answers with the highest committed offsets of the keys, where there are any.',
  { keys: z.array(z.string()) },
  { offsets: Offsets },
);

const LogEntries = z.object({
  key: z.string(),
  since: z.int().min(0).describe('Below it the log does not hold any of these messages.'),
  entries: z.array(Entry).describe('Each message as an id and its JSON.'),
});

const Appended = z.object({
  offsets: z.array(z.int().min(0)).nullable().describe('One for each message. Null: they may be in the log or not.'),
  from: z.int().min(0),
  entries: z.array(Entry).describe('Messages that the log has from the offset `from` on, up to its end.'),
});

export const AppendEntries = defineRpc(
  'append_entries',
  'From node to node: appends messages to logs that the receiver owns, each unless the log has it already.',
  { logs: z.array(LogEntries) },
  { results: z.array(Appended) },
);
