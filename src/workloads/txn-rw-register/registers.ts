/**
 * The registers of one node: what it has seen of all transactions, folded together. The rules:
 *
 * - A transaction is applied as a whole. Of two writes to a register the one with the greater stamp wins. All writes of
 *   a transaction have one stamp, so transactions win or lose as a whole, too: no half is seen.
 * - It is applied after all that its node had seen when it executed it: causal delivery (Birman, Schiper, Stephenson
 *   1991), by numbers for each origin in place of whole vector clocks.
 * - Its stamp is above all stamps that its node had seen. So stamps never contradict causes, and "wins" is a total
 *   order that all nodes agree on, in any order of arrival: convergence.
 *
 * A state is the fold of a set of transactions that lacks no cause. So two states can be merged as well.
 *
 * Source of the combination: COPS (Lloyd et al., SOSP 2011) and HATs (Bailis et al., VLDB 2013), where the stamps are
 * Lamport clocks. Here they are hybrid ones (Kulkarni et al., 2014), so that the later of two writes by the clock wins.
 */

import type { Committed } from './messages.ts';

/** By origin, the number up to which its transactions are seen. */
export type Seen = ReadonlyMap<string, number>;

export interface Register {
  readonly value: unknown;
  readonly stamp: number;
  readonly origin: string;
}

/** All of a node's registers, as another node or a journal gets them. */
export interface RegisterState {
  readonly seen: Seen;
  readonly stamp: number;
  readonly registers: ReadonlyMap<string, Register>;
}

export class Registers {
  readonly #registers = new Map<string, Register>();
  readonly #seen = new Map<string, number>();
  #stamp = 0;

  get seen(): Seen {
    return this.#seen;
  }

  /** The greatest stamp of all that was applied. */
  get stamp(): number {
    return this.#stamp;
  }

  get state(): RegisterState {
    return { seen: this.#seen, stamp: this.#stamp, registers: this.#registers };
  }

  /** The value of a register; null: it was never written. */
  read(key: string): unknown {
    return this.#registers.get(key)?.value ?? null;
  }

  has({ origin, number }: Pick<Committed, 'origin' | 'number'>): boolean {
    return number <= (this.#seen.get(origin) ?? 0);
  }

  /** Whether all is applied that comes before it. */
  isReady({ origin, number, seen }: Committed): boolean {
    if (number !== (this.#seen.get(origin) ?? 0) + 1) return false;
    return Object.entries(seen).every(([other, least]) => (this.#seen.get(other) ?? 0) >= least);
  }

  apply({ origin, number, stamp, writes }: Committed): void {
    for (const [key, value] of writes) this.#write(key, { value, stamp, origin });
    this.#seen.set(origin, number);
    this.#stamp = Math.max(this.#stamp, stamp);
  }

  /** Applies all transactions at once that another state shows. */
  merge({ seen, stamp, registers }: RegisterState): void {
    for (const [key, register] of registers) this.#write(key, register);
    for (const [origin, number] of seen) this.#seen.set(origin, Math.max(this.#seen.get(origin) ?? 0, number));
    this.#stamp = Math.max(this.#stamp, stamp);
  }

  #write(key: string, register: Register): void {
    const old = this.#registers.get(key);
    if (old === undefined || wins(register, old)) this.#registers.set(key, register);
  }
}

function wins(one: Register, other: Register): boolean {
  return one.stamp === other.stamp ? one.origin > other.origin : one.stamp > other.stamp;
}

/** A wall clock in ms takes the upper bits of a stamp. There are so many stamps in a millisecond. */
const STAMPS_A_MS = 1024;
/** The stamp of a moment in the year 2109. A clock that shows a later one is wrong. */
const CLOCK_STAMP_MAX = 2 ** 52;
/** How far a stamp may be above all that is known: more than all nodes can use up while messages are under way. */
const STAMPS_AHEAD_MAX = 2 ** 40;

/** A stamp above `last`, near the clock if that is not behind: a hybrid logical clock. */
export function nextStamp(wallMs: number, last: number): number {
  return Math.max(Math.min(Math.floor(wallMs) * STAMPS_A_MS, CLOCK_STAMP_MAX), last + 1);
}

/**
 * Whether a right node can have given a stamp. A damaged one must not bring all nodes to the end of the numbers, where
 * there is no next stamp: it is refused, and those that are taken leave room for 4,000 more of the kind.
 *
 * @param known the greatest stamp of all that was applied
 */
export function isStampPossible(stamp: number, known: number): boolean {
  return stamp <= Math.max(known, CLOCK_STAMP_MAX) + STAMPS_AHEAD_MAX && Number.isSafeInteger(stamp);
}
