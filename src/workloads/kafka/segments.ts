/**
 * The log of a key in the store: a chain of segments, `log/<key>/0`, `log/<key>/1` and so on. Offsets are dense: a
 * segment holds the messages from its `base` on. A segment takes messages until it is closed, and the change that fills
 * it also closes it. Only then may the next one be created. So exactly one segment of a chain takes messages, and a
 * closed one never changes.
 *
 * Each message has an id, drawn by the node that a client sent it to. A segment never takes an id that the log already
 * holds. So it does no harm if a message is sent again.
 */

import * as z from 'zod';
import { Documents, type ReadResult, type Stored } from '../../kv/documents.ts';
import type { Choice } from '../../kv/group-queue.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { BoundedMap } from '../../protocol/bounded-map.ts';
import { type KafkaLimits, SEGMENT_LENGTH_MAX } from './limits.ts';

/** A message of a log. It is kept as JSON text. */
export const Entry = z.tuple([z.string(), z.string()]);
/** The id of a message, and the message as JSON. */
export type Entry = readonly [id: string, text: string];

const Segment = z.object({
  base: z.int().min(0),
  entries: z.array(Entry),
  closed: z.boolean(),
});

export interface Segment {
  /** The offset of the first message. */
  readonly base: number;
  readonly entries: readonly Entry[];
  readonly closed: boolean;
}

/** Where a segment is stored. Error 12 for a key that is not well-formed text. */
export function segmentKey(key: string, index: number): string {
  return `log/${keyPart('key', key)}/${index}`;
}

/** The offset behind the last message of a segment. */
export function endOf({ base, entries }: Pick<Segment, 'base' | 'entries'>): number {
  return base + entries.length;
}

/**
 * The segment with these messages behind its own, but for those that it holds already; undefined if there is nothing to
 * add, or if the segment is closed.
 *
 * @param base where the segment begins if it does not exist yet
 */
export function extendSegment(
  segment: Segment | undefined,
  base: number,
  entries: readonly Entry[],
  segmentMax: number,
): Segment | undefined {
  if (segment?.closed) return undefined;
  const before = segment?.entries ?? [];
  const ids = new Set(before.map(([id]) => id));
  const added = entries.filter(([id]) => !ids.has(id));
  if (added.length === 0) return undefined;
  const all = [...before, ...added];
  const closed = all.length >= segmentMax || lengthOf(all) >= SEGMENT_LENGTH_MAX;
  return { base: segment?.base ?? base, entries: all, closed };
}

/** Characters. */
export function lengthOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, [, text]) => sum + text.length, 0);
}

/** The first of those that wait: at most `max`, and no more when their messages have become long. */
export function chooseShort<Waiting>(
  waiting: readonly Waiting[],
  max: number,
  entryOf: (one: Waiting) => Entry,
): Choice<Waiting> {
  let [count, length] = [0, 0];
  while (count < Math.min(waiting.length, max) && length < SEGMENT_LENGTH_MAX)
    length += entryOf(waiting[count++] as Waiting)[1].length;
  return { group: waiting.slice(0, count), later: waiting.slice(count) };
}

export class Segments {
  readonly documents: Documents<Segment>;
  /** Closed segments that were read, by their keys in the store. */
  readonly #closed: BoundedMap<string, Segment>;

  constructor(context: NodeContext, kv: LinearizableStore, { closed }: Pick<KafkaLimits, 'closed'>) {
    this.documents = new Documents<Segment>({ kv, context, name: 'segment', schema: Segment as z.ZodType<Segment> });
    this.#closed = new BoundedMap(closed);
  }

  read(key: string, index: number): Promise<ReadResult<Segment>> {
    return this.documents.read(segmentKey(key, index));
  }

  /** As it is now, or as it is for ever. Throws an RpcError if the store does not answer. */
  async lookUp(key: string, index: number): Promise<Segment | undefined> {
    const storeKey = segmentKey(key, index);
    const known = this.#closed.get(storeKey);
    if (known !== undefined) return known;
    const read = await this.documents.read(storeKey);
    if (read.kind !== 'ok') throw read.error;
    const { content } = read.stored;
    if (content?.closed) this.#closed.set(storeKey, content);
    return content;
  }
}

/** The segment of a chain that takes messages: the last one, or the one to be created behind it. */
export interface Tail {
  readonly index: number;
  readonly base: number;
  readonly stored: Stored<Segment>;
}
