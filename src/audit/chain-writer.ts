/**
 * Appends entries to one chain, which no other instance writes. Retention alone closes a page, and removes it.
 *
 * An append whose outcome is not known may be in the store later. So it is kept as a doubt: the next append finds out
 * by the hash of the last line, and continues from what is there. Any other last line was written by another hand.
 */

import { type Documents, NOTHING_STORED, type Stored } from '../kv/documents.ts';
import type { Clock } from '../protocol/clock.ts';
import { RpcError } from '../protocol/errors.ts';
import { type ChainHash, type Draft, originOf, type Place, writeLine } from './entry.ts';
import { type Head, headKey, type Page, pageKey } from './records.ts';

/** With so many lines a page is full. The last group may make it longer. */
const PAGE_LINES = 48;

/** An older page may have been removed by retention, so it is read first, ms. */
const FRESH_MS = 600_000;

/** What the newest page may hold, and what of it has not been told yet. */
interface Written {
  readonly place: Place;
  readonly atMs: number;
  /** Lines on the page. */
  readonly count: number;
  /** The numbers of entries whose writers do not know yet that they are there. */
  readonly untold: ReadonlyMap<Draft, number>;
}

/**
 * `placed`: the numbers of entries that are known to be in the store now; of earlier appends too. `ok`: all are.
 * `failed`: the others may be, or may be later. `lost`: another hand has changed the chain, so it must end here.
 */
export interface Appended {
  readonly kind: 'ok' | 'failed' | 'lost';
  readonly placed: ReadonlyMap<Draft, number>;
  readonly error?: RpcError;
}

/** Why the page cannot be continued. */
type Obstacle =
  | { readonly kind: 'closed'; readonly at: Written }
  | { readonly kind: 'gone' }
  | { readonly kind: 'foreign' };

export interface ChainWriterOptions {
  readonly chain: string;
  readonly hash: ChainHash;
  readonly clock: Clock;
  readonly pages: Documents<Page>;
  readonly heads: Documents<Head>;
}

export class ChainWriter {
  readonly chain: string;
  readonly #options: ChainWriterOptions;
  #page = 0;
  #stored: Stored<Page> = NOTHING_STORED;
  #storedAtMs = 0;
  #settled: Written;
  /** By the hash of their last lines. */
  #doubts = new Map<string, Written>();

  constructor(options: ChainWriterOptions) {
    this.#options = options;
    this.chain = options.chain;
    this.#settled = { place: originOf(options.chain, options.hash), atMs: 0, count: 0, untold: new Map() };
  }

