/** A pause of random length, so that writers that collided do not collide again. */

import type { NodeContext } from './context.ts';

/** Resolves as `sleep` does, after more than 0 and at most `longestMs`. */
export function pauseUpTo(
  { sleep, randomUint32 }: Pick<NodeContext, 'sleep' | 'randomUint32'>,
  longestMs: number,
): Promise<boolean> {
  return sleep(((randomUint32() + 1) / 2 ** 32) * longestMs);
}
