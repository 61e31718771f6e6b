/** The option `--store-patience` of nodes and services. */

import { STORE_PATIENCE_MS, STORE_PATIENCE_MS_MIN } from '../kv/timings.ts';
import { type Option, parseDurationMs } from './options.ts';

/**
 * @param store what the text calls the store
 * @param maxMs the longest patience
 */
export function patienceOption(store: string, maxMs: number): Option<number> {
  return {
    value: 'TIME',
    text: `How long ${store} may be away without anybody noticing, from ${STORE_PATIENCE_MS_MIN}ms to ${maxMs / 1000}s. All timers follow
from it: clients must wait for 5 times as long. Default: ${STORE_PATIENCE_MS / 1000}s.`,
    absent: STORE_PATIENCE_MS,
    parse: (text) => {
      const patienceMs = parseDurationMs(STORE_PATIENCE_MS_MIN)(text);
      if (patienceMs > maxMs) throw new Error(`expected at most ${maxMs / 1000}s`);
      return patienceMs;
    },
  };
}
