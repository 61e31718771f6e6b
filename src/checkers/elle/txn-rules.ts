/**
 * Rules for transactions beyond those of Elle, for lists and for registers: `answers-match-requests` an answer has the
 * operations that were asked for · `no-phantoms` what was read was written by a transaction that was invoked before ·
 * `writes-are-unique` no value of a key is written twice, so that a read shows its writer.
 */

import { stringifyExact } from '../../protocol/exact-json.ts';
import { excerpt } from '../../protocol/excerpt.ts';
import { Findings, type RuleReport } from '../findings.ts';
import { NEVER } from '../places.ts';
import { QUOTE_LENGTH_MAX } from '../proof.ts';
import { EVERY_TYPE, eachMop, INVOKED, OK, READ, type Transactions, WRITE } from './transactions.ts';

/** When each element was first asked to be written, as an index of the history; {@link NEVER} if it was not. */
export function firstWrites(transactions: Transactions): Float64Array {
  const { elements, invocations, indices, mopKinds, mopElements } = transactions;
  const first = new Float64Array(elements.count).fill(NEVER);
  eachMop(transactions, EVERY_TYPE, (mop, transaction) => {
    if (mopKinds[mop] !== WRITE) return;
    const invocation = invocations[transaction] as number;
    const index = invocation < 0 ? (indices[transaction] as number) : invocation;
    const element = mopElements[mop] as number;
    first[element] = Math.min(first[element] as number, index);
  });
  return first;
}

/** For each element whether several writes of it were asked for. What was only answered does not count. */
export function ambiguousElements(transactions: Transactions): Uint8Array {
  const { elements, count, types, invocations, mopKinds, mopElements } = transactions;
  const isAmbiguous = new Uint8Array(elements.count);
  const isWritten = new Uint8Array(elements.count);
  const differing = new Set<number>();
  for (let transaction = 0; transaction < count; transaction++) {
    if (types[transaction] === INVOKED) differing.add(invocations[transaction] as number);
  }
  eachMop(transactions, EVERY_TYPE, (mop, transaction) => {
    const isAsked = types[transaction] === INVOKED || !differing.has(invocations[transaction] as number);
    if (mopKinds[mop] !== WRITE || !isAsked) return;
    const element = mopElements[mop] as number;
    if (isWritten[element] === 1) isAmbiguous[element] = 1;
    isWritten[element] = 1;
  });
  return isAmbiguous;
}

/**
 * @param elementsRead the elements that a read shows
 * @returns the rules by name
 */
export function judgeTxnRules(
  transactions: Transactions,
  elementsRead: (mop: number) => Iterable<number>,
  isAmbiguous: Uint8Array,
  first = firstWrites(transactions),
): Readonly<Record<string, RuleReport>> {
  return {
    'answers-match-requests': judgeAnswers(transactions),
    'no-phantoms': judgePhantoms(transactions, elementsRead, first),
    'writes-are-unique': judgeUniqueness(transactions, isAmbiguous),
  };
}

function judgeAnswers({ misfits, indices }: Transactions): RuleReport {
  const findings = new Findings();
  for (const { transaction, problem } of misfits) {
    findings.add(excerpt(problem, QUOTE_LENGTH_MAX), { operation: indices[transaction] });
  }
  return findings.report();
}

function judgePhantoms(
  transactions: Transactions,
  elementsRead: (mop: number) => Iterable<number>,
  first: Float64Array,
): RuleReport {
  const { elements, indices, mopKinds } = transactions;
  const findings = new Findings();
  const keys = elements.keysOfElements();
  eachMop(transactions, [OK], (mop, transaction) => {
    if (mopKinds[mop] !== READ) return;
    const operation = indices[transaction] as number;
    for (const element of elementsRead(mop)) {
      const write = first[element] as number;
      if (write < operation) continue;
      const value = stringifyExact(elements.valueOf(element));
      const key = elements.keyText(keys[element] as number);
      const when = write === NEVER ? 'which no transaction wrote' : `before its write was invoked (index ${write})`;
      const problem = `${value} was read from key ${stringifyExact(key)}, ${when}`;
      findings.add(excerpt(problem, QUOTE_LENGTH_MAX), { operation, key, value: elements.valueOf(element) });
    }
  });
  return findings.report();
}

function judgeUniqueness({ elements }: Transactions, ambiguous: Uint8Array): RuleReport {
  const findings = new Findings();
  const keys = elements.keysOfElements();
  ambiguous.forEach((isAmbiguous, element) => {
    if (isAmbiguous === 0) return;
    const key = elements.keyText(keys[element] as number);
    const value = elements.valueOf(element);
    findings.add(`${stringifyExact(value)} was written to key ${stringifyExact(key)} more than once`, { key, value });
  });
  return findings.report();
}
