/**
 * Whether everything worked again after all faults were healed: every node served, and the final invocations were
 * answered, within the time limit. Safety alone proves little: a node that does nothing is safe.
 */

import type { Checker } from './checker.ts';

/** @param list names of what must recover, with the time it took, ms; undefined: it did not recover */
export function recoveryChecker(list: () => ReadonlyMap<string, number | undefined>): Checker {
  return {
    check() {
      const entries = [...list()];
      const missing = entries.filter(([, takenMs]) => takenMs === undefined).map(([name]) => name);
      const takenMs = entries.flatMap(([, time]) => time ?? []);
      const error = `${missing.join(', ')} did not work again after everything was healed`;
      return {
        'valid?': missing.length === 0,
        'recovered-count': takenMs.length,
        'seconds-max': Math.max(0, ...takenMs) / 1000,
        ...(missing.length === 0 ? {} : { missing, error, summary: `${error}.` }),
      };
    },
  };
}
