/**
 * Logs with offsets: what was acknowledged must come out, each message at one offset, every process in order. Source:
 * `jepsen.tests.kafka` as Maelstrom uses it, fields and quirks included; the README beside this folder has a table.
 *
 * Where the real checker throws, this one decides. A polled message that was never sent is `no-writer-of-value`, and
 * invalid. An answer with an empty list, or a large offset, is nothing special.
 */

import { withBeyond } from '../../../checkers/beyond.ts';
import type { Checker, CheckResult } from '../../../checkers/checker.ts';
import { type Proof, withProofs } from '../../../checkers/proof.ts';
import type { History } from '../../../history/history.ts';
import { canonicalKey, stringifyExact } from '../../../protocol/exact-json.ts';
import { isRecord } from '../../../protocol/message.ts';
import { judgeKafkaBeyond } from './kafka-beyond.ts';
import { findErrors } from './kafka-errors.ts';
import { type KafkaEvents, readEvents } from './kafka-events.ts';
import { orderLogs } from './log-order.ts';
import { findCycles } from './realtime-cycles.ts';
import { worstRealtimeLag } from './realtime-lag.ts';
import { findUnseen } from './unseen.ts';

interface KafkaOptions {
  /** Whether a breach of `beyond` makes the run invalid. */
  readonly strict: boolean;
}

/** What is no error: transactions of several sends interleave. */
const ALLOWED: readonly string[] = ['int-send-skip'];

/** What is wrong, in a few words. */
const PROBLEMS: Readonly<Record<string, string>> = {
  G1a: 'a message was polled though its send failed',
  'G1c-realtime': 'a message was polled before its send began',
  duplicate: 'a message is at several offsets',
  'empty-transaction-graph': 'no two operations have to do with each other',
  'inconsistent-offsets': 'an offset has several messages',
  'int-nonmonotonic-poll': 'one poll goes back',
  'int-nonmonotonic-send': 'the sends of one operation go back',
  'int-poll-skip': 'one poll leaves messages out',
  'lost-write': 'an acknowledged message was never polled, though later ones were',
  'no-writer-of-value': 'a message was polled that nothing sent',
  'nonmonotonic-poll': 'a process polls what it has polled before',
  'nonmonotonic-send': 'the sends of a process are not in their order',
  'poll-skip': 'a process polls on behind messages that it has not polled',
  'precommitted-read': 'an operation polls what it sends',
  'strong-PL-2-cycle-exists': 'messages were polled before their sends began',
  unseen: 'acknowledged messages were never polled',
};

export function kafkaChecker({ strict }: KafkaOptions): Checker {
  return {
    check(_test, history) {
      const events = readEvents(history);
      if (isWithoutClients(history))
        return { 'valid?': 'unknown', error: 'no operations', summary: 'There are no operations to judge.' };
      const logs = orderLogs(events);
      const unseen = findUnseen(events);
      const errors = {
        ...findErrors(events, logs),
        ...findCycles(events),
        ...(unseen !== undefined && { unseen }),
      };
      const types = Object.keys(errors).sort();
      const bad = types.filter((type) => !ALLOWED.includes(type));
      const result: CheckResult = {
        'valid?': bad.length === 0,
        'worst-realtime-lag': worstRealtimeLag(events),
        'bad-error-types': bad,
        'error-types': types,
        'info-txn-causes': infoCauses(events),
        ...errors,
        ...withProofs(bad.map((type) => proofOf(type, errors[type as keyof typeof errors]))),
        ...(bad.length > 0 && { summary: summarize(bad, errors) }),
      };
      return withBeyond(result, judgeKafkaBeyond(events, logs), strict);
    },
  };
}

function isWithoutClients(history: History): boolean {
  for (let index = 0; index < history.length; index++) if (!history.isNemesisAt(index)) return false;
  return true;
}

/** Why operations ended in `info`, each reason once. */
function infoCauses({ history }: KafkaEvents): readonly unknown[] {
  const causes = new Map<string, unknown>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index) || history.typeAt(index) !== 'info') continue;
    const f = history.functionAt(index);
    if (f !== 'send' && f !== 'poll' && f !== 'txn') continue;
    const error = history.errorAt(index) ?? null;
    causes.set(canonicalKey(error), error);
  }
  return [...causes.values()];
}

function proofOf(type: string, report: unknown): Proof {
  const [first] = isRecord(report) && Array.isArray(report.errs) ? (report.errs as unknown[]) : [];
  const operations = [...new Set(operationsIn(first))].sort((one, other) => one - other);
  const { key, value } = isRecord(first) ? first : {};
  const where = key === undefined ? '' : ` (key ${stringifyExact(key)})`;
  return {
    rule: type,
    problem: `${PROBLEMS[type] ?? type}${where}`,
    facts: { count: countOf(report), ...(value !== undefined && { value }) },
    operations,
    operationCount: operations.length,
  };
}

/** The indices of all operations in an error. */
function operationsIn(error: unknown): readonly number[] {
  if (Array.isArray(error)) return (error as unknown[]).flatMap(operationsIn);
  if (!isRecord(error)) return [];
  const { index, type } = error;
  if (typeof index === 'number' && typeof type === 'string' && 'process' in error) return [index];
  return Object.values(error).flatMap(operationsIn);
}

function countOf(report: unknown): number {
  if (!isRecord(report)) return 0;
  if (typeof report.count === 'number') return report.count;
  return Object.values(report.unseen as Readonly<Record<string, number>>).reduce((sum, count) => sum + count, 0);
}

function summarize(types: readonly string[], errors: Readonly<Record<string, unknown>>): string {
  const told = types.map((type) => `${PROBLEMS[type] ?? type} (${type}: ${countOf(errors[type])})`);
  const text = told.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
