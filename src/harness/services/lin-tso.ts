/**
 * `lin-tso`, a linearizable timestamp oracle: `{"type": "ts"}` → `{"type": "ts_ok", "ts": 0}`, then 1, 2 and so on.
 * Source: Maelstrom, `service.clj`, `PersistentTSO` in `Linearizable`.
 */

import type { Service, ServiceBody } from './service.ts';

export class LinTso implements Service {
  #next = 0;

  handle(_source: string, body: ServiceBody): Record<string, unknown> | undefined {
    return body.type === 'ts' ? { type: 'ts_ok', ts: this.#next++ } : undefined;
  }
}