  /** How far it has come for certain. */
  get reached(): Place & { readonly pages: number } {
    const { place, count } = this.#settled;
    return { ...place, pages: count === 0 ? this.#page : this.#page + 1 };
  }

  /** Whether an append that failed may still be carried out. */
  get isInDoubt(): boolean {
    return this.#doubts.size > 0;
  }

  /** One at a time. */
  async append(drafts: readonly Draft[]): Promise<Appended> {
    const placed = new Map<Draft, number>();
    for (;;) {
      if (this.#settled.count >= PAGE_LINES && !this.isInDoubt) this.#turn(this.#page + 1);
      const missing = drafts.filter((draft) => !placed.has(draft));
      const { result, obstacle, error } = await this.#tryAppend(missing, placed);
      if (obstacle === undefined) return { kind: result, placed, ...(error && { error }) };
      if (obstacle.kind === 'closed') {
        this.#settle(obstacle.at, placed);
        this.#turn(this.#page + 1);
      } else {
        const lost = obstacle.kind === 'foreign' ? 'lost' : await this.#followRemoval(placed);
        if (lost !== undefined) return { kind: lost, placed, ...(error && { error }) };
      }
    }
  }

  async #tryAppend(
    drafts: readonly Draft[],
    placed: Map<Draft, number>,
  ): Promise<{ result: Appended['kind']; obstacle?: Obstacle; error?: RpcError }> {
    const tried = new Map<string, Written>();
    let obstacle: Obstacle | undefined;
    const stop = (found: Obstacle): never => {
      obstacle = found;
      throw RpcError.of(
        'abort',
        `page ${this.#page} of the audit ${this.chain} cannot be continued: it is ${found.kind}`,
      );
    };
    const updated = await this.#options.pages.update(
      pageKey(this.chain, this.#page),
      (content) => {
        obstacle = undefined;
        const last = lastHashOf(content);
        if (last !== undefined && tried.has(last)) return undefined;
        const from = this.#continuedFrom(content, last) ?? stop({ kind: content === undefined ? 'gone' : 'foreign' });
        if (content?.closed) stop({ kind: 'closed', at: from });
        const { lines, written } = this.#compose(from, drafts);
        tried.set(written.place.hash, written);
        return { lines: [...(content?.lines ?? []), ...lines] };
      },
      this.#isKnown() ? this.#stored : undefined,
    );
    if (updated.kind === 'ok') {
      this.#stored = updated.stored;
      this.#storedAtMs = this.#options.clock.monotonicMs();
      this.#settle(tried.get(lastHashOf(updated.stored.content) as string) as Written, placed);
      return { result: 'ok' };
    }
    const { error } = updated;
    if (obstacle !== undefined) return { result: 'failed', obstacle, error };
    if (updated.kind === 'indefinite') for (const [hash, written] of tried) this.#doubts.set(hash, written);
    // It is no page any more, or an older one.
    else if (error.code === ABORT) return { result: 'lost', error };
    return { result: 'failed', error };
  }

  #isKnown(): boolean {
    if (this.isInDoubt) return false;
    return this.#stored.token === null || this.#options.clock.monotonicMs() - this.#storedAtMs < FRESH_MS;
  }

  /** Undefined: what the page ends with was never written here. */
  #continuedFrom(content: Page | undefined, last: string | undefined): Written | undefined {
    if (content === undefined) return this.#settled.count === 0 ? this.#settled : undefined;
    if (last === undefined) return undefined;
    return last === this.#settled.place.hash ? this.#settled : this.#doubts.get(last);
  }

  #compose(from: Written, drafts: readonly Draft[]): { lines: string[]; written: Written } {
    const { hash, clock } = this.#options;
    const atMs = Math.max(from.atMs, Math.floor(clock.wallMs()));
    const untold = new Map(from.untold);
    const lines: string[] = [];
    let { place } = from;
    for (const draft of drafts) {
      if (untold.has(draft)) continue;
      const next = writeLine(place, draft, atMs, hash);
      lines.push(next.line);
      place = next.place;
      untold.set(draft, place.n);
    }
    return { lines, written: { place, atMs, count: from.count + lines.length, untold } };
  }

  #settle(written: Written, placed: Map<Draft, number>): void {
    for (const [draft, n] of written.untold) placed.set(draft, n);
    this.#settled = { ...written, untold: new Map() };
    this.#doubts.clear();
  }

  #turn(page: number): void {
    this.#page = page;
    this.#stored = NOTHING_STORED;
    this.#settled = { ...this.#settled, count: 0 };
  }

  /** The page is gone. Undefined: retention has removed it, and the next one begins. */
  async #followRemoval(placed: Map<Draft, number>): Promise<'failed' | 'lost' | undefined> {
    const read = await this.#options.heads.read(headKey(this.chain));
    if (read.kind !== 'ok') return read.error.code === ABORT ? 'lost' : 'failed';
    const { page = 0, hash = '' } = read.stored.content?.start ?? {};
    const at = hash === this.#settled.place.hash ? this.#settled : this.#doubts.get(hash);
    if (at === undefined || page <= this.#page) return 'lost';
    this.#settle(at, placed);
    this.#turn(page);
    return undefined;
  }
}

const ABORT = RpcError.of('abort').code;

function lastHashOf(page: Page | undefined): string | undefined {
  return page?.lines.at(-1)?.split(' ', 1)[0];
}
