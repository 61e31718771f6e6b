/** Whether the store answers. It is asked at most once in a while, however many ask. */

import type { LinearizableStore } from '../../kv/store.ts';
import type { Clock } from '../../protocol/clock.ts';
import { bounded } from './bounded.ts';

/** How long the store may take, ms. Probes commonly wait for a second or more. */
const ANSWER_MS_MAX = 900;
/** How long an answer is taken for granted, ms. */
const AGAIN_MS = 500;
/** A key that is never written. */
const KEY = 'readiness';

export class StoreReadiness {
  readonly #store: LinearizableStore;
  readonly #clock: Clock;
  #last: { readonly atMs: number; readonly trouble: Promise<string | undefined> } | undefined;

  constructor(store: LinearizableStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Why the store cannot be used, in words; undefined: it answers. */
  findTrouble(): Promise<string | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#last === undefined || nowMs - this.#last.atMs > AGAIN_MS)
      this.#last = { atMs: nowMs, trouble: this.#ask() };
    return this.#last.trouble;
  }

  async #ask(): Promise<string | undefined> {
    const { name } = this.#store;
    const read = await bounded(this.#store.read(KEY), ANSWER_MS_MAX);
    if (read === undefined) return `the store ${name} did not answer within ${ANSWER_MS_MAX} ms`;
    return read.kind === 'failed' ? `the store ${name} does not answer: ${read.error.message}` : undefined;
  }
}
