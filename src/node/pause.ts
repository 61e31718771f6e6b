/** A pause of a random length, so that those who were in each other's way do not meet again. */

import type { NodeContext } from './context.ts';

/** Resolves as `sleep` does, after up to `longestMs`, and more than 0. */
export function pauseUpTo(
  { sleep, randomUint32 }: Pick<NodeContext, 'sleep' | 'randomUint32'>,
  longestMs: number,
): Promise<boolean> {
  return sleep(((randomUint32() + 1) / 2 ** 32) * longestMs);
}
