/** Writes histories as Jepsen does: `history.edn`, an operation a line, and `history.txt`. */

import type { History } from '../../src/history/history.ts';
import type { Operation } from '../../src/history/operation.ts';
import { ExactNumber } from '../../src/protocol/exact-json.ts';

/** Texts are strings, keys are keywords where they can be. */
export function toEdn(value: unknown): string {
  if (value === null || value === undefined) return 'nil';
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof ExactNumber) return value.text;
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(toEdn).join(' ')}]`;
  const members = Object.entries(value).map(
    ([key, member]) => `${/^[a-z][\w-]*\??$/.test(key) ? `:${key}` : JSON.stringify(key)} ${toEdn(member)}`,
  );
  return `{${members.join(', ')}}`;
}

function operationMap({ type, process, f, index, time, value, error, ...rest }: Operation): string {
  const final = rest['final?'] === true ? ', :final? true' : '';
  const failure = error === undefined ? '' : `, :error ${toEdn(error)}`;
  const who = typeof process === 'number' ? process : `:${process}`;
  return `{:type :${type}, :f :${f}, :value ${toEdn(value)}, :time ${time}, :process ${who}, :index ${index}${failure}${final}}`;
}

/** @param record whether operations are records, as newer versions of Jepsen print them */
export function ednHistory(history: History, record = false): string {
  return [...history].map((operation) => `${record ? '#jepsen.history.Op' : ''}${operationMap(operation)}\n`).join('');
}

export function textHistory(history: History): string {
  const lines = [...history].map(({ process, type, f, value, error }) => {
    const who = typeof process === 'number' ? process : `:${process}`;
    return [who, `:${type}`, `:${f}`, toEdn(value), ...(error === undefined ? [] : [toEdn(error)])].join('\t');
  });
  return `${lines.join('\n')}\n`;
}
