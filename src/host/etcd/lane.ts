/**
 * Group commit with a few groups under way. Calls wait in a lane; a group of them is sent as one request. While as many
 * groups are under way as may be, the next calls gather. (`kv/group-queue.ts` is the same for one group at a time.)
 *
 * Calls of one turn of the event loop are gathered before the first group is chosen, so that those of one chunk of
 * input go together.
 */

import type { Choice } from '../../kv/group-queue.ts';

export interface LaneOptions<Entry> {
  readonly groupsInFlightMax: number;
  /** An entry that has waited for so long is expired instead of served. */
  readonly waitMsMax: number;
  readonly choose: (waiting: readonly Entry[]) => Choice<Entry>;
  /** Serves a group to its end. Must not reject. */
  readonly serve: (group: readonly Entry[]) => Promise<void>;
  readonly expire: (entry: Entry) => void;
}

interface Waiting<Entry> {
  readonly entry: Entry;
  readonly sinceMs: number;
}

export class Lane<Entry extends object> {
  readonly #options: LaneOptions<Entry>;
  /** First come first. */
  #waiting: Waiting<Entry>[] = [];
  #inFlight = 0;
  #isWoken = false;
  #timer: NodeJS.Timeout | undefined;
  #onIdle: (() => void)[] = [];

  constructor(options: LaneOptions<Entry>) {
    this.#options = options;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get groupsInFlight(): number {
    return this.#inFlight;
  }

  push(entry: Entry): void {
    this.#waiting.push({ entry, sinceMs: performance.now() });
    this.#wake();
  }

  /** Resolves when no entry waits and no group is under way. */
  async idle(): Promise<void> {
    if (this.#waiting.length > 0 || this.#inFlight > 0)
      await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    setImmediate(() => {
      this.#isWoken = false;
      this.#serveWaiting();
    });
  }

  #serveWaiting(): void {
    const { choose, groupsInFlightMax } = this.#options;
    this.#expireOld();
    while (this.#waiting.length > 0 && this.#inFlight < groupsInFlightMax) {
      const { group, later } = choose(this.#waiting.map(({ entry }) => entry));
      const left = new Set(later);
      this.#waiting = this.#waiting.filter(({ entry }) => left.has(entry));
      void this.#serve(group);
    }
    this.#watch();
    if (this.#waiting.length > 0 || this.#inFlight > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #serve(group: readonly Entry[]): Promise<void> {
    this.#inFlight++;
    await this.#options.serve(group);
    this.#inFlight--;
    this.#wake();
  }

  #expireOld(): void {
    const { waitMsMax, expire } = this.#options;
    const oldestMs = performance.now() - waitMsMax;
    const count = this.#waiting.findIndex(({ sinceMs }) => sinceMs > oldestMs);
    for (const { entry } of this.#waiting.splice(0, count < 0 ? this.#waiting.length : count)) expire(entry);
  }

  /** Sees to it that the first entry is expired in time, also if no group ends until then. */
  #watch(): void {
    clearTimeout(this.#timer);
    const first = this.#waiting[0];
    if (first === undefined) return;
    const delayMs = first.sinceMs + this.#options.waitMsMax - performance.now();
    this.#timer = setTimeout(() => this.#serveWaiting(), Math.max(delayMs, 0) + 1);
  }
}
