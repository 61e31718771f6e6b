/**
 * What an object may be like at one moment: a set of configurations, without those that another one covers.
 *
 * A configuration is a state with what became of each call that is open. A call is *owed* if it must still take effect
 * before it ends. It is *used* if it took effect. It is *free* if it may take effect or not: a place was passed where
 * it would have left no trace. Of the calls that may never end, only their numbers count, by kind, as calls of one kind
 * are all alike.
 *
 * One configuration covers another one in the same state if the other owes and has used all that it owes and has used:
 * all that may come next for the other one may come next for it. So only configurations that nothing covers are kept.
 */

const BITS = 32;
const ROWS_MIN = 64;

export class Configurations {
  readonly #words: number;
  /**
   * The state, the bits of used calls, the bits of owed calls, the number of calls used of each kind that never end.
   */
  readonly stride: number;
  #cells: Int32Array;
  #count = 0;
  #alive = 0;
  /** How many configurations have been compared with another one, ever. */
  comparisons = 0;
  /** Rows by state. */
  readonly #rows = new Map<number, number[]>();

  /**
   * @param slots how many calls that end are open at most at the same time
   * @param endless how many kinds of calls never end
   */
  constructor(slots: number, endless: number) {
    this.#words = Math.max(1, Math.ceil(slots / BITS));
    this.stride = 1 + 2 * this.#words + endless;
    this.#cells = new Int32Array(ROWS_MIN * this.stride);
  }

  /** How many there are. */
  get size(): number {
    return this.#alive;
  }

  get bytes(): number {
    return this.#cells.byteLength;
  }

  /** Rows from 0 to this one have been added since the last `clear`; those that were covered since are not alive. */
  get rowCount(): number {
    return this.#count;
  }

  /** The cells of all rows, {@link stride} each. They move when a row is added. */
  get cells(): Int32Array {
    return this.#cells;
  }

  /** Where the bits of owed calls begin in a row. Those of used calls begin at 1. */
  get owedAt(): number {
    return 1 + this.#words;
  }

  /** Where the counts of calls that never end begin in a row. */
  get endlessAt(): number {
    return 1 + 2 * this.#words;
  }

  get states(): readonly number[] {
    return [...this.#rows].flatMap(([state, rows]) => (rows.length === 0 ? [] : [state]));
  }

  isAlive(row: number): boolean {
    return this.#cells[row * this.stride] !== DEAD;
  }

  clear(): void {
    this.#count = 0;
    this.#alive = 0;
    this.#rows.clear();
  }

  /** Adds a configuration unless one covers it, and removes those that it covers. Returns whether it was added. */
  add(from: Int32Array, offset: number): boolean {
    const state = from[offset] as number;
    const rows = this.#rows.get(state);
    if (rows === undefined) this.#rows.set(state, [this.#append(from, offset)]);
    else {
      let kept = 0;
      for (let place = 0; place < rows.length; place++) {
        const row = rows[place] as number;
        const other = row * this.stride;
        this.comparisons++;
        if (this.#covers(this.#cells, other, from, offset)) return false;
        if (this.#covers(from, offset, this.#cells, other)) {
          this.#cells[other] = DEAD;
          this.#alive--;
        } else rows[kept++] = row;
      }
      rows.length = kept;
      rows.push(this.#append(from, offset));
    }
    return true;
  }

  /**
   * Keeps only the most promising: those that have used the fewest calls that never end, and owe and have used the
   * fewest others. The best of every state come before the second best of one.
   */
  keepBest(width: number): void {
    const ranked: { row: number; rank: number; cost: number }[] = [];
    for (const rows of this.#rows.values()) {
      const ofState = rows.map((row) => ({ row, rank: 0, cost: this.#costOf(row) }));
      ofState.sort((one, other) => one.cost - other.cost || one.row - other.row);
      for (const [rank, entry] of ofState.entries()) ranked.push({ ...entry, rank });
    }
    ranked.sort((one, other) => one.rank - other.rank || one.cost - other.cost || one.row - other.row);
    for (const { row } of ranked.slice(width)) this.#cells[row * this.stride] = DEAD;
    this.#alive = Math.min(this.#alive, width);
    for (const [state, rows] of this.#rows)
      this.#rows.set(
        state,
        rows.filter((row) => this.isAlive(row)),
      );
  }

  #costOf(row: number): number {
    const at = row * this.stride;
    let cost = 0;
    for (let cell = 1; cell < this.owedAt; cell++) cost += USED_COST * countBits(this.#cells[at + cell] as number);
    for (let cell = this.owedAt; cell < this.endlessAt; cell++) cost += countBits(this.#cells[at + cell] as number);
    for (let cell = this.endlessAt; cell < this.stride; cell++)
      cost += ENDLESS_COST * (this.#cells[at + cell] as number);
    return cost;
  }

  #append(from: Int32Array, offset: number): number {
    const row = this.#count++;
    const start = row * this.stride;
    if (start + this.stride > this.#cells.length) {
      const grown = new Int32Array(this.#cells.length * 2);
      grown.set(this.#cells);
      this.#cells = grown;
    }
    for (let cell = 0; cell < this.stride; cell++) this.#cells[start + cell] = from[offset + cell] as number;
    this.#alive++;
    return row;
  }

  #covers(one: Int32Array, oneAt: number, other: Int32Array, otherAt: number): boolean {
    const endlessAt = this.endlessAt;
    for (let cell = 1; cell < endlessAt; cell++)
      if (((one[oneAt + cell] as number) & ~(other[otherAt + cell] as number)) !== 0) return false;
    for (let cell = endlessAt; cell < this.stride; cell++)
      if ((one[oneAt + cell] as number) > (other[otherAt + cell] as number)) return false;
    return true;
  }
}

const DEAD = -1;
/** What a configuration is less promising by: a call that was used, against one that is owed. */
const USED_COST = 2;
/** A call that never ends and was used is lost for all times. */
const ENDLESS_COST = 4;

function countBits(word: number): number {
  let rest = word;
  let count = 0;
  for (; rest !== 0; count++) rest &= rest - 1;
  return count;
}
