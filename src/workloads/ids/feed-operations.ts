/**
 * What the clients of the test do with the feeds of assignments. Readers keep cursors of their own, consumers share
 * those of their groups. Which cursor is used is decided when the request is sent, so an operation means the same in a
 * replay without some of the others.
 */

import * as z from 'zod';
import { type Client, type ClientResult, type Completion, completeWith } from '../../harness/client.ts';
import type { Invocation } from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import { defineRpc } from '../../protocol/rpc.ts';
import { FEED_LIMIT_MAX, GuidAssignments, GuidCommit } from './messages.ts';

/* What a client accepts from any node. The checker judges the values. */
const AssignmentsAny = defineRpc('guid_assignments', GuidAssignments.text, GuidAssignments.fields.request, {
  assignments: z.array(z.object({ id: z.unknown(), key: z.unknown() })),
  cursor: z.string(),
});
const CommitAny = defineRpc('guid_commit', GuidCommit.text, GuidCommit.fields.request, { cursor: z.string() });

const READERS = 3;
const GROUPS = ['a', 'b'];
const LIMITS = [1, 2, 7, 50, FEED_LIMIT_MAX];
/** Of a reader, now and then. */
const WAIT_S = 1;
const WAIT_INTERVAL = 4;

/** Of a whole feed, which then has ten million assignments. */
const WHOLE_ANSWERS_MAX = 10_000;

/** Cursors that may be committed, of each service. */
const RECENT_MAX = 8;
/** Any number: it is taken modulo the number of known cursors. */
const CHOICES = 1 << 16;
/** One commit in so many may take any recent cursor, the others the newest. */
const OLD_COMMIT_INTERVAL = 3;

export type Names = (name: string) => string;

export function drawFeed(random: SeededRandom, service: string): Invocation {
  const wait = random.integer(WAIT_INTERVAL) === 0 ? { wait: WAIT_S } : {};
  return { f: 'feed', value: { service, reader: random.integer(READERS), limit: random.pick(LIMITS), ...wait } };
}

export function drawConsume(random: SeededRandom, service: string, nameOf: Names): Invocation {
  return { f: 'consume', value: { service, group: nameOf(random.pick(GROUPS)), limit: random.pick(LIMITS) } };
}

export function drawCommit(random: SeededRandom, service: string, nameOf: Names): Invocation {
  const of = random.integer(OLD_COMMIT_INTERVAL) === 0 ? random.integer(CHOICES) : 0;
  return { f: 'commit', value: { service, group: nameOf(random.pick(GROUPS)), of } };
}

/** For the end: where a group is, and the whole of each feed. */
export function lastFeedRequests(services: readonly string[], nameOf: Names): readonly Invocation[] {
  const [service = '', group = ''] = [services[0], GROUPS[0]];
  return [
    { f: 'consume', value: { service, group: nameOf(group), limit: FEED_LIMIT_MAX } },
    { f: 'commit', value: { service, group: nameOf(group), of: 0 } },
    ...services.map((own) => ({ f: 'feed', value: { service: own, all: true } })),
  ];
}

/** The cursors that the clients of a run have. */
export class KnownCursors {
  /** By service and reader. */
  readonly #readers = new Map<string, string>();
  readonly #recent = new Map<string, string[]>();
  readonly #whole = new Map<string, OneAnswer[]>();

  /** What was read so far of the whole feed, from one node. */
  wholeOf(nodeId: string, service: string): OneAnswer[] {
    const name = `${nodeId} ${service}`;
    const answers = this.#whole.get(name) ?? [];
    this.#whole.set(name, answers);
    return answers;
  }

  ofReader(service: string, reader: number): string | undefined {
    return this.#readers.get(`${reader} ${service}`);
  }

  add(service: string, cursor: string, reader?: number): void {
    if (reader !== undefined) this.#readers.set(`${reader} ${service}`, cursor);
    const recent = this.#recent.get(service) ?? [];
    this.#recent.set(service, [...recent.filter((other) => other !== cursor), cursor].slice(-RECENT_MAX));
  }

  /** Counts back from the newest. Undefined: there is none. */
  choose(service: string, number: number): string | undefined {
    const recent = this.#recent.get(service) ?? [];
    return recent[recent.length - 1 - (number % Math.max(1, recent.length))];
  }
}

