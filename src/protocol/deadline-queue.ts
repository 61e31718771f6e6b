/**
 * A priority queue by deadline, as a binary heap. Entries with equal deadlines leave in the order in which they came.
 * Any entry can be removed in logarithmic time, because every entry knows its place.
 */

export interface Entry<T> {
  readonly deadline: number;
  readonly value: T;
}

interface HeapEntry<T> extends Entry<T> {
  readonly order: number;
  /** The index in the heap; -1 once the entry has left. */
  position: number;
}

export class DeadlineQueue<T> {
  /** Invariant: a binary heap, the entry that leaves first at index 0. */
  readonly #heap: HeapEntry<T>[] = [];
  #order = 0;

  get length(): number {
    return this.#heap.length;
  }

  /** Returns a function that removes the entry, if it has not left. */
  push(deadline: number, value: T): () => void {
    const entry = { deadline, value, order: this.#order++, position: this.#heap.length };
    this.#insert(entry);
    return () => this.#remove(entry);
  }

  /** Removes the entry with the earliest deadline. */
  pop(): Entry<T> | undefined {
    const first = this.#heap[0];
    if (first !== undefined) this.#remove(first);
    return first;
  }

  #remove(entry: HeapEntry<T>): void {
    const { position } = entry;
    if (position < 0) return;
    entry.position = -1;
    const last = this.#heap.pop() as HeapEntry<T>;
    if (last === entry) return;
    last.position = this.#sinkGap(position);
    this.#insert(last);
  }

  /** Puts an entry at its position, or above it. Nothing is below it. */
  #insert(entry: HeapEntry<T>): void {
    const heap = this.#heap;
    let { position } = entry;
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = heap[parentPosition] as HeapEntry<T>;
      if (!leavesBefore(entry, parent)) break;
      heap[position] = parent;
      parent.position = position;
      position = parentPosition;
    }
    heap[position] = entry;
    entry.position = position;
  }

  /** Fills the gap at `position` from below, and the gap that this leaves. Returns where the last gap is. */
  #sinkGap(position: number): number {
    const heap = this.#heap;
    let gap = position;
    for (;;) {
      let childPosition = 2 * gap + 1;
      if (childPosition >= heap.length) return gap;
      const right = childPosition + 1;
      if (right < heap.length && leavesBefore(heap[right] as HeapEntry<T>, heap[childPosition] as HeapEntry<T>))
        childPosition = right;
      const child = heap[childPosition] as HeapEntry<T>;
      heap[gap] = child;
      child.position = gap;
      gap = childPosition;
    }
  }
}

function leavesBefore<T>(one: HeapEntry<T>, other: HeapEntry<T>): boolean {
  return one.deadline < other.deadline || (one.deadline === other.deadline && one.order < other.order);
}
