/**
 * What the store holds of sagas. `s/<id>` is a saga: log, state and answer in one document. So every transition is one
 * compare-and-set, and of two that exclude each other only one succeeds. `p/<member>` is an index: the sagas that a
 * member (`kv/members.ts`) may have left unfinished.
 *
 *     running(stage) … → PIVOT → committing(stage) … → committed
 *     running(stage)   → compensating(step) … compensating(0) → aborted
 *
 * The states are those of Garcia-Molina and Salem (Sagas, 1987), with the pivot of later practice. Before it everything
 * can be compensated. After it everything is retried until it is done.
 */

import * as z from 'zod';
import { Documents } from '../kv/documents.ts';
import { keyPart } from '../kv/key-part.ts';
import type { LinearizableStore } from '../kv/store.ts';
import { storeTimings } from '../kv/timings.ts';
import type { NodeContext } from '../node/context.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { fnv1a } from '../protocol/hash.ts';
import type { PersonalHash } from '../protocol/personal-hash.ts';

export const SagaState = z.enum(['running', 'compensating', 'committing', 'committed', 'aborted']);
export type SagaState = z.infer<typeof SagaState>;

/** A state that a saga entered. */
export const Transition = z.object({
  state: SagaState,
  at: z
    .int()
    .min(0)
    .describe(
      'Running and committing: the number of the stage that it began. Compensating: the number of the step being undone. Else 0.',
    ),
  node: z.string().describe('The id of the node that made the transition.'),
  time: z.string().describe('ISO 8601, by the clock of that node.'),
});
export type Transition = z.infer<typeof Transition>;

export const SagaRecord = z.object({
  /**
   * Its kind and input. '' and null if they were unknown when it was fenced off. Input is null also where the inputs of
   * finished sagas are forgotten ({@link forgetInput}).
   */
  kind: z.string(),
  input: z.unknown(),
  /** Stands for kind and input; see {@link digestOf}. */
  digest: z.string(),
  state: SagaState,
  at: z.int().min(0),
  /** Why it was aborted, or will be; '' for no reason. */
  reason: z.string(),
  /** Invariant: the last entry is the current state. The number of steps bounds the length. */
  history: z.array(Transition),
});
export type SagaRecord = z.infer<typeof SagaRecord>;

export const IndexRecord = z.object({
  /** Id and digest. */
  sagas: z.array(z.tuple([z.string(), z.string()])),
  /** Invariant: once true, it stays true, and there are no sagas. */
  closed: z.boolean().exactOptional(),
});
export type IndexRecord = z.infer<typeof IndexRecord>;

export interface SagaStore {
  readonly sagas: Documents<SagaRecord>;
  readonly indices: Documents<IndexRecord>;
}

/** The prefix of the keys of all indices. */
export const INDEX_NAME = 'p';

export function openSagaStore(context: NodeContext, kv: LinearizableStore): SagaStore {
  return {
    sagas: new Documents({ kv, context, name: 'saga', schema: SagaRecord }),
    indices: new Documents({
      kv,
      context,
      name: 'index of unfinished sagas',
      schema: IndexRecord,
      patienceMs: storeTimings(kv.patienceMs).indexMs,
    }),
  };
}

export function sagaKey(id: string): string {
  return `s/${keyPart('request_id', id)}`;
}

export function indexKey(member: string): string {
  return `${INDEX_NAME}/${keyPart('node', member)}`;
}

export function isTerminal({ state }: Pick<SagaRecord, 'state'>): boolean {
  return state === 'committed' || state === 'aborted';
}

/**
 * 16 hexadecimal digits that tell requests apart whose text would be too long to keep: 64 bits of FNV-1a. No protection
 * against malice.
 */
export function digestOf(kind: string, input: unknown): string {
  const text = canonicalKey([kind, input]);
  return hexadecimal(fnv1a(text)) + hexadecimal(fnv1a(`!${text}`));
}

/** Stands for a request where its text must not be kept. */
export type Digest = typeof digestOf;

/** Of which no text can be guessed without the key. The input is what identifies a person. */
export function keyedDigest(hash: PersonalHash): Digest {
  return (kind, input) => hash(canonicalKey([kind, input]));
}

/**
 * The record of a finished saga without what it was about. Its digest tells a repeated request from another one. One
 * that was begun without a key gets the digest of `digest`, so that its input cannot be guessed.
 */
export function forgetInput(digest: Digest): (record: SagaRecord) => SagaRecord {
  return (record) => ({
    ...record,
    input: null,
    digest: record.input === null ? record.digest : digest(record.kind, record.input),
  });
}

/**
 * Whether a saga is the one that this request asks for.
 *
 * @param digest of this node. A saga that was begun without a key has the other one
 */
export function isSameRequest(record: SagaRecord, kind: string, input: unknown, digest: Digest = digestOf): boolean {
  if (record.kind !== '' && record.input !== null)
    return canonicalKey([record.kind, record.input]) === canonicalKey([kind, input]);
  return record.digest === digest(kind, input) || record.digest === digestOf(kind, input);
}

function hexadecimal(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, '0');
}
