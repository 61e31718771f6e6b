/**
 * Time that passes only when nothing is left to do. It jumps from one timer to the next; between two timers all pending
 * promises settle. So an hour takes only as long as its events, and the same events always happen in the same order.
 *
 * JavaScript does not report when its queue of promises is empty, so the host does (`settle`). The language fixes the
 * order within that queue.
 */

import type { Scheduler } from '../protocol/scheduler.ts';

/** Calls back once no promise can make progress. */
export type Settle = (callback: () => void) => void;

interface Timer {
  readonly dueMs: number;
  /** Of timers due at the same moment, the one set first fires first. */
  readonly order: number;
  readonly callback: () => void;
  /** Its index in the heap; -1 once it is removed. */
  position: number;
}

export class VirtualTime implements Scheduler {
  readonly #settle: Settle;
  /** Invariant: a binary heap with the timer that fires first at index 0, and every timer knows its index. */
  readonly #heap: Timer[] = [];
  #nowMs = 0;
  #order = 0;
  #eventCount = 0;

  constructor(settle: Settle) {
    this.#settle = settle;
  }

  now(): number {
    return this.#nowMs;
  }

  /** How many timers are set. */
  get timerCount(): number {
    return this.#heap.length;
  }

  /** How many timers have fired so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer: Timer = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      position: this.#heap.length,
    };
    this.#heap.push(timer);
    this.#rise(timer);
    return () => this.#remove(timer);
  }

  /**
   * Lets time pass until `work` has settled, and settles in the same way. Rejects if no timer is left that could settle
   * it.
   */
  run<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let over = false;
      work.then(
        (value) => {
          over = true;
          resolve(value);
        },
        (error: unknown) => {
          over = true;
          reject(error);
        },
      );
      const step = () => {
        if (over) return;
        const timer = this.#heap[0];
        if (timer === undefined) {
          reject(new Error(`at ${this.#nowMs} ms no timer is left, and the work is not done`));
          return;
        }
        this.#remove(timer);
        this.#nowMs = timer.dueMs;
        this.#eventCount++;
        try {
          timer.callback();
        } catch (error) {
          reject(error);
          return;
        }
        this.#settle(step);
      };
      this.#settle(step);
    });
  }

  #remove(timer: Timer): void {
    const { position } = timer;
    if (position < 0) return;
    timer.position = -1;
    const last = this.#heap.pop() as Timer;
    if (last === timer) return;
    last.position = position;
    this.#heap[position] = last;
    this.#sink(last);
    this.#rise(last);
  }

  #rise(timer: Timer): void {
    const heap = this.#heap;
    let { position } = timer;
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = heap[parentPosition] as Timer;
      if (!goesBefore(timer, parent)) break;
      heap[position] = parent;
      parent.position = position;
      position = parentPosition;
    }
    heap[position] = timer;
    timer.position = position;
  }

  #sink(timer: Timer): void {
    const heap = this.#heap;
    let { position } = timer;
    for (;;) {
      let childPosition = 2 * position + 1;
      if (childPosition >= heap.length) break;
      const right = childPosition + 1;
      if (right < heap.length && goesBefore(heap[right] as Timer, heap[childPosition] as Timer)) childPosition = right;
      const child = heap[childPosition] as Timer;
      if (!goesBefore(child, timer)) break;
      heap[position] = child;
      child.position = position;
      position = childPosition;
    }
    heap[position] = timer;
    timer.position = position;
  }
}

function goesBefore(one: Timer, other: Timer): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
