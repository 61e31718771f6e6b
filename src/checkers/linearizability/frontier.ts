/**
 * All that an object may be like while its calls go by: the just-in-time search (Lowe, "Testing for linearizability",
 * 2017). Only when a call ends must it have taken effect, and then the calls that may have come before it are tried in
 * every order.
 *
 * What keeps it small: bit masks; configurations that cover others (`configurations.ts`); a read takes effect as soon
 * as the state allows it; before a call that overwrites, all open calls that overwrite may be hidden; of calls of one
 * kind the one that ends first is used first. A frontier can be narrow: it then keeps only the most promising
 * configurations, so what it finds possible is possible, and what it finds impossible may not be.
 */

import { NEVER } from './calls.ts';
import { Configurations } from './configurations.ts';
import { IMPOSSIBLE, type Kind } from './kinds.ts';
import { BITS, type Layout, OpenCalls } from './layout.ts';

const NONE = -1;
/** A narrow frontier tries so many orders for each configuration that it keeps. */
const TRIES_PER_WIDTH = 4;

/** How much may be done. It is shared by all frontiers of a search. */
export interface Purse {
  /** How many more configurations may be made, or compared with another one. */
  left: number;
  /** How much memory those of one frontier may take, bytes. */
  readonly bytesMax: number;
}

/** From where to go on. */
export interface Moment {
  /** The position of the next event. */
  readonly position: number;
  /** The calls that are open and will end. */
  readonly open: readonly number[];
  /** How many calls of each endless kind have begun. */
  readonly begun: Int32Array;
  /** The configurations, row by row. */
  readonly rows: Int32Array;
  /** Whether no configuration is missing. */
  readonly isExact: boolean;
}

/** `dead`: no order of the calls is possible. `spent`: the purse is empty. */
export type Outcome = 'alive' | 'dead' | 'spent';

export class Frontier {
  /** How many configurations are kept. */
  width = Number.POSITIVE_INFINITY;
  /** Whether no configuration was ever left out. */
  isExact: boolean;
  readonly #layout: Layout;
  readonly #purse: Purse;
  readonly #open: OpenCalls;
  readonly #begun: Int32Array;
  #current: Configurations;
  #next: Configurations;
  readonly #work: Configurations;
  /** A row that is being made. */
  readonly #row: Int32Array;
  /** By kind: the last row for which a call of it was found owed, or free. */
  readonly #owedKind: Int32Array;
  readonly #freeKind: Int32Array;
  #expansion = 0;
  /** Whether the call that ends leaves every state as it is. */
  #isRead = false;