interface Asked {
  readonly service: string;
  readonly reader?: number;
  readonly group?: string;
  readonly limit?: number;
  readonly wait?: number;
  readonly all?: boolean;
  readonly of?: number;
}

interface Reply {
  readonly assignments: readonly { readonly id?: unknown; readonly key?: unknown }[];
  readonly cursor: string;
}

/** The client has checked the reply. */
function completeRead(result: ClientResult, asked: object, report: (reply: Reply) => object): Completion {
  return completeWith(result, asked, (body) => report(body as unknown as Reply));
}

export async function askForFeed(client: Client, value: unknown, known: KnownCursors): Promise<Completion> {
  const { service, reader, limit, wait, all } = value as Asked;
  if (all) return askForWholeFeed(client, service, known);
  const after = reader === undefined ? undefined : known.ofReader(service, reader);
  const asked = { service, ...(after !== undefined && { after }) };
  const result = await client.rpc(AssignmentsAny, {
    ...asked,
    ...(limit !== undefined && { limit }),
    ...(wait !== undefined && { wait }),
  });
  return completeRead(result, asked, (reply) => {
    known.add(service, reply.cursor, reader);
    return { service, answers: [answerIn(reply, after)] };
  });
}

/** One request after the other, until there is no more. One that failed goes on where it was when it is repeated. */
async function askForWholeFeed(client: Client, service: string, known: KnownCursors): Promise<Completion> {
  const answers = known.wholeOf(client.nodeId, service);
  for (;;) {
    const after = answers.at(-1)?.cursor;
    const asked = { service, limit: FEED_LIMIT_MAX, ...(after !== undefined && { after }) };
    const result = await client.rpc(AssignmentsAny, asked);
    const completion = completeRead(result, { service, all: true }, (reply) => {
      answers.push(answerIn(reply, after));
      known.add(service, reply.cursor);
      return { service, all: true, answers: [...answers] };
    });
    if (completion.type !== 'ok' || isWhole(answers)) return completion;
  }
}

/** A wrong node may lead back to where a reader was, or go on without end. The rules judge what it told. */
function isWhole(answers: readonly OneAnswer[]): boolean {
  const last = answers.at(-1) as OneAnswer;
  const isRound = answers.some((answer) => answer !== last && answer.cursor === last.cursor);
  return last.assignments.length === 0 || isRound || answers.length >= WHOLE_ANSWERS_MAX;
}

export async function consume(client: Client, value: unknown, known: KnownCursors): Promise<Completion> {
  const { service, group, limit } = value as Asked & { group: string; limit: number };
  return completeRead(await client.rpc(AssignmentsAny, { service, group, limit }), { service, group }, (reply) => {
    known.add(service, reply.cursor);
    return { service, group, answers: [answerIn(reply, undefined)] };
  });
}

/** Commits a cursor that a client has got, which may be older than that of the group. */
export async function commit(client: Client, value: unknown, known: KnownCursors): Promise<Completion> {
  const { service, group, of = 0 } = value as Asked & { group: string };
  const cursor = known.choose(service, of);
  if (cursor !== undefined) return commitCursor(client, { service, group, cursor });
  const first = await client.rpc(AssignmentsAny, { service, limit: 1 });
  if (first.kind !== 'ok') return completeRead(first, { service, group }, () => ({}));
  const answer = answerIn(first.body as unknown as Reply, undefined);
  return commitCursor(client, { service, group, cursor: answer.cursor }, { answers: [answer] });
}

/** @param facts for the history, with any outcome */
async function commitCursor(
  client: Client,
  asked: { readonly service: string; readonly group: string; readonly cursor: string },
  facts: object = {},
): Promise<Completion> {
  const value = { ...asked, ...facts };
  return completeWith(await client.rpc(CommitAny, asked), value, (reply) => ({ ...value, now: reply.cursor }));
}

interface OneAnswer {
  readonly after?: string;
  readonly assignments: readonly (readonly unknown[])[];
  readonly cursor: string;
}

function answerIn({ assignments, cursor }: Reply, after: string | undefined): OneAnswer {
  return {
    ...(after !== undefined && { after }),
    assignments: assignments.map(({ id, key }) => [id, key]),
    cursor,
  };
}
