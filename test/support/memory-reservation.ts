import { type RaiseResult, type Reservation, requireUpwards } from '../../src/ids/reservation.ts';

/** Keeps the bound in memory: a "disk" that outlives the generators that share it. */
export class MemoryReservation implements Reservation {
  /** Invariant: never lowered. */
  #boundMs: number | undefined;

  constructor(boundMs?: number) {
    this.#boundMs = boundMs;
  }

  async read(): Promise<number | undefined> {
    return this.#boundMs;
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    requireUpwards(from, to);
    if (this.#boundMs !== undefined && this.#boundMs !== from) return { won: false, bound: this.#boundMs };
    if (from !== undefined && this.#boundMs === undefined) throw new Error(`the bound ${from} is no longer stored`);
    this.#boundMs = to;
    return { won: true, bound: to };
  }
}
