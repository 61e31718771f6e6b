/**
 * When the elements of a set were seen and missed: what `set-full.ts` judges.
 *
 * Jepsen's checker visits every element at every read. Here reads are lists of chunks ({@link SharedList}), in the
 * order of their invocations. Only chunks that one read has and the next has not are looked into. So an element costs
 * something where it comes or goes, and not in between. Between two such places it is in all reads or in none, which is
 * a *stretch*; the last read and the earliest reply of each stretch are all that counts.
 */

import type { History } from '../history/history.ts';
import { type Chunk, SharedList, SharedLists } from '../history/shared-list.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { indexPairs } from './pairs.ts';
import { NEVER } from './places.ts';

/** An element that was added or seen. Its indices are those of operations in the history. */
export class ObservedElement {
  readonly value: unknown;
  /** The invocation of its first add, and of its last one. */
  firstAdded = NEVER;
  added = NEVER;
  /** The invocation of its first add that was not refused. */
  firstPossible = NEVER;
  /** The first acknowledgement of an add: of all adds, and after the last invocation of one. */
  firstAcknowledged = NEVER;
  acknowledged = NEVER;
  /** The first reply that shows it, after the last invocation of an add. */
  seen = NEVER;
  /** The invocation of the last read that has it, and that lacks it. Reads that ended before its add do not count. */
  lastPresent = -1;
  lastAbsent = -1;
  /** The first reply that has it though no add of it can have happened by then. */
  phantom = NEVER;
  /** The reply of the first read that has it more than once. */
  duplicated = NEVER;
  /** The replies of final reads that lack it though it was acknowledged before. */
  readonly missedByFinals: number[] = [];

  /** How often the current read has it, whether the last stretch is one of presence, and the read where it began. */
  occurrences = 0;
  isPresent = false;
  stretch = 0;
  /** The number of the read that changed it last. */
  touched = -1;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** An ok read. */
interface Read {
  readonly invocation: number;
  readonly completion: number;
  readonly chunks: Int32Array;
}

/** Everything that was added, in the order of the first adds, then everything else that reads show. */
export function observeSet(history: History, adds: ReadonlySet<string>): readonly ObservedElement[] {
  const elements = new Elements();
  observeAdds(history, adds, elements);
  const reads = new Sweep(history, elements);
  reads.run();
  return elements.all;
}

class Elements {
  readonly all: ObservedElement[] = [];
  readonly #byKey = new Map<unknown, ObservedElement>();

  of(value: unknown): ObservedElement {
    const key = typeof value === 'number' && Number.isInteger(value) ? value : canonicalKey(value);
    let element = this.#byKey.get(key);
    if (element === undefined) {
      element = new ObservedElement(value);
      this.#byKey.set(key, element);
      this.all.push(element);
    }
    return element;
  }
}

function observeAdds(history: History, adds: ReadonlySet<string>, elements: Elements): void {
  const refused = new Set<number>();
  for (const { invocation, completion } of indexPairs(history))
    if (history.typeAt(completion) === 'fail') refused.add(invocation);
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index) || !adds.has(history.functionAt(index))) continue;
    const type = history.typeAt(index);
    if (type !== 'invoke' && type !== 'ok') continue;
    const element = elements.of(history.valueAt(index));
    if (type === 'invoke') {
      element.firstAdded = Math.min(element.firstAdded, index);
      element.added = index;
      element.acknowledged = NEVER;
      if (!refused.has(index)) element.firstPossible = Math.min(element.firstPossible, index);
    } else {
      element.firstAcknowledged = Math.min(element.firstAcknowledged, index);
      element.acknowledged = Math.min(element.acknowledged, index);
    }
  }
}

/** Takes the reads one after the other. */
class Sweep {
  readonly #history: History;
  readonly #elements: Elements;
  readonly #reads: readonly Read[];
  /** The latest completion among each read and all before it. */
  readonly #latest: Float64Array;
  readonly #table: ChunkTable;
  /** By how many more a read has each chunk than the read before it. */
  readonly #surplus: Int32Array;

