/** Errors of one type: all counted, and the worst of them listed. */

/** Which errors are listed: how many, those with the least rank or those with the greatest, in ascending order. */
export interface Listing<Item> {
  readonly max: number;
  /** Absent: errors are listed as they come. */
  readonly rankOf?: (item: Item) => number;
  readonly greatest?: true;
}

/** How many more than are listed are kept until they are sorted. */
const SLACK = 64;

export class ErrorList<Item> {
  #count = 0;
  #items: Item[] = [];
  readonly #listing: Listing<Item>;

  constructor(listing: Listing<Item>) {
    this.#listing = listing;
  }

  get count(): number {
    return this.#count;
  }

  add(item: Item): void {
    this.#count++;
    const { max, rankOf } = this.#listing;
    if (rankOf === undefined && this.#items.length >= max) return;
    this.#items.push(item);
    if (this.#items.length > max + SLACK) this.#items = [...this.listed()];
  }

  /** The sort is stable. */
  listed(): readonly Item[] {
    const { max, rankOf, greatest } = this.#listing;
    if (rankOf !== undefined) this.#items.sort((one, other) => rankOf(one) - rankOf(other));
    return greatest === true ? this.#items.slice(-max) : this.#items.slice(0, max);
  }
}
