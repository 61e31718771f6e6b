/**
 * One log of a run of kafka: what each process sent to it and polled from it. The log is that of the first anomaly, or
 * else the one with the most operations.
 */

import { indexPairs } from '../checkers/pairs.ts';
import type { History } from '../history/history.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { isRecord } from '../protocol/message.ts';

/** Anomalies of which others are consequences. */
const CAUSES = ['inconsistent-offsets', 'lost-write', 'duplicate'];

/** What is wrong with a log, as far as the result says. */
export interface LogAnomaly {
  /** The name of the error, or of the rule beyond Jepsen's. */
  readonly rule: string;
  readonly key: string;
  /** The messages that it names, by their canonical keys. */
  readonly messages: ReadonlySet<string>;
  /** The operations that the result lists with it, by index. */
  readonly operations: ReadonlySet<number>;
}

/** A message at its offset. */
export interface LogCell {
  readonly offset: number;
  readonly message: unknown;
}

/** An ok send, or what an ok poll has of the log. */
export interface LogEvent {
  readonly kind: 'send' | 'poll';
  readonly invocation: number;
  readonly completion: number;
  /** In the order of the answer. */
  readonly cells: readonly LogCell[];
}

/** The result of a checker of logs: it has these fields even if nothing is wrong. */
export function isLogResult(result: unknown): result is Readonly<Record<string, unknown>> {
  return isRecord(result) && 'bad-error-types' in result && 'error-types' in result;
}

/** The first anomaly that names a log; undefined if there is none. */
export function findAnomaly(result: Readonly<Record<string, unknown>>): LogAnomaly | undefined {
  const types = asList(result['bad-error-types']).filter((type) => typeof type === 'string');
  const ordered = [...CAUSES.filter((type) => types.includes(type)), ...types];
  const found = ordered.flatMap((type) => anomalyIn(type, result[type]) ?? []);
  if (found[0] !== undefined) return found[0];
  const rules = isRecord(result.beyond) ? Object.entries(result.beyond) : [];
  const [beyond] = rules.flatMap(([rule, report]) => anomalyIn(rule, report) ?? []);
  return beyond;
}

function anomalyIn(rule: string, report: unknown): LogAnomaly | undefined {
  if (!isRecord(report)) return undefined;
  const [first] = [...asList(report.errs), ...asList(report.examples)];
  if (isRecord(first) && first.key !== undefined) {
    const named = [...('value' in first ? [first.value] : []), ...asList(first.skipped ?? first.values)];
    return {
      rule,
      key: String(first.key),
      messages: new Set(named.map(canonicalKey)),
      operations: new Set(operationsIn(first)),
    };
  }
  // What was never polled has its messages by key, and no operations.
  const [unseen] = isRecord(report.messages) ? Object.entries(report.messages) : [];
  if (unseen === undefined) return undefined;
  const [key, messages] = unseen;
  return { rule, key, messages: new Set(asList(messages).map(canonicalKey)), operations: new Set() };
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The indices of all operations in an error, and those that a finding names. */
function operationsIn(error: unknown): readonly number[] {
  if (Array.isArray(error)) return error.flatMap(operationsIn);
  if (!isRecord(error)) return [];
  const { index, process, operation, operations } = error;
  if (typeof index === 'number' && process !== undefined) return [index];
  const named = [operation, ...asList(operations)].filter((one) => typeof one === 'number');
  return [
    ...named,
    ...Object.values(error).flatMap((part) => (isRecord(part) || isList(part) ? operationsIn(part) : [])),
  ];
}

const isList = Array.isArray as (value: unknown) => value is readonly unknown[];

/** The key with the most ok operations; undefined if there are none. */
export function busiestKey(history: History): string | undefined {
  const counts = new Map<string, number>();
  for (let index = 0; index < history.length; index++) {
    if (history.typeAt(index) !== 'ok' || history.isNemesisAt(index)) continue;
    for (const { key, cells } of partsAt(history, index))
      counts.set(key, (counts.get(key) ?? 0) + Math.min(cells.length, 1));
  }
  let busiest: string | undefined;
  for (const [key, count] of counts) if (count > (counts.get(busiest ?? '') ?? 0)) busiest = key;
  return busiest;
}

/** The ok operations on a log that have any of its messages, in the order of their completions. */
export function collectEvents(history: History, key: string): readonly LogEvent[] {
  const events: LogEvent[] = [];
  for (const { invocation, completion } of indexPairs(history)) {
    if (history.typeAt(completion) !== 'ok') continue;
    for (const part of partsAt(history, completion))
      if (part.key === key && part.cells.length > 0)
        events.push({ kind: part.kind, invocation, completion, cells: part.cells });
  }
  return events;
}

interface Part {
  readonly kind: LogEvent['kind'];
  readonly key: string;
  readonly cells: readonly LogCell[];
}

/** What a completion says of logs. Records of other harnesses may hold anything; what is no part is left out. */
function partsAt(history: History, index: number): readonly Part[] {
  return asList(history.valueAt(index)).flatMap((part): readonly Part[] => {
    const [f, first, second] = asList(part);
    if (f === 'send') return cellsOf([second]).map((cell) => ({ kind: 'send', key: String(first), cells: [cell] }));
    if (f !== 'poll' || !isRecord(first)) return [];
    return Object.entries(first).map(([key, pairs]) => ({ kind: 'poll', key, cells: cellsOf(asList(pairs)) }));
  });
}

function cellsOf(pairs: readonly unknown[]): readonly LogCell[] {
  return pairs.flatMap((pair) => {
    const [offset, message] = asList(pair);
    return typeof offset === 'number' ? { offset, message } : [];
  });
}
