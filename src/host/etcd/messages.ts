/**
 * Requests and answers of the gateway, as far as the engine needs them. Keys and values travel in base64, 64-bit
 * numbers as texts. What is false, 0 or empty is left out of an answer. Unknown fields are ignored silently, so a wrong
 * name in a request would not be noticed: each is tested against a real etcd.
 */

import * as z from 'zod';

/** A compare-and-set of one key. */
export interface GuardedWrite {
  readonly key: Buffer;
  /** The revision of the value that it replaces; null: the key must not exist. */
  readonly revision: string | null;
  /** The next value; undefined: the key is removed. */
  readonly value: Buffer | undefined;
}

function guardedTxn({ key, revision, value }: GuardedWrite) {
  const name = key.toString('base64');
  const guard =
    revision === null ? { target: 'CREATE', create_revision: '0' } : { target: 'MOD', mod_revision: revision };
  const operation =
    value === undefined
      ? { request_delete_range: { key: name } }
      : { request_put: { key: name, value: value.toString('base64') } };
  return { compare: [{ key: name, result: 'EQUAL', ...guard }], success: [operation] };
}

/**
 * All in one request, each on its own: a nested transaction has its own compare and its own outcome. No key may be in
 * it twice.
 */
export function txnOfWrites(writes: readonly GuardedWrite[]): object {
  const nested = writes.map(guardedTxn);
  return nested.length === 1 ? (nested[0] as object) : { success: nested.map((txn) => ({ request_txn: txn })) };
}

const Revision = z.string().regex(/^[1-9]\d*$/);
const Header = z.object({ revision: Revision });
/** Every answer has one; that of a nested transaction is empty. */
const AnyHeader = z.object({ revision: Revision.optional() });
const GuardedAnswer = z.object({
  header: AnyHeader,
  succeeded: z.boolean().optional(),
  responses: z
    .array(
      z.object({
        response_put: z.object({ header: Header }).optional(),
        response_delete_range: z.object({ deleted: z.literal('1') }).optional(),
      }),
    )
    .optional(),
});
const NestedAnswer = z.object({ responses: z.array(z.object({ response_txn: GuardedAnswer })) });

/** `done`: with the revision of the new value; undefined if the key was removed. */
export type WriteOutcome =
  | { readonly kind: 'done'; readonly revision: string | undefined }
  | { readonly kind: 'guarded' };

/** The outcome of each write, in order; undefined if the answer does not fit the request. */
export function readWrites(writes: readonly GuardedWrite[], body: unknown): readonly WriteOutcome[] | undefined {
  const answers =
    writes.length === 1
      ? [GuardedAnswer.safeParse(body).data]
      : (NestedAnswer.safeParse(body).data?.responses.map((one) => one.response_txn) ?? []);
  if (answers.length !== writes.length) return undefined;
  const outcomes = writes.flatMap(({ value }, index) => readWrite(value, answers[index]) ?? []);
  return outcomes.length === writes.length ? outcomes : undefined;
}

function readWrite(
  value: Buffer | undefined,
  answer: z.infer<typeof GuardedAnswer> | undefined,
): WriteOutcome | undefined {
  if (answer === undefined) return undefined;
  if (answer.succeeded !== true) return { kind: 'guarded' };
  const [done] = answer.responses ?? [];
  if (value === undefined) return done?.response_delete_range && { kind: 'done', revision: undefined };
  return done?.response_put && { kind: 'done', revision: done.response_put.header.revision };
}

const Entry = z.object({ key: z.string(), mod_revision: Revision, value: z.string().optional() });
const RangeAnswer = z.object({ header: AnyHeader, kvs: z.array(Entry).optional(), more: z.boolean().optional() });
const RangesAnswer = z.object({ responses: z.array(z.object({ response_range: RangeAnswer })) });

export type RangeEntry = z.infer<typeof Entry>;

/** One key by `range`, several by a transaction that only reads. Both are linearizable: nothing says `serializable`. */
export function requestOfReads(keys: readonly Buffer[]): { readonly path: string; readonly body: object } {
  const ranges = keys.map((key) => ({ key: key.toString('base64') }));
  return ranges.length === 1
    ? { path: '/v3/kv/range', body: ranges[0] as object }
    : { path: '/v3/kv/txn', body: { success: ranges.map((range) => ({ request_range: range })) } };
}

/** For each key, in order, what is there; undefined if the answer does not fit the request. */
export function readReads(keys: readonly Buffer[], body: unknown): readonly (RangeEntry | undefined)[] | undefined {
  const ranges =
    keys.length === 1
      ? [RangeAnswer.safeParse(body).data]
      : (RangesAnswer.safeParse(body).data?.responses.map((one) => one.response_range) ?? []);
  if (ranges.length !== keys.length || ranges.includes(undefined)) return undefined;
  const entries = ranges.map((range) => range?.kvs?.[0]);
  const fits = (entry: RangeEntry | undefined, index: number) => entry?.key === keys[index]?.toString('base64');
  return entries.every((entry, index) => entry === undefined || fits(entry, index)) ? entries : undefined;
}

/** Keys from `first` on and below `end`, ascending, without their values. */
export function listRequest(first: Buffer, end: Buffer, limit: number): object {
  return { key: first.toString('base64'), range_end: end.toString('base64'), limit: String(limit), keys_only: true };
}

/**
 * Keys from `first` on and below `end`, ascending, with their values.
 *
 * @param revision as they were then; undefined: now
 */
export function pageRequest(first: Buffer, end: Buffer, limit: number, revision: string | undefined): object {
  const range = { key: first.toString('base64'), range_end: end.toString('base64'), limit: String(limit) };
  return revision === undefined ? range : { ...range, revision };
}

/** Undefined if it is no answer to a range. */
export function readRange(
  body: unknown,
): { readonly entries: readonly RangeEntry[]; readonly more: boolean } | undefined {
  const answer = RangeAnswer.safeParse(body).data;
  return answer && { entries: answer.kvs ?? [], more: answer.more ?? false };
}

/** The revision of the whole store, which every answer tells; undefined if this one does not. */
export function readRevision(body: unknown): string | undefined {
  return z.object({ header: Header }).safeParse(body).data?.header.revision;
}
