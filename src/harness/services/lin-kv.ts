/**
 * `lin-kv`, a linearizable key-value store: one state, one request after another. Source: Maelstrom, `service.clj`,
 * `PersistentKV` in `Linearizable`.
 */

import { type Entry, runKv, STANDARD } from './kv.ts';
import type { Service, ServiceBody } from './service.ts';

export class LinKv implements Service {
  readonly #entries = new Map<string, Entry>();

  handle(_source: string, body: ServiceBody): Record<string, unknown> | undefined {
    const outcome = runKv((key) => this.#entries.get(key), body, STANDARD);
    if (outcome?.write !== undefined) this.#entries.set(outcome.write.key, outcome.write);
    return outcome?.reply;
  }
}
