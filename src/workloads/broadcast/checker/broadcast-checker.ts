/**
 * What was broadcast must be seen in the end: a set whose adds are called `broadcast`. Source:
 * `maelstrom.workload.broadcast/checker`.
 */

import type { Checker } from '../../../checkers/checker.ts';
import { type SetFullOptions, setFullChecker } from '../../../checkers/set-full.ts';

export function broadcastChecker({ strict }: Pick<SetFullOptions, 'strict'>): Checker {
  return setFullChecker({ add: 'broadcast', strict });
}
