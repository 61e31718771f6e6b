/**
 * Handwritten histories of transactions. A transaction is written as `ax1 rx12`: append 1 to x, read [1 2] from x.
 * `wx1` writes a register, and `rx-` reads nothing, which is all that an invocation has.
 */

import type { History } from '../../src/history/history.ts';
import type { OperationType } from '../../src/history/operation.ts';
import { type HandwrittenOperation, handwritten } from './histories.ts';

export interface HandwrittenTxn {
  readonly process: number;
  readonly type: Exclude<OperationType, 'invoke'>;
  readonly mops: string;
  /** What was asked for, if it is not what was answered. */
  readonly asked?: string;
}

export function txn(
  process: number,
  mops: string,
  type: HandwrittenTxn['type'] = 'ok',
  asked?: string,
): HandwrittenTxn {
  return { process, type, mops, ...(asked !== undefined && { asked }) };
}

/** All are invoked before the first one is completed. */
export function concurrent(...txns: readonly HandwrittenTxn[]): readonly HandwrittenOperation[] {
  return [...txns.map(invocationOf), ...txns.map(completionOf)];
}

/** Each is completed before the next one is invoked. */
export function serial(...txns: readonly HandwrittenTxn[]): readonly HandwrittenOperation[] {
  return txns.flatMap((one) => [invocationOf(one), completionOf(one)]);
}

/** These are at work all the time while the rest goes on. */
export function around(
  txns: readonly HandwrittenTxn[],
  ...within: readonly (readonly HandwrittenOperation[])[]
): readonly HandwrittenOperation[] {
  return [...txns.map(invocationOf), ...within.flat(), ...txns.map(completionOf)];
}

export function historyOf(...parts: readonly (readonly HandwrittenOperation[])[]): History {
  return handwritten(...parts.flat());
}

function invocationOf({ process, mops, asked }: HandwrittenTxn): HandwrittenOperation {
  const value = parse(asked ?? mops).map(([f, key, value]) => [f, key, f === 'r' ? null : value]);
  return { process, type: 'invoke', f: 'txn', value };
}

function completionOf({ process, type, mops }: HandwrittenTxn): HandwrittenOperation {
  return { process, type, f: 'txn', value: parse(mops) };
}

function parse(mops: string): readonly (readonly [string, string, unknown])[] {
  const isList = !/\bw/.test(mops) && !mops.includes('=');
  return mops.split(' ').map((mop) => {
    const [, f, key, value] = /^([arw])([a-z])=?(.*)$/.exec(mop) as unknown as [string, string, string, string];
    if (f === 'a') return ['append', key, Number(value)];
    if (f === 'w') return ['w', key, Number(value)];
    if (value === '-') return ['r', key, null];
    return ['r', key, isList ? [...value].map(Number) : Number(value)];
  });
}
