/**
 * Runs for tests of reports: a record around a history, messages by hand, and histories that are as long as one likes.
 */

import type { CheckResult } from '../../src/checkers/checker.ts';
import { History } from '../../src/history/history.ts';
import type { OperationType } from '../../src/history/operation.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import type { MessageEntry, MessageWindow, RunRecord } from '../../src/report/run-record.ts';
import { type MarkupElement, readMarkup } from './strict-markup.ts';

export const VALID: CheckResult = { 'valid?': true };

/** What tests put in the place of the real style and script. */
export const ASSETS = { style: 'p { margin: 0 }', script: '"use strict";' };

/** A run of three nodes and three clients, of which nothing is known but its history. */
export function recordOf(history: History, changes: Partial<RunRecord> = {}): RunRecord {
  return {
    workload: 'unique-ids',
    program: undefined,
    nodes: ['n0', 'n1', 'n2'],
    concurrency: 3,
    startedAt: undefined,
    interrupted: false,
    options: {},
    results: VALID,
    verdict: 'Everything looks good! The run is valid.',
    history,
    messagesAround: messagesOf([]),
    traffic: undefined,
    again: undefined,
    story: undefined,
    shrunk: undefined,
    files: [],
    ...changes,
  };
}

/** A message log in memory; it chooses as the one on disk does. */
export function messagesOf(log: readonly MessageEntry[], leftOut = 0): RunRecord['messagesAround'] {
  return (moment, before, after): MessageWindow => {
    const passed = moment === undefined ? 0 : log.filter(({ time }) => time <= moment).length;
    const from = Math.max(0, passed - before);
    const to = passed + after + (before - (passed - from));
    return { entries: log.slice(from, to), count: log.length, endTime: log.at(-1)?.time ?? 0, leftOut };
  };
}

/**
 * Something that happened to a message, a text like `send 3 n0 n1`: the event, the network's number, from whom and to
 * whom.
 */
export function message(atMs: number, text: string, body: Readonly<Record<string, unknown>> = {}): MessageEntry {
  const [event, id, src = '', dest = ''] = text.split(' ');
  return { time: atMs * 1e6, event: event as MessageEntry['event'], id: Number(id), src, dest, body };
}

export interface LongHistoryOptions {
  readonly operationCount: number;
  readonly concurrency: number;
  /** Per thousand operations, how many fail, and also how many end with unknown outcome. Default: 10. */
  readonly badShare?: number;
  /** Latencies are spread evenly over so many decades from 10 µs on. Default: 2. */
  readonly decades?: number;
}

/**
 * Rounds in which every client writes a document, with latencies of all sizes; the next one begins when all have their
 * answers.
 */
export function longHistory({ operationCount, concurrency, badShare = 10, decades = 2 }: LongHistoryOptions): History {
  const random = new SeededRandom(1);
  const roundNanoseconds = 2e4 * 10 ** decades;
  const history = new History();
  for (let first = 0; first < operationCount; first += concurrency) {
    const begin = (first / concurrency) * roundNanoseconds;
    const round = Array.from({ length: Math.min(concurrency, operationCount - first) }, (_, process) => {
      const value = { key: process % 7, value: first + process };
      history.append({ time: begin + process, type: 'invoke', process, f: 'write', value });
      const drawn = random.integer(1000);
      const type: OperationType = drawn < badShare ? 'fail' : drawn < 2 * badShare ? 'info' : 'ok';
      const latency = Math.round(1e4 * 10 ** (random.integer(1000 * decades) / 1000));
      return { time: begin + process + latency, type, process, f: 'write', value };
    });
    for (const completion of round.sort((one, other) => one.time - other.time)) history.append(completion);
  }
  return history;
}

/** A part of a page, read strictly. */
export function read(markup: { readonly text: string } | string | undefined): MarkupElement {
  return readMarkup(typeof markup === 'string' ? markup : (markup?.text ?? ''));
}
