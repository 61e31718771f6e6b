/**
 * A history whose operations are about many independent objects: values are pairs `[key, value]`, and the history of
 * each key is judged on its own. Source: `jepsen.independent`.
 */

import type { History } from '../history/history.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { type CheckResult, mergeValidity } from './checker.ts';
import { PROOFS_MAX, withProofs } from './proof.ts';

/** The operations of clients on one key. */
export interface Part {
  readonly key: unknown;
  /** By their indices in the history, ascending. */
  readonly events: readonly number[];
}

/** The history by key, the keys ascending. Throws at a value that is no pair. */
export function partsByKey(history: History): readonly Part[] {
  const parts = new Map<unknown, { key: unknown; events: number[] }>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const value = history.valueAt(index);
    if (!Array.isArray(value) || value.length !== 2)
      throw new Error(`the value of operation ${index} is no pair of a key and a value: ${JSON.stringify(value)}`);
    const key: unknown = value[0];
    const name = typeof key === 'number' ? key : canonicalKey(key);
    let part = parts.get(name);
    if (part === undefined) {
      part = { key, events: [] };
      parts.set(name, part);
    }
    part.events.push(index);
  }
  return [...parts.values()].sort((one, other) => compareKeys(one.key, other.key));
}

function compareKeys(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  return keyText(one) < keyText(other) ? -1 : 1;
}

/** What an operation says of its key. */
export function unkeyedValueAt(history: History): (index: number) => unknown {
  return (index) => (history.valueAt(index) as readonly unknown[])[1];
}

/**
 * The verdict on all keys: the worst of theirs. Keys are texts in `results`, and as they are in `failures`,
 * which has the keys that are invalid.
 */
export function independentResult(parts: readonly Part[], judge: (part: Part) => CheckResult): CheckResult {
  const judged = parts.map((part) => ({ key: part.key, result: judgeSafely(judge, part) }));
  // The invalid ones first: the summary begins with them.
  const bad = [false, 'unknown'].flatMap((validity) => judged.filter(({ result }) => result['valid?'] === validity));
  const proofs = bad.flatMap(({ result }) => result.proofs ?? []);
  return {
    'valid?': mergeValidity(judged.map(({ result }) => result['valid?'])),
    results: Object.fromEntries(judged.map(({ key, result }) => [keyText(key), withoutProofs(result)])),
    failures: judged.filter(({ result }) => result['valid?'] === false).map(({ key }) => key),
    ...withProofs(proofs.slice(0, PROOFS_MAX)),
    ...summarize(bad.flatMap(({ result }) => result.summary ?? [])),
  };
}

/** A part that cannot be judged does not hide what is wrong with others. */
function judgeSafely(judge: (part: Part) => CheckResult, part: Part): CheckResult {
  try {
    return judge(part);
  } catch (error) {
    const { message } = error as Error;
    return { 'valid?': 'unknown', error: message, summary: `Key ${keyText(part.key)} cannot be judged: ${message}.` };
  }
}

/** A key as results have it. */
export function keyText(key: unknown): string {
  return typeof key === 'string' ? key : canonicalKey(key);
}

function withoutProofs({ proofs: _proofs, summary: _summary, ...result }: CheckResult): CheckResult {
  return result as CheckResult;
}

function summarize(sentences: readonly string[]): { readonly summary?: string } {
  const [first] = sentences;
  if (first === undefined) return {};
  const more = sentences.length - 1;
  return {
    summary: more === 0 ? first : `${first} ${more === 1 ? 'One more key is' : `${more} more keys are`} not valid.`,
  };
}
