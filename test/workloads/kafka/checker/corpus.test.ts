/**
 * Histories of kafka that went before Jepsen's checker: verdicts, types of errors and counts must be the same, and
 * every error that was recorded must be there.
 *
 * Errors come in the order of hash maps, so lists that are complete are compared as sets, and those that are cut by
 * what they are cut by. Which of several cycles is shown depends on that order, too. Jepsen's operations have other
 * members besides. Where the real one threw, the last test says what ours decides.
 */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../../src/checkers/checker.ts';
import { kafkaChecker } from '../../../../src/workloads/kafka/checker/kafka-checker.ts';
import { type CorpusCase, readCorpus } from '../../../support/checker-corpus.ts';
import { THREE_NODES } from '../../../support/histories.ts';

const CASES = readCorpus('kafka');
const DECIDED = CASES.filter(({ result }) => result.error === undefined);
const THROWN = CASES.filter(({ result }) => result.error !== undefined);
const NANOSECONDS_PER_SECOND = 1e9;

const judge = ({ history }: CorpusCase) => kafkaChecker({ strict: false }).check(THREE_NODES, history);

interface Report {
  readonly count: number;
  readonly errs: readonly Readonly<Record<string, unknown>>[];
}

const OPERATION_MEMBERS = ['index', 'time', 'type', 'process', 'f', 'value', 'error'];
const CYCLES = ['G1c-realtime', 'empty-transaction-graph'];

/** A text that equal errors share. Of operations only what a history has. */
function textOf(error: unknown): string {
  return JSON.stringify(error, (_name, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    const isOperation = 'process' in member && 'f' in member;
    const entries = Object.entries(member).filter(([name]) => !isOperation || OPERATION_MEMBERS.includes(name));
    return Object.fromEntries(entries.sort());
  });
}

function shownErrors(type: string, { count, errs }: Report) {
  if (CYCLES.includes(type)) return { count };
  if (errs.length === count) return { count, errs: errs.map(textOf).sort() };
  return { count, ranks: errs.map(({ delta, count: number, values }) => delta ?? number ?? (values as []).length) };
}

function shown(result: CheckResult, isInSeconds: boolean) {
  const types = result['error-types'] as readonly string[];
  const { time, lag, ...where } = result['worst-realtime-lag'] as Readonly<Record<string, number>>;
  const unit = isInSeconds ? 1 : NANOSECONDS_PER_SECOND;
  return {
    'valid?': result['valid?'],
    types,
    bad: result['bad-error-types'],
    causes: result['info-txn-causes'] ?? [],
    unseen: result.unseen,
    lag: [(time as number) / unit, (lag as number) / unit, where],
    errors: types
      .filter((type) => type !== 'unseen')
      .map((type) => [type, shownErrors(type, result[type] as unknown as Report)]),
  };
}

describe('the corpus of kafka', () => {
  it.each(DECIDED)('$name is judged as by Jepsen', (given) => {
    const { name, result } = given;
    const ours = shown(judge(given), true);
    const isSynthetic = name.startsWith('seed');
    // The synthetic histories were judged without Jepsen's last step, which gives the causes and seconds.
    if (isSynthetic) ours.causes = [];
    expect(ours).toEqual(shown(result, !isSynthetic));
  });

  it('is decided where Jepsen threw: by an empty history it cannot be', () => {
    const verdicts = THROWN.map((given) => {
      const { 'valid?': valid, 'error-types': types } = judge(given);
      const said = String(given.result.error).includes('no-writer-of-value') ? 'no writer' : 'null pointer';
      return { said, valid, isPhantom: Array.isArray(types) && types.includes('no-writer-of-value') };
    });
    const phantoms = { said: 'no writer', valid: false, isPhantom: true };
    const empty = { said: 'null pointer', valid: 'unknown', isPhantom: false };
    expect(new Set(verdicts.map((verdict) => JSON.stringify(verdict)))).toEqual(
      new Set([phantoms, empty].map((verdict) => JSON.stringify(verdict))),
    );
    expect(THROWN.length).toBe(39);
  });
});
