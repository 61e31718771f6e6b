/** The messages between members as they are on the wire. None is answered: an answer is a message of its own. */

import * as z from 'zod';
import type { Body } from '../protocol/message.ts';
import { defineRpc, type RequestOf } from '../protocol/rpc.ts';
import type { RaftMessage } from './messages.ts';

const count = z.int().min(0);

const Join = defineRpc(
  'raft_join',
  'Makes the incarnation of a member known, and asks whether there was another one before.',
  { incarnation: count },
  {},
);
const Joined = defineRpc(
  'raft_joined',
  'Answers `raft_join`: `known` is the first incarnation that the sender knew, `own` its own; `votes`: it has a vote.',
  { incarnation: count, known: count, own: count, votes: z.boolean(), term: count, last: count },
  {},
);
const Vote = defineRpc(
  'raft_vote',
  'Asks for a vote in an election; with `pre`, whether it would be given.',
  { pre: z.boolean(), term: count, last_index: count, last_term: count, incarnation: count, sent_ms: z.number() },
  {},
);
const Voted = defineRpc(
  'raft_voted',
  'Answers a request for a vote.',
  { pre: z.boolean(), term: count, granted: z.boolean(), incarnation: count, sent_ms: z.number() },
  {},
);
const Append = defineRpc(
  'raft_append',
  'Entries for the log, each a term and a command. Without entries a heartbeat.',
  {
    term: count,
    prev_index: count,
    prev_term: count,
    entries: z.array(z.tuple([count, z.string()])),
    commit: count,
    round: count,
    rtt_ms: count,
  },
  {},
);
const Appended = defineRpc(
  'raft_appended',
  'Up to where the logs agree. Without `match` they do not, and the hint says where they may.',
  {
    term: count,
    round: count,
    match: count.exactOptional(),
    hint_index: count.exactOptional(),
    hint_term: count.exactOptional(),
  },
  {},
);
const Part = defineRpc(
  'raft_part',
  'A part of a snapshot, for a member that is far behind.',
  {
    term: count,
    index: count,
    index_term: count,
    offset: count,
    data: z.string(),
    done: z.boolean(),
    round: count,
    rtt_ms: count,
  },
  {},
);
const Received = defineRpc(
  'raft_received',
  'Where the next part of the snapshot begins.',
  { term: count, round: count, index: count, offset: count },
  {},
);

/** By the kind of the message. */
const KINDS = {
  join: Join,
  joined: Joined,
  vote: Vote,
  voted: Voted,
  append: Append,
  appended: Appended,
  part: Part,
  received: Received,
} as const;

export const RAFT_RPCS = [Join, Joined, Vote, Voted, Append, Appended, Part, Received] as const;

export type RaftRpc = (typeof RAFT_RPCS)[number];

const KIND_OF = new Map<string, RaftMessage['kind']>(
  Object.entries(KINDS).map(([kind, { type }]) => [type, kind as RaftMessage['kind']]),
);

export function encodeRaft(message: RaftMessage): Body {
  const body: Record<string, unknown> & { type: string } = { type: KINDS[message.kind].type };
  for (const [name, value] of Object.entries(message)) {
    if (name === 'kind' || value === undefined) continue;
    body[snakeCase(name)] = name === 'entries' ? message.kind === 'append' && pairsOf(message.entries) : value;
  }
  return body;
}

/** @param request the checked fields of a message of this type */
export function decodeRaft<R extends RaftRpc>({ type }: R, request: RequestOf<R>): RaftMessage {
  const message: Record<string, unknown> = { kind: KIND_OF.get(type) };
  for (const [name, value] of Object.entries(request)) {
    message[camelCase(name)] =
      name === 'entries' ? (value as [number, string][]).map(([term, command]) => ({ term, command })) : value;
  }
  return message as unknown as RaftMessage;
}

function pairsOf(entries: readonly { term: number; command: string }[]): [number, string][] {
  return entries.map(({ term, command }) => [term, command]);
}

const SNAKE = new Map<string, string>();
const CAMEL = new Map<string, string>();
for (const { fields } of RAFT_RPCS) {
  for (const name of Object.keys(fields.request)) {
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    SNAKE.set(camel, name);
    CAMEL.set(name, camel);
  }
}

function snakeCase(name: string): string {
  return SNAKE.get(name) as string;
}

function camelCase(name: string): string {
  return CAMEL.get(name) as string;
}
