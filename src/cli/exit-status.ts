/** The exit status of a command that ends with a verdict. Maelstrom's. */

import type { Validity } from '../checkers/checker.ts';

export function exitStatusOf(verdict: Validity): number {
  if (verdict === 'unknown') return 2;
  return verdict ? 0 : 1;
}
