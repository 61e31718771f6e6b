/**
 * One request on one state of a key-value store: the reply, and the one key that it writes. The three stores share this
 * and differ only in the state that a request sees. The state is a function from key to entry, so no store ever copies
 * its map.
 *
 *     {"type": "read", "key": K}                       → {"type": "read_ok", "value": V}   or error 20
 *     {"type": "write", "key": K, "value": V}          → {"type": "write_ok"}
 *     {"type": "cas", "key": K, "from": V, "to": W}    → {"type": "cas_ok"}   or error 20, 22
 */

import { canonicalKey, exactEquals } from '../../protocol/exact-json.ts';
import { printPlainly, printReadably } from './clojure-print.ts';
import type { ServiceBody } from './service.ts';

export interface Entry {
  readonly value: unknown;
}

/** A state of the store: the entry under a canonical key. */
export type Lookup = (key: string) => Entry | undefined;

export interface Write extends Entry {
  readonly key: string;
}

export interface KvOutcome {
  readonly reply: Record<string, unknown>;
  readonly write?: Write;
}

/** How lww-kv, a separate implementation in Maelstrom, differs from the other two. */
export interface KvDialect {
  readonly heedsCreateIfNotExists: boolean;
  /** Prints the expected value in the text of error 22. */
  readonly printExpected: (value: unknown) => string;
}

export const STANDARD: KvDialect = { heedsCreateIfNotExists: true, printExpected: printReadably };
export const LAST_WRITE_WINS: KvDialect = { heedsCreateIfNotExists: false, printExpected: printPlainly };

/** Whether a store answers requests of this type. */
export function isKvType(type: unknown): boolean {
  return type === 'read' || type === 'write' || type === 'cas';
}

/** Runs a request on a state, without changing it; undefined for a type that a store does not answer. */
export function runKv(lookup: Lookup, body: ServiceBody, dialect: KvDialect): KvOutcome | undefined {
  // An absent key is the key null: in Clojure both are nil.
  const key = canonicalKey(body.key);
  switch (body.type) {
    case 'read': {
      const entry = lookup(key);
      return entry === undefined ? missing() : { reply: { type: 'read_ok', value: entry.value } };
    }
    case 'write':
      return { reply: { type: 'write_ok' }, write: { key, value: body.value ?? null } };
    case 'cas':
      return compareAndSet(lookup(key), key, body, dialect);
    default:
      return undefined;
  }
}

function compareAndSet(entry: Entry | undefined, key: string, body: ServiceBody, dialect: KvDialect): KvOutcome {
  const done: KvOutcome = { reply: { type: 'cas_ok' }, write: { key, value: body.to ?? null } };
  if (entry === undefined)
    return dialect.heedsCreateIfNotExists && isTruthy(body.create_if_not_exists) ? done : missing();
  if (exactEquals(entry.value, body.from)) return done;
  const text = `current value ${printReadably(entry.value)} is not ${dialect.printExpected(body.from)}`;
  return { reply: { type: 'error', code: 22, text } };
}

/** As in Clojure: 0 and "" are true. */
function isTruthy(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}

function missing(): KvOutcome {
  return { reply: { type: 'error', code: 20, text: 'key does not exist' } };
}

/** Whether a write changes a state. */
export function changes(lookup: Lookup, write: Write | undefined): boolean {
  if (write === undefined) return false;
  const entry = lookup(write.key);
  return entry === undefined || !exactEquals(entry.value, write.value);
}
