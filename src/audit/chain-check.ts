/**
 * Whether one chain is what was written: its lines are given in the order of their pages, and every line that was
 * changed, removed, reordered or inserted is found. It is a pure function of the texts, the hash, and what others saw.
 */

import { type ChainHash, originOf, type Place, readLine } from './entry.ts';
import type { Head } from './records.ts';

export type Tampering = 'changed' | 'removed' | 'reordered' | 'inserted' | 'cut off' | 'forged';

/** One thing that is not as it was written. `text` is a sentence. */
export interface Finding {
  readonly kind: Tampering;
  /** Undefined: of no single chain. */
  readonly chain: string | undefined;
  readonly text: string;
}

/** How far the chain had come when something looked at it. */
export interface Seen extends Place {
  readonly by: string;
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

export class ChainCheck {
  readonly #chain: string;
  readonly #hash: ChainHash;
  readonly #head: Head | undefined;
  readonly #findings: Finding[] = [];
  /** By number. */
  readonly #seen = new Map<number, Seen[]>();
  readonly #start: Place & { readonly page: number };
  #gaps: Gap[] = [];
  #place: Place;
  /** Undefined: not known, since the line cannot be read. */
  #lastHash: string | undefined;

  /** @param head undefined: it has none that can be read */
  constructor(chain: string, hash: ChainHash, head: Head | undefined, seen: readonly Seen[]) {
    this.#chain = chain;
    this.#hash = hash;
    this.#head = head;
    // A chain that was copied under another name has no place before its first entry.
    this.#start = head !== undefined && head.start.n > 0 ? head.start : { page: 0, ...originOf(chain, hash) };
    this.#place = this.#start;
    this.#lastHash = this.#start.hash;
    const reached = head && { ...head.reached, by: 'its head' };
    for (const one of [...seen, ...(reached ? [reached] : [])]) {
      if (one.n < this.#start.n) continue;
      this.#seen.set(one.n, [...(this.#seen.get(one.n) ?? []), one]);
    }
    this.#compare(this.#start);
  }

  /** The next page that there is. @param lines undefined: it is no page */
  add(page: number, lines: readonly string[] | undefined): void {
    // Retention leaves a page behind if it is stopped at the wrong moment.
    if (page < this.#start.page) return;
    if (lines === undefined) {
      this.#find('changed', `page ${page} is none`);
      return;
    }
    const read = lines.map(readLine);
    const hashes = new Map<number, string>();
    for (const line of read) if (line !== undefined && !hashes.has(line.n)) hashes.set(line.n, line.hash);
    if (this.#lastHash !== undefined && !hashes.has(this.#place.n)) hashes.set(this.#place.n, this.#lastHash);
    for (const line of read) {
      if (line === undefined) {
        this.#find('changed', `entry ${this.#place.n + 1} on page ${page} cannot be read`);
        this.#place = { n: this.#place.n + 1, hash: '' };
        this.#lastHash = undefined;
        continue;
      }
      const { n, hash, text } = line;
      const before = n === this.#place.n + 1 ? this.#lastHash : hashes.get(n - 1);
      if (before !== undefined && this.#hash(before, text) !== hash)
        this.#find('changed', `entry ${n} on page ${page} is not what was written after entry ${n - 1}`);
      this.#order(n, page);
      if (n <= this.#place.n) continue;
      this.#place = { n, hash };
      this.#lastHash = hash;
      this.#compare(this.#place);
    }
  }

  /** Whether it has been seen to come further than the pages so far. */
  get isShort(): boolean {
    return Math.max(...this.#seen.keys()) > this.#place.n;
  }

  /** When all pages were added. */
  end(): { readonly place: Place; readonly findings: readonly Finding[] } {
    const { n } = this.#place;
    for (const { from, to } of this.#gaps)
      this.#find('removed', from === to ? `entry ${from} is gone` : `entries ${from} to ${to} are gone`);
    const missed = [...this.#seen.values()].flat().filter((one) => one.n > n);
    for (const { by, n: before } of missed)
      this.#find('cut off', `it ends with entry ${n}, and ${by} has seen entry ${before}`);
    if (this.#head?.ended && n > this.#head.reached.n)
      this.#find('inserted', `entry ${this.#head.reached.n + 1} comes after its end`);
    return { place: this.#place, findings: this.#findings };
  }

  #order(n: number, page: number): void {
    const next = this.#place.n + 1;
    if (n > next) this.#gaps.push({ from: next, to: n - 1 });
    if (n >= next) return;
    const gap = this.#gaps.find(({ from, to }) => from <= n && n <= to);
    if (gap === undefined) {
      this.#find('inserted', `page ${page} has an entry ${n} once more`);
      return;
    }
    this.#find('reordered', `entry ${n} on page ${page} stands after entry ${this.#place.n}`);
    const parts = [
      { from: gap.from, to: n - 1 },
      { from: n + 1, to: gap.to },
    ];
    this.#gaps = [...this.#gaps.filter((one) => one !== gap), ...parts.filter(({ from, to }) => from <= to)];
  }

  #compare({ n, hash }: Place): void {
    for (const seen of this.#seen.get(n) ?? [])
      if (seen.hash !== hash) this.#find('changed', `entry ${n} is not the one that ${seen.by} has seen`);
  }

  #find(kind: Tampering, text: string): void {
    this.#findings.push({ kind, chain: this.#chain, text });
  }
}
