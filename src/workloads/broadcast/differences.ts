/**
 * What other nodes have and this one lacks. Most of it is under way, so only a difference that lasts is told: then the
 * message with it was lost.
 */

import type { Clock } from '../../protocol/clock.ts';
import type { Count, ReplicatedSet } from './replicated-set.ts';

interface Difference {
  readonly origin: string;
  readonly epoch: number;
  /** It ends when the log is known up to here. */
  readonly upTo: number;
  sinceMs: number;
  /** The last one that was seen to have it. */
  from: string;
}

export class Differences {
  readonly #set: Pick<ReplicatedSet, 'countOf'>;
  readonly #clock: Clock;
  readonly #lastingMs: number;
  readonly #lacking = new Map<string, Difference>();

  /** @param lastingMs an older difference lasts */
  constructor(set: Pick<ReplicatedSet, 'countOf'>, clock: Clock, lastingMs: number) {
    this.#set = set;
    this.#clock = clock;
    this.#lastingMs = lastingMs;
  }

  get size(): number {
    return this.#lacking.size;
  }

  /** Takes note of what a node knows. */
  note(from: string, known: readonly Count[]): void {
    for (const [origin, epoch, upTo] of known) {
      const count = this.#set.countOf(origin, epoch);
      if (count >= upTo) continue;
      const key = `${epoch} ${origin}`;
      const difference = this.#lacking.get(key);
      // It is as old as its oldest entry, however many join it.
      if (difference !== undefined && count < difference.upTo) difference.from = from;
      else this.#lacking.set(key, { origin, epoch, upTo, sinceMs: this.#clock.monotonicMs(), from });
    }
  }

  /** Who has what was lacking for too long. Each difference is told again when it has lasted as long once more. */
  findLasting(): ReadonlySet<string> {
    const peers = new Set<string>();
    const nowMs = this.#clock.monotonicMs();
    for (const [key, difference] of this.#lacking) {
      if (this.#set.countOf(difference.origin, difference.epoch) >= difference.upTo) this.#lacking.delete(key);
      else if (nowMs - difference.sinceMs >= this.#lastingMs) {
        peers.add(difference.from);
        difference.sinceMs = nowMs;
      }
    }
    return peers;
  }
}
