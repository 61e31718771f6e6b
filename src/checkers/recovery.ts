/**
 * Whether everything worked again once nothing was broken any more: every node served, and the last questions were
 * answered, within the stated time. Safety alone is cheap; a node that does nothing has it.
 */

import type { Checker } from './checker.ts';

/** @param list who or what was to recover, with the time it took in ms; undefined: it did not */
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
