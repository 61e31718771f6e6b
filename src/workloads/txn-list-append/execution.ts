/** What transactions read and append, one after the other, on one state of all lists. */

import { keyText, type Mop, READ } from '../transactions.ts';
import type { Appended } from './root.ts';

export interface Executed {
  /** The transactions with what their reads found, in the same order. */
  readonly txns: readonly (readonly Mop[])[];
  readonly appended: Appended;
}

/** The keys that are read, each once. */
export function keysRead(txns: readonly (readonly Mop[])[]): readonly string[] {
  const keys = new Set<string>();
  for (const txn of txns) for (const [f, key] of txn) if (f === READ) keys.add(keyText(key));
  return [...keys];
}

/** @param lists the lists of all keys that are read, before the first transaction */
export function execute(txns: readonly (readonly Mop[])[], lists: Appended): Executed {
  const appended = new Map<string, unknown[]>();
  const executed = txns.map((txn) =>
    txn.map(([f, key, value]): Mop => {
      const text = keyText(key);
      const own = appended.get(text);
      if (f === READ) {
        const list = [...(lists.get(text) ?? []), ...(own ?? [])];
        return [f, key, list.length === 0 ? null : list];
      }
      if (own === undefined) appended.set(text, [value]);
      else own.push(value);
      return [f, key, value];
    }),
  );
  return { txns: executed, appended };
}
