/** Results of the judges of transactions, with indices in place of operations. */

import type { CheckResult } from '../../src/checkers/checker.ts';
import { isRecord } from '../../src/protocol/message.ts';
import { withoutEvidence } from './histories.ts';

/** The result without proofs and summary, and without what is empty beyond it. */
export function inShort(result: CheckResult): Readonly<Record<string, unknown>> {
  const { beyond, ...rest } = withoutEvidence(result);
  const isWhole = isRecord(beyond) && beyond['valid?'] === true;
  return shorten({ ...rest, ...(isWhole ? {} : { beyond }) }) as Record<string, unknown>;
}

function shorten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shorten);
  if (!isRecord(value)) return value;
  if (typeof value.index === 'number' && 'process' in value) return value.index;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shorten(member)]));
}
