/**
 * Whether everything worked again after all faults were healed: every node served, and the final invocations were
 * answered, within the time limit. Safety alone proves little: a node that does nothing is safe.
 */

import type { Checker } from './checker.ts';
import { asSentence } from './proof.ts';

/** @param list names of what must recover, with the time it took, ms; undefined: it did not recover */
export function recoveryChecker(list: () => ReadonlyMap<string, number | undefined>): Checker {
  return {
    check() {
      const entries = [...list()];
      const missing = entries.filter(([, takenMs]) => takenMs === undefined).map(([name]) => name);
      const takenMs = entries.flatMap(([, time]) => time ?? []);
      const error = `after everything was healed, ${inWords(missing)} did not work again`;
      return {
        'valid?': missing.length === 0,
        'recovered-count': takenMs.length,
        'seconds-max': Math.max(0, ...takenMs) / 1000,
        ...(missing.length === 0 ? {} : { missing, error, summary: asSentence(error) }),
      };
    },
  };
}

/** `n0`, `n0 and n1`, `n0, n1 and n2`. */
function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
