/**
 * The services that Maelstrom starts for every test, by node id. Source: Maelstrom, `service.clj`, `default-services`.
 *
 * Maelstrom computes the merges of lww-kv, but builds the next state from the replicas before the merge. So a write
 * never reaches the other replica. `keepsMerges: false` is that behaviour.
 */

import type { RandomSource } from '../../protocol/random.ts';
import { LinKv } from './lin-kv.ts';
import { LinTso } from './lin-tso.ts';
import { LwwKv } from './lww-kv.ts';
import { SeqKv } from './seq-kv.ts';
import type { Service } from './service.ts';

export type { Service } from './service.ts';

/** New, empty services. Those that draw all use `random`. */
export function createServices(random: RandomSource): ReadonlyMap<string, Service> {
  return new Map<string, Service>([
    ['lin-kv', new LinKv()],
    ['seq-kv', new SeqKv(random)],
    ['lww-kv', new LwwKv(random, { replicas: 2, keepsMerges: false })],
    ['lin-tso', new LinTso()],
  ]);
}
