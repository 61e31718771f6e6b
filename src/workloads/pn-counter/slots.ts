/**
 * The counter as a state-based CRDT: a PN-counter (Shapiro et al., "A comprehensive study of Convergent and Commutative
 * Replicated Data Types", INRIA 2011). There is a slot for each life of each node that added anything. It holds what
 * was added and what was taken away, and only that life writes to it. Both sums only grow, so the larger one is the
 * newer one, in any order in which copies arrive. The counter is the sum over all slots.
 *
 * It numbers its changes, so that another node can be sent only what changed (Almeida et al., "Delta state replicated
 * data types", JPDC 2018).
 */

import * as z from 'zod';
import { RunningHash } from '../../protocol/hash.ts';

const Sum = z.int().min(0);

/** Of a node and a life of it, by its epoch: all that it added, and all that it took away. */
export const Slot = z.tuple([z.string(), z.string(), Sum, Sum]);
export type Slot = z.infer<typeof Slot>;

interface Kept {
  readonly slot: Slot;
  /** The change that made it so. */
  readonly version: number;
  /** The node that is known to have it, since it told of it; undefined: none is. */
  readonly toldBy: string | undefined;
}

/** Some slots, in the order of their changes. */
export interface Page {
  readonly slots: readonly Slot[];
  /** With these slots a reader has everything up to this change. */
  readonly upTo: number;
  /** Whether there are later ones. */
  readonly more: boolean;
}

export class Slots {
  /** By node and epoch, in the order of their last change. */
  readonly #kept = new Map<string, Kept>();
  #version = 0;
  #sum = 0n;
  #digest: string | undefined;

  /** How often anything changed. */
  get version(): number {
    return this.#version;
  }

  get sum(): bigint {
    return this.#sum;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** A text that differs if the slots do, but for one chance in 2^64. */
  get digest(): string {
    if (this.#digest === undefined) {
      const hash = new RunningHash();
      for (const slot of this.all()) hash.add(JSON.stringify(slot));
      this.#digest = hash.digest;
    }
    return this.#digest;
  }

  /** All of them, in an order that depends on nothing else. */
  all(): readonly Slot[] {
    return [...this.#kept].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, { slot }]) => slot);
  }

  /** A slot that is unknown is empty. */
  get(node: string, epoch: string): Slot {
    return this.#kept.get(keyOf(node, epoch))?.slot ?? [node, epoch, 0, 0];
  }

  /** What is known of a slot after another node told of it. */
  join([node, epoch, plus, minus]: Slot, [, , toldPlus, toldMinus]: Slot): Slot {
    return [node, epoch, Math.max(plus, toldPlus), Math.max(minus, toldMinus)];
  }

  /** Whether merging it would change anything. */
  isNews(told: Slot): boolean {
    const known = this.get(told[0], told[1]);
    return !isSame(this.join(known, told), known);
  }

  /** @param toldBy the node that has them so */
  merge(slots: Iterable<Slot>, toldBy?: string): void {
    for (const told of slots) {
      if (!this.isNews(told)) continue;
      const joined = this.join(this.get(told[0], told[1]), told);
      this.#put(joined, isSame(joined, told) ? toldBy : undefined);
    }
  }

  /** Adds to the slot of a life, for which nothing but this may be called. */
  add(node: string, epoch: string, delta: number): void {
    const [, , plus, minus] = this.get(node, epoch);
    this.#put([node, epoch, plus + Math.max(delta, 0), minus + Math.max(-delta, 0)], undefined);
  }

  /**
   * What changed after a change, the earliest first.
   *
   * @param reader leaves out what this node told of
   * @param max at most so many
   */
  changedAfter(version: number, reader: string | undefined, max: number): Page {
    const slots: Slot[] = [];
    let upTo = version;
    for (const kept of this.#kept.values()) {
      if (kept.version <= version || (reader !== undefined && kept.toldBy === reader)) continue;
      if (slots.length === max) return { slots, upTo, more: true };
      slots.push(kept.slot);
      upTo = kept.version;
    }
    return { slots, upTo: this.#version, more: false };
  }

  #put(slot: Slot, toldBy: string | undefined): void {
    const key = keyOf(slot[0], slot[1]);
    const [, , plus, minus] = this.get(slot[0], slot[1]);
    this.#sum += BigInt(slot[2] - plus) - BigInt(slot[3] - minus);
    this.#kept.delete(key);
    this.#kept.set(key, { slot, version: ++this.#version, toldBy });
    this.#digest = undefined;
  }
}

function isSame([, , plus, minus]: Slot, [, , otherPlus, otherMinus]: Slot): boolean {
  return plus === otherPlus && minus === otherMinus;
}

/** An epoch has no space. */
function keyOf(node: string, epoch: string): string {
  return `${epoch} ${node}`;
}
