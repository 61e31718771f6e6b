/**
 * When the elements of a set were seen and missed: what `set-full.ts` judges.
 *
 * Jepsen's checker visits every element at every read. Here reads are lists of chunks ({@link SharedList}), in the
 * order of their invocations. Only chunks that one read has and the next has not are looked into. So an element costs
 * something where it comes or goes, and not in between. Between two such places it is in all reads or in none, which is
 * a *stretch*; the last read and the earliest reply of each stretch are all that counts.
 */

import type { History } from '../history/history.ts';
import { type Chunk, type SharedList, SharedLists } from '../history/shared-list.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { indexPairs } from './pairs.ts';
import { NEVER } from './places.ts';

/** An element that was added or seen. Its indices are those of operations in the history. */
export class ObservedElement {
  readonly value: unknown;
  /** The invocation of its first add, and of its last one. */
  firstAdded = NEVER;
  added = NEVER;
  /** Whether an add was not refused. */
  mayExist = false;
  /** The first acknowledgement of an add: of all adds, and after the last invocation of one. */
  firstAcknowledged = NEVER;
  acknowledged = NEVER;
  /** The first reply that shows it, after the last invocation of an add. */
  seen = NEVER;
  /** The invocation of the last read that has it, and that lacks it. Reads that ended before its add do not count. */
  lastPresent = -1;
  lastAbsent = -1;
  /** The reply of the first read that has it though nobody can have added it by then. */
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
  readonly chunks: readonly number[];
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
      element.mayExist ||= !refused.has(index);
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
  readonly #chunks: ObservedElement[][];
  /** By how many more a read has each chunk than the read before it. */
  readonly #surplus: Int32Array;

  constructor(history: History, elements: Elements) {
    this.#history = history;
    this.#elements = elements;
    const table = new ChunkTable(elements);
    this.#reads = [...indexPairs(history)]
      .filter(({ completion }) => history.typeAt(completion) === 'ok' && history.functionAt(completion) === 'read')
      .map((pair) => ({ ...pair, chunks: table.numbersOf(history.listAt(pair.completion)) }))
      .sort((one, other) => one.invocation - other.invocation);
    this.#chunks = table.chunks;
    this.#surplus = new Int32Array(table.chunks.length);
    this.#latest = new Float64Array(this.#reads.length);
    let latest = -1;
    for (const [number, { completion }] of this.#reads.entries())
      this.#latest[number] = latest = Math.max(latest, completion);
  }

  run(): void {
    let before: readonly number[] = [];
    for (const [number, read] of this.#reads.entries()) {
      this.#take(number, before, read);
      before = read.chunks;
      if (this.#history.isFinalAt(read.completion)) this.#missed(read);
    }
    for (const element of this.#elements.all) this.#endStretch(element, this.#reads.length);
  }

  #take(number: number, before: readonly number[], { chunks, completion }: Read): void {
    for (const chunk of chunks) (this.#surplus[chunk] as number)++;
    for (const chunk of before) (this.#surplus[chunk] as number)--;
    const touched: ObservedElement[] = [];
    for (const list of [chunks, before])
      for (const chunk of list) {
        const surplus = this.#surplus[chunk] as number;
        if (surplus === 0) continue;
        this.#surplus[chunk] = 0;
        for (const element of this.#chunks[chunk] as ObservedElement[]) {
          element.occurrences += surplus;
          if (element.touched === number) continue;
          element.touched = number;
          touched.push(element);
        }
      }
    for (const element of touched) {
      if (element.occurrences > 1) element.duplicated = Math.min(element.duplicated, completion);
      if (element.occurrences > 0 === element.isPresent) continue;
      this.#endStretch(element, number);
      element.isPresent = !element.isPresent;
      element.stretch = number;
    }
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
    if (!element.mayExist || earliest < element.firstAdded) element.phantom = Math.min(element.phantom, earliest);
  }

  #missed({ invocation, completion }: Read): void {
    for (const element of this.#elements.all)
      if (!element.isPresent && element.firstAcknowledged < invocation) element.missedByFinals.push(completion);
  }
}

/** Numbers chunks, and knows the elements in each. */
class ChunkTable {
  readonly chunks: ObservedElement[][] = [];
  readonly #elements: Elements;
  readonly #numbers = new Map<Chunk, number>();
  /** For lists that the history does not share: chunks of numbers of elements. */
  readonly #lists = new SharedLists();
  readonly #numberOf = new Map<ObservedElement, number>();
  readonly #numbered: ObservedElement[] = [];

  constructor(elements: Elements) {
    this.#elements = elements;
  }

  numbersOf(list: SharedList | readonly unknown[] | undefined): readonly number[] {
    if (list === undefined) return [];
    if (!Array.isArray(list))
      return (list as SharedList).chunks.map((chunk) => this.#number(chunk, (value) => this.#elements.of(value)));
    const { chunks } = this.#lists.share(list.map((value) => this.#numberElement(value)));
    return chunks.map((chunk) => this.#number(chunk, (number) => this.#numbered[number] as ObservedElement));
  }

  #numberElement(value: unknown): number {
    const element = this.#elements.of(value);
    let number = this.#numberOf.get(element);
    if (number === undefined) {
      number = this.#numbered.push(element) - 1;
      this.#numberOf.set(element, number);
    }
    return number;
  }

  #number(chunk: Chunk, elementOf: (value: number) => ObservedElement): number {
    let number = this.#numbers.get(chunk);
    if (number === undefined) {
      number = this.chunks.push(chunk.map(elementOf)) - 1;
      this.#numbers.set(chunk, number);
    }
    return number;
  }
}
