/** The messages of kafka, as Maelstrom defines them. Offsets and keys: `{"7": 2}`. */

import * as z from 'zod';
import { isExactInteger } from '../../protocol/exact-json.ts';
import { defineRpc } from '../../protocol/rpc.ts';

const Offset = z.custom<number>(isExactInteger, 'expected an integer');
const Offsets = z.record(z.string(), Offset);

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
  { msgs: z.record(z.string(), z.array(z.tuple([Offset, z.unknown()])).nullable()) },
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
