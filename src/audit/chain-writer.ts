/**
 * Appends entries to one chain, which no other instance writes. Retention alone closes a page, and removes it.
 *
 * A store that can write ahead takes entries in a group that goes to the disk in front of its next write.
 *
 * An append whose outcome is not known may be in the store later. So it is kept as a doubt: the next append finds out
 * by the hash of the last line, and continues from what is there. Any other last line was written by another hand.
 */

import { type Documents, NOTHING_STORED, replaceAhead, type Stored } from '../kv/documents.ts';
import type { StoreEngine, StoreReplace, Token, WriteAhead } from '../kv/store.ts';
import type { Clock } from '../protocol/clock.ts';
import { RpcError } from '../protocol/errors.ts';
import { type ChainHash, type Draft, originOf, type Place, writeLine } from './entry.ts';
import { type Head, headKey, type Page, pageKey } from './records.ts';

/** With so many lines a page is full. The last group may make it longer. */
const PAGE_LINES = 24;

/** Entries in one write. */
export const GROUP_MAX = 256;

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

/**
 * Entries that go to the disk together, in front of the next write of the store. It is open until then, or until it is
 * full.
 */
export interface AheadGroup {
  /** Returns the number of the entry. Undefined: it is not open any more. */
  add(draft: Draft): number | undefined;
  readonly isOpen: boolean;
  /** If it does not end well, the store has stopped. */
  readonly ended: Promise<StoreReplace>;
  /** Writes it now, if nothing else comes. */
  flush(): void;
}

export interface ChainWriterOptions {
  readonly store: Pick<StoreEngine, 'writeAhead'>;
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

  /** How far it has come for certain. What is written ahead counts: a head that says so is later in the log. */
  get reached(): Place & { readonly pages: number } {
    const { place, count } = this.#settled;
    return { ...place, pages: count === 0 ? this.#page : this.#page + 1 };
  }

  /** Whether an append that failed may still be carried out. */
  get isInDoubt(): boolean {
    return this.#doubts.size > 0;
  }

  /**
   * Undefined: the store cannot write ahead, or not now: `append` finds out why. The group before must not be open any
   * more.
   */
  beginGroup(): AheadGroup | undefined {
    if (!this.#isKnown()) return undefined;
    if (this.#settled.count >= PAGE_LINES) this.#turn(this.#page + 1);
    const { place } = this.#settled;
    const drafts: Draft[] = [];
    let content: Page | undefined;
    const close = (): Page => (content ??= this.#continuePage(drafts, (write as WriteAhead).token));
    const write: WriteAhead | undefined = replaceAhead(
      this.#options.store,
      pageKey(this.chain, this.#page),
      this.#stored,
      close,
    );
    if (write === undefined) return undefined;
    return {
      add: (draft) => {
        if (content !== undefined) return undefined;
        const n = place.n + drafts.push(draft);
        if (drafts.length === GROUP_MAX) close();
        return n;
      },
      get isOpen() {
        return content === undefined;
      },
      ended: write.ended,
      flush: write.flush,
    };
  }

  /** From here on the next group continues: if this one is lost, so is everything after it. */
  #continuePage(drafts: readonly Draft[], token: Token): Page {
    const { lines, place, atMs } = this.#writeLines(this.#settled, drafts);
    const content = { lines: [...(this.#stored.content?.lines ?? []), ...lines] };
    this.#stored = { ver: this.#stored.ver + 1, content, token };
    this.#storedAtMs = this.#options.clock.monotonicMs();
    this.#settled = { place, atMs, count: content.lines.length, untold: new Map() };
    return content;
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

  #compose(from: Written, drafts: readonly Draft[]): { lines: readonly string[]; written: Written } {
    const missing = drafts.filter((draft) => !from.untold.has(draft));
    const { lines, place, atMs } = this.#writeLines(from, missing);
    const untold = new Map(from.untold);
    for (const [index, draft] of missing.entries()) untold.set(draft, from.place.n + index + 1);
    return { lines, written: { place, atMs, count: from.count + lines.length, untold } };
  }

  #writeLines(from: Pick<Written, 'place' | 'atMs'>, drafts: readonly Draft[]) {
    const { hash, clock } = this.#options;
    const atMs = Math.max(from.atMs, Math.floor(clock.wallMs()));
    const lines: string[] = [];
    let { place } = from;
    for (const draft of drafts) {
      const next = writeLine(place, draft, atMs, hash);
      lines.push(next.line);
      place = next.place;
    }
    return { lines, place, atMs };
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
