/**
 * The slot of an id, of both kinds: its timestamp, node number and sequence. The owner of a slot makes one id from it,
 * a Snowflake id or a UUIDv7. So a slot in two ids was handed out twice, even if the ids look different.
 */

import type { TestFacts } from '../../../checkers/checker.ts';
import { Findings } from '../../../checkers/findings.ts';
import { fingerprint, recurring } from '../../../checkers/fingerprints.ts';
import { entryOf } from '../../../checkers/places.ts';
import { decodeSnowflake } from '../../../ids/snowflake.ts';
import { decodeUuid } from '../../../ids/uuid.ts';
import { RpcError } from '../../../protocol/errors.ts';
import { canonicalKey } from '../../../protocol/exact-json.ts';

export interface IdFacts {
  readonly kind: 'snowflake' | 'uuid';
  /** Unix milliseconds. */
  readonly timestampMs: number;
  readonly node: number;
  readonly sequence: number;
}

/** Where a UUID has its first hyphen, and a Snowflake id a digit. */
const HYPHEN_INDEX = 8;

/** The parts of an id; undefined if it is none. */
export function readId(id: unknown): IdFacts | undefined {
  if (typeof id !== 'string') return undefined;
  try {
    const kind = id[HYPHEN_INDEX] === '-' ? 'uuid' : 'snowflake';
    const { timestampMs, node, sequence } = kind === 'uuid' ? decodeUuid(id) : decodeSnowflake(id);
    return { kind, timestampMs, node, sequence };
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}

/** One id that one operation handed out. */
export interface Handout {
  readonly id: unknown;
  /** The index of the completion. */
  readonly operation: number;
}

/**
 * No id and no slot may be handed out twice. Two passes, so that millions fit into memory: first fingerprints, then the
 * ids whose fingerprints recur.
 */
export class SlotRule {
  readonly #fingerprints: Float64Array;
  #count = 0;

  /** @param handoutsMax the greatest number of handouts that will be observed */
  constructor(handoutsMax: number) {
    this.#fingerprints = new Float64Array(handoutsMax);
  }

  observe(id: unknown, facts: IdFacts | undefined): void {
    this.#fingerprints[this.#count++] = slotFingerprint(id, facts);
  }

  /** Judges the observed handouts, which are given a second time. */
  judge(handouts: Iterable<Handout>): Findings {
    const findings = new Findings();
    const suspects = recurring(this.#fingerprints.subarray(0, this.#count));
    if (suspects.size === 0) return findings;
    const slots = new Map<string, Handout[]>();
    for (const handout of handouts) {
      const facts = readId(handout.id);
      const slot = facts === undefined ? canonicalKey(handout.id) : slotName(facts);
      if (suspects.has(slotFingerprint(handout.id, facts))) entryOf(slots, slot, (): Handout[] => []).push(handout);
    }
    for (const sharing of slots.values()) if (sharing.length > 1) addShared(findings, sharing);
    return findings;
  }
}

/** One example names so many of the handouts that share a slot. */
const SHARING_LISTED_MAX = 8;

function addShared(findings: Findings, sharing: readonly Handout[]): void {
  const ids = [...new Map(sharing.map(({ id }) => [canonicalKey(id), id])).values()];
  const problem =
    ids.length === 1 ? 'one id was handed out more than once' : 'one slot was handed out in different ids';
  const operations = sharing.map(({ operation }) => operation).sort((one, other) => one - other);
  findings.add(problem, { ids: ids.slice(0, SHARING_LISTED_MAX), operations: operations.slice(0, SHARING_LISTED_MAX) });
}

/** A value that is no id has a slot of its own. */
function slotFingerprint(id: unknown, facts: IdFacts | undefined): number {
  return fingerprint(facts === undefined ? id : slotName(facts));
}

/** No canonical key looks like it. */
function slotName({ timestampMs, node, sequence }: IdFacts): string {
  return `${timestampMs} ${node} ${sequence}`;
}

interface LastId {
  readonly id: unknown;
  readonly facts: IdFacts;
}

/**
 * The ids that a client gets ascend by timestamp and sequence, over both kinds. A client is a worker: it asks one node,
 * one thing at a time. After a restart a node must continue above its earlier ids. The rule holds for each node number:
 * a node with a lease may get another number, and two numbers promise nothing about each other.
 */
export class OrderRule {
  readonly findings = new Findings();
  readonly #test: TestFacts;
  /** The last id of each node number, for each worker. */
  readonly #last = new Map<number, Map<number, LastId>>();

  constructor(test: TestFacts) {
    this.#test = test;
  }

  observe(process: number, { id, operation }: Handout, facts: IdFacts): void {
    const worker = process % this.#test.concurrency;
    const ofWorker = entryOf(this.#last, worker, () => new Map<number, LastId>());
    const last = ofWorker.get(facts.node);
    if (last !== undefined && !isAfter(facts, last.facts)) {
      const node = this.#test.nodes[worker % this.#test.nodes.length];
      this.findings.add('an id is not above the one before', { previous: last.id, id, process, node, operation });
    }
    ofWorker.set(facts.node, { id, facts });
  }
}

function isAfter(later: IdFacts, earlier: IdFacts): boolean {
  return (later.timestampMs - earlier.timestampMs || later.sequence - earlier.sequence) > 0;
}
