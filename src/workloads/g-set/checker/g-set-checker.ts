/** What was added must be in the set in the end. Source: `maelstrom.workload.g-set/checker`. */

import type { Checker } from '../../../checkers/checker.ts';
import { type SetFullOptions, setFullChecker } from '../../../checkers/set-full.ts';

export function gSetChecker({ strict }: Pick<SetFullOptions, 'strict'>): Checker {
  return setFullChecker({ add: 'add', strict });
}
