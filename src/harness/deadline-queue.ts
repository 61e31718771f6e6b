/**
 * A priority queue by deadline, as a binary heap. Entries with equal deadlines leave in the order in which they came.
 */

export interface Entry<T> {
  readonly deadline: number;
  readonly value: T;
}

interface OrderedEntry<T> extends Entry<T> {
  readonly order: number;
}

export class DeadlineQueue<T> {
  /** Invariant: a binary heap, the entry that leaves first at index 0. */
  readonly #heap: OrderedEntry<T>[] = [];
  #order = 0;

  get length(): number {
    return this.#heap.length;
  }

  push(deadline: number, value: T): void {
    const heap = this.#heap;
    const entry = { deadline, value, order: this.#order++ };
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!leavesBefore(entry, heap[parent] as OrderedEntry<T>)) break;
      heap[index] = heap[parent] as OrderedEntry<T>;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Takes the entry with the earliest deadline off the queue. */
  pop(): Entry<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && leavesBefore(heap[child + 1] as OrderedEntry<T>, heap[child] as OrderedEntry<T>))
        child++;
      if (!leavesBefore(heap[child] as OrderedEntry<T>, last)) break;
      heap[index] = heap[child] as OrderedEntry<T>;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function leavesBefore<T>(one: OrderedEntry<T>, other: OrderedEntry<T>): boolean {
  return one.deadline < other.deadline || (one.deadline === other.deadline && one.order < other.order);
}