  constructor(history: History, elements: Elements) {
    this.#history = history;
    this.#elements = elements;
    this.#table = new ChunkTable(history, elements);
    this.#reads = [...indexPairs(history)]
      .filter(({ completion }) => history.typeAt(completion) === 'ok' && history.functionAt(completion) === 'read')
      .map((pair) => ({ ...pair, chunks: this.#table.numbersOf(history.listAt(pair.completion)) }))
      .sort((one, other) => one.invocation - other.invocation);
    this.#surplus = new Int32Array(this.#table.size);
    this.#latest = new Float64Array(this.#reads.length);
    let latest = -1;
    for (const [number, { completion }] of this.#reads.entries())
      this.#latest[number] = latest = Math.max(latest, completion);
  }

  run(): void {
    let before: Int32Array = new Int32Array();
    for (const [number, read] of this.#reads.entries()) {
      for (const element of this.#change(number, before, read.chunks)) this.#look(element, number, read.completion);
      before = read.chunks;
      if (this.#history.isFinalAt(read.completion)) this.#missed(read);
    }
    for (const element of this.#elements.all) this.#endStretch(element, this.#reads.length);
  }

  /** Counts the occurrences of elements in a read. Returns those in chunks that it has more or less often. */
  #change(number: number, before: Int32Array, chunks: Int32Array): readonly ObservedElement[] {
    const [start, length] = commonEnds(before, chunks);
    const lists = [before, chunks].map((list) => list.subarray(start, list.length - length)) as [
      Int32Array,
      Int32Array,
    ];
    for (const chunk of lists[0]) (this.#surplus[chunk] as number)--;
    for (const chunk of lists[1]) (this.#surplus[chunk] as number)++;
    const touched: ObservedElement[] = [];
    for (const list of lists)
      for (const chunk of list) {
        const surplus = this.#surplus[chunk] as number;
        if (surplus === 0) continue;
        this.#surplus[chunk] = 0;
        for (const element of this.#table.elementsOf(chunk)) {
          element.occurrences += surplus;
          if (element.touched === number) continue;
          element.touched = number;
          touched.push(element);
        }
      }
    return touched;
  }

  #look(element: ObservedElement, number: number, completion: number): void {
    if (element.occurrences > 1) element.duplicated = Math.min(element.duplicated, completion);
    if (element.occurrences > 0 === element.isPresent) return;
    this.#endStretch(element, number);
    element.isPresent = !element.isPresent;
    element.stretch = number;
  }

  /** @param end the number of the first read after the stretch */
  #endStretch(element: ObservedElement, end: number): void {
    if (end === element.stretch) return;
    const last = this.#lastAfter(element.added, element.stretch, end);
    if (last !== undefined && element.isPresent) element.lastPresent = last.invocation;
    else if (last !== undefined) element.lastAbsent = last.invocation;
    if (element.isPresent) this.#noteEarliest(element, end);
  }

  /** The last read of a stretch that ended after `added`. */
  #lastAfter(added: number, start: number, end: number): Read | undefined {
    for (let number = end - 1; number >= start && (this.#latest[number] as number) > added; number--) {
      const read = this.#reads[number] as Read;
      if (read.completion > added) return read;
    }
    return undefined;
  }

  /** The earliest replies of a stretch: of all, and of those after the add. Later invocations cannot reply earlier. */
  #noteEarliest(element: ObservedElement, end: number): void {
    let [earliest, seen] = [NEVER, NEVER];
    for (let number = element.stretch; number < end; number++) {
      const { invocation, completion } = this.#reads[number] as Read;
      if (invocation > seen) break;
      earliest = Math.min(earliest, completion);
      if (completion > element.added) seen = Math.min(seen, completion);
    }
    element.seen = Math.min(element.seen, seen);
    if (earliest < element.firstPossible) element.phantom = Math.min(element.phantom, earliest);
  }

  #missed({ invocation, completion }: Read): void {
    for (const element of this.#elements.all)
      if (!element.isPresent && element.firstAcknowledged < invocation) element.missedByFinals.push(completion);
  }
}

/** How many chunks two lists have in common at their beginnings, and then at their ends. */
function commonEnds(one: Int32Array, other: Int32Array): readonly [number, number] {
  const shorter = Math.min(one.length, other.length);
  let start = 0;
  while (start < shorter && one[start] === other[start]) start++;
  let length = 0;
  while (length < shorter - start && one[one.length - 1 - length] === other[other.length - 1 - length]) length++;
  return [start, length];
}

/** The chunks of all reads by number: first those that the history shares, then those that are made here. */
class ChunkTable {
  readonly #history: History;
  readonly #elements: Elements;
  /** The elements of each chunk, where they were asked for. */
  readonly #known: ObservedElement[][] = [];
  /** For lists that the history does not share: their elements are numbered. */
  readonly #lists = new SharedLists();
  readonly #numberOf = new Map<ObservedElement, number>();
  readonly #numbered: ObservedElement[] = [];

  constructor(history: History, elements: Elements) {
    this.#history = history;
    this.#elements = elements;
  }

  get size(): number {
    return this.#history.sharedChunks.length + this.#lists.chunks.length;
  }

  numbersOf(list: SharedList | readonly unknown[] | undefined): Int32Array {
    if (list === undefined) return new Int32Array();
    if (list instanceof SharedList) return list.chunks;
    const { chunks } = this.#lists.share(list.map((value) => this.#number(this.#elements.of(value))));
    return chunks.map((number) => number + this.#history.sharedChunks.length);
  }

  elementsOf(chunk: number): readonly ObservedElement[] {
    let elements = this.#known[chunk];
    if (elements === undefined) {
      const shared = this.#history.sharedChunks;
      elements =
        chunk < shared.length
          ? (shared[chunk] as Chunk).map((value) => this.#elements.of(value))
          : (this.#lists.chunks[chunk - shared.length] as Chunk).map(
              (number) => this.#numbered[number] as ObservedElement,
            );
      this.#known[chunk] = elements;
    }
    return elements;
  }

  #number(element: ObservedElement): number {
    let number = this.#numberOf.get(element);
    if (number === undefined) {
      number = this.#numbered.push(element) - 1;
      this.#numberOf.set(element, number);
    }
    return number;
  }
}