  constructor(layout: Layout, purse: Purse, { open, begun, rows, isExact }: Moment) {
    this.#layout = layout;
    this.#purse = purse;
    this.isExact = isExact;
    this.#begun = begun.slice();
    const create = () => new Configurations(layout.slots, layout.endless.length);
    [this.#current, this.#next, this.#work] = [create(), create(), create()];
    this.#row = new Int32Array(this.#current.stride);
    this.#owedKind = new Int32Array(layout.kinds.kinds.length);
    this.#freeKind = new Int32Array(layout.kinds.kinds.length);
    this.#open = new OpenCalls(layout);
    for (const call of open) this.#open.begin(call);
    this.#open.clearBegun();
    for (let at = 0; at < rows.length; at += this.#current.stride) this.#current.add(rows, at);
  }

  /** The states that the object may be in. After `dead`: before the end that was impossible. */
  get states(): readonly number[] {
    return this.#current.states;
  }

  get bytes(): number {
    return this.#current.bytes + this.#next.bytes + this.#work.bytes;
  }

  /** Whether no call is open, and none that never ends has begun. */
  get isQuiet(): boolean {
    return this.#open.all.size === 0 && this.#begun.every((count) => count === 0);
  }

  /** The moment after an end, for a frontier that goes on from there. */
  save(position: number): Moment {
    const { rowCount, stride, cells, size } = this.#current;
    const rows = new Int32Array(size * stride);
    let at = 0;
    for (let row = 0; row < rowCount; row++) {
      if (!this.#current.isAlive(row)) continue;
      rows.set(cells.subarray(row * stride, (row + 1) * stride), at);
      at += stride;
    }
    return { position, open: [...this.#open.all], begun: this.#begun.slice(), rows, isExact: this.isExact };
  }

  /** A call that does more than read begins. */
  begin(call: number): void {
    const { calls, kinds, endlessPlace } = this.#layout;
    if (calls.ends[call] !== NEVER) {
      this.#open.begin(call);
      return;
    }
    const place = endlessPlace[kinds.kindOf[call] as number] as number;
    if (place !== NONE) this.#begun[place] = (this.#begun[place] as number) + 1;
  }

  end(call: number): Outcome {
    this.#takeIn();
    if (!this.#settle(call)) return 'spent';
    if (this.#next.size === 0) return 'dead';
    [this.#current, this.#next] = [this.#next, this.#current];
    if (this.#current.size > this.width) {
      this.isExact = false;
      this.#current.keepBest(this.width);
    }
    this.#open.end(call);
    return 'alive';
  }

  /** Lets all configurations owe the calls that have begun since the last end. Reads that fit take effect at once. */
  #takeIn(): void {
    const { begun } = this.#open;
    if (!this.#open.hasBegun) return;
    const { cells, stride, owedAt, rowCount } = this.#current;
    for (let row = 0; row < rowCount; row++) {
      if (!this.#current.isAlive(row)) continue;
      const at = row * stride;
      const satisfied = this.#open.satisfiedBy(cells[at] as number);
      for (let word = 0; word < begun.length; word++)
        cells[at + owedAt + word] =
          (cells[at + owedAt + word] as number) | ((begun[word] as number) & ~(satisfied[word] as number));
    }
    this.#open.clearBegun();
  }

  /** Lets a call have taken effect in all configurations. Returns whether the purse sufficed. */
  #settle(call: number): boolean {
    const { kinds, slotOf } = this.#layout;
    const slot = slotOf[call] as number;
    const [word, bit] = [slot >> 5, 1 << (slot & (BITS - 1))];
    this.#isRead = (kinds.kinds[kinds.kindOf[call] as number] as Kind).effect === 'reads';
    const [from, work] = [this.#current, this.#work];
    this.#next.clear();
    work.clear();
    for (let row = 0; row < from.rowCount; row++) {
      if (!from.isAlive(row)) continue;
      this.#row.set(from.cells.subarray(row * from.stride, (row + 1) * from.stride));
      this.#keep(word, bit, true);
    }
    const triesMax = this.width * TRIES_PER_WIDTH;
    const enough = this.isExact ? Number.POSITIVE_INFINITY : this.width;
    // Rows are added to the end of it meanwhile.
    for (let row = 0; row < work.rowCount; row++) {
      if (!work.isAlive(row)) continue;
      if (row > triesMax || this.#next.size >= enough) {
        this.isExact = false;
        break;
      }
      this.#expand(row, word, bit);
      if (this.#purse.left < 0 || this.bytes > this.#purse.bytesMax) return false;
    }
    return true;
  }

  /**
   * Keeps the row that was made: among the next ones if the call of this bit has taken effect or been passed over, and
   * among those to expand if it may still take effect. A row that could be passed over before is among the next ones.
   */
  #keep(word: number, bit: number, wasOwed: boolean): void {
    const row = this.#row;
    const before = this.#work.comparisons + this.#next.comparisons;
    const isOwed = ((row[this.#work.owedAt + word] as number) & bit) !== 0;
    const isUsed = ((row[1 + word] as number) & bit) !== 0;
    if (isOwed || (!isUsed && !this.#isRead)) this.#work.add(row, 0);
    if (!isOwed && (isUsed || wasOwed)) {
      row[1 + word] = (row[1 + word] as number) & ~bit;
      this.#next.add(row, 0);
    }
    this.#purse.left -= 1 + this.#work.comparisons + this.#next.comparisons - before;
  }

  /** Lets one more call take effect, in each way there is. */
  #expand(from: number, word: number, bit: number): void {
    const { slotOf, kinds, endless } = this.#layout;
    const { stride, owedAt, endlessAt } = this.#work;
    const at = from * stride;
    const wasOwed = ((this.#work.cells[at + owedAt + word] as number) & bit) !== 0;
    const expansion = ++this.#expansion;
    for (const call of this.#open.byDeadline) {
      const slot = slotOf[call] as number;
      const [ownWord, ownBit] = [slot >> 5, 1 << (slot & (BITS - 1))];
      const cells = this.#work.cells;
      if (((cells[at + 1 + ownWord] as number) & ownBit) !== 0) continue;
      const kind = kinds.kindOf[call] as number;
      const isOwed = ((cells[at + owedAt + ownWord] as number) & ownBit) !== 0;
      // Of one kind, the one that ends first is used first.
      if (this.#owedKind[kind] === expansion || (!isOwed && this.#freeKind[kind] === expansion)) continue;
      if (isOwed) this.#owedKind[kind] = expansion;
      else this.#freeKind[kind] = expansion;
      if (!this.#step(at, kind)) continue;
      this.#row[1 + ownWord] = (this.#row[1 + ownWord] as number) | ownBit;
      this.#row[owedAt + ownWord] = (this.#row[owedAt + ownWord] as number) & ~ownBit;
      this.#keep(word, bit, wasOwed);
    }
    for (let place = 0; place < endless.length; place++) {
      const kind = endless[place] as number;
      if (this.#owedKind[kind] === expansion || this.#freeKind[kind] === expansion) continue;
      const used = this.#work.cells[at + endlessAt + place] as number;
      if (used >= (this.#begun[place] as number) || !this.#step(at, kind)) continue;
      this.#row[endlessAt + place] = used + 1;
      this.#keep(word, bit, wasOwed);
    }
  }

  /** Makes the row after an operation of a kind; false if it is impossible. The call itself is not yet marked. */
  #step(at: number, kind: number): boolean {
    const { kinds } = this.#layout;
    const { cells, stride, owedAt } = this.#work;
    const state = kinds.step(cells[at] as number, kind);
    if (state === IMPOSSIBLE) return false;
    const row = this.#row;
    for (let cell = 1; cell < stride; cell++) row[cell] = cells[at + cell] as number;
    row[0] = state;
    const satisfied = this.#open.satisfiedBy(state);
    const overwrites = kinds.kinds[kind]?.effect === 'overwrites';
    for (let word = 0; word < satisfied.length; word++) {
      const hidden = overwrites ? (this.#open.overwriting[word] as number) : 0;
      row[owedAt + word] = (row[owedAt + word] as number) & ~(satisfied[word] as number) & ~hidden;
    }
    return true;
  }
}
