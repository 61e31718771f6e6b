/**
 * The adds that a node took, so that a copy of one is not counted again. A network may deliver a request twice, the
 * second copy much later. A copy has the sender, the number and the delta of the first.
 */

import type { Clock } from '../../protocol/clock.ts';
import { detached } from '../../protocol/detached.ts';

/** Longer than messages are under way, ms. */
const KNOWN_MS = 15_000;
/** So many are known for ever longer: a node may stand still while a copy waits in its input. */
const KNOWN_MIN = 4096;
/** Beyond it, the oldest are forgotten early. It is reached at 17,000 adds a second. */
const KNOWN_MAX = 1 << 18;

/** Who asked for an add: the client, and its number of the request. */
export interface AddSource {
  readonly src: string;
  readonly messageId: number;
}

export interface KnownAdd extends AddSource {
  readonly delta: number;
}

interface Entry {
  readonly add: KnownAdd;
  readonly outcome: Promise<void>;
  readonly sinceMs: number;
}

export class KnownAdds {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How the first copy ends, or ended; undefined: there was none. */
  find(add: KnownAdd): Promise<void> | undefined {
    return this.#entries.get(keyOf(add))?.outcome;
  }

  remember({ src, messageId, delta }: KnownAdd, outcome: Promise<void>): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { sinceMs }] of this.#entries) {
      const { size } = this.#entries;
      if (size < KNOWN_MIN || (size < KNOWN_MAX && nowMs - sinceMs < KNOWN_MS)) break;
      this.#entries.delete(key);
    }
    const add = { src: detached(src), messageId, delta };
    this.#entries.set(keyOf(add), { add, outcome, sinceMs: nowMs });
  }

  /** Oldest first. */
  *all(): IterableIterator<KnownAdd> {
    for (const { add } of this.#entries.values()) yield add;
  }
}

function keyOf({ src, messageId, delta }: KnownAdd): string {
  return `${messageId} ${delta} ${src}`;
}
