/**
 * The entries of an audit, and the lines that hold them: a hash, a space, and the entry as JSON. The hash is over the
 * hash of the entry before and the whole JSON text, so it says what stood there, and after what.
 */

import * as z from 'zod';
import { isRecord } from '../protocol/message.ts';

/**
 * A hash of a text that follows another hash: 43 characters of base64url, 256 bits. With a secret in it, only who has
 * the secret can make one.
 */
export type ChainHash = (previous: string, text: string) => string;

/** A place in a chain: how many entries there are up to it, and the hash of the last of them. */
export const Place = z.object({ n: z.int().min(0), hash: z.string() });
export type Place = z.infer<typeof Place>;

/** The chain that was the newest when another began, and how far it had come. */
export const Predecessor = Place.extend({ chain: z.string() });
export type Predecessor = z.infer<typeof Predecessor>;

const Numbered = {
  /** From 1, without a gap. */
  n: z.int().min(1),
  /** Unix ms. Never less than that of the entry before. */
  at: z.int().min(0),
};

/** The first entry of a chain. */
const Started = z.strictObject({ ...Numbered, instance: z.string(), after: Predecessor.nullable() });

/** A change is about to be asked of the node. */
const Begun = z.strictObject({
  ...Numbered,
  /** `sub:` and the subject of a token, or an address. */
  who: z.string(),
  /** The type of the message. */
  what: z.string(),
  /** Method and path, as in the table of routes. */
  route: z.string(),
  /** The parameters. Names of people and accounts are hashed. */
  with: z.record(z.string(), z.json()),
  request_id: z.string().exactOptional(),
  /** 32 hexadecimal digits, as in a `traceparent`. */
  trace: z.string(),
});

/** What the node answered. */
const EndedEntry = z.strictObject({
  ...Numbered,
  /** The number of the entry that began it. */
  of: z.int().min(1),
  outcome: z.string(),
  /** What it brought about: numbers and ids. */
  result: z.record(z.string(), z.json()).exactOptional(),
});

const Entry = z.union([Begun, EndedEntry, Started]);
type Entry = z.infer<typeof Entry>;
export type BegunEntry = z.infer<typeof Begun>;
export type EndedEntry = z.infer<typeof EndedEntry>;

/** An entry that has no place yet. */
export type Draft = DistributiveOmit<Entry, 'n' | 'at'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export type Json = z.infer<ReturnType<typeof z.json>>;

/** Before the first entry of a chain: so no entry fits into another chain. */
export function originOf(chain: string, hash: ChainHash): Place {
  return { n: 0, hash: hash('', `snowstorm audit ${chain}`) };
}

/** Appends an entry. @param atMs unix ms */
export function writeLine(before: Place, draft: Draft, atMs: number, hash: ChainHash): { line: string; place: Place } {
  const n = before.n + 1;
  const text = `{"n":${n},"at":${atMs},${JSON.stringify(draft).slice(1)}`;
  const own = hash(before.hash, text);
  return { line: `${own} ${text}`, place: { n, hash: own } };
}

/** A line taken apart. `entry` is undefined if it is none that this version knows. */
export interface ReadLine {
  readonly n: number;
  readonly at: number;
  readonly hash: string;
  readonly text: string;
  readonly entry: Entry | undefined;
}

const LINE = /^([\w-]{43}) (\{.*\})$/s;

/** Undefined: it is no line of an audit. */
export function readLine(line: string): ReadLine | undefined {
  const [, hash = '', text = ''] = LINE.exec(line) ?? [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const numbered = z.object(Numbered).safeParse(value);
  if (!numbered.success) return undefined;
  return { ...numbered.data, hash, text, entry: Entry.safeParse(value).data };
}
