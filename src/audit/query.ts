/**
 * Finds changes in an audit. Chains are read one after the other, oldest first, and within a chain by number. A reading
 * is bounded: it may end with fewer changes than asked for, or none, and tells where to go on.
 */

import { readOrThrow } from '../kv/documents.ts';
import type { StoreEngine } from '../kv/store.ts';
import { RpcError } from '../protocol/errors.ts';
import { formatTimestamp } from '../protocol/timestamp.ts';
import type { AuditDocuments } from './begin-chain.ts';
import { type BegunEntry, type Json, type ReadLine, readLine } from './entry.ts';
import { AUDIT_PREFIX, headKey, lastKeyOf, pageKey, parseAuditKey } from './records.ts';

/** After so many pages and heads a query begins no further page or chain. */
const READS_MAX = 128;
/** Further pages that it reads for outcomes of what it has found. */
const OUTCOME_READS_MAX = 64;

export interface Query {
  /** Unix ms. */
  readonly fromMs: number;
  /** Unix ms, exclusive. */
  readonly toMs: number;
  readonly matches: (entry: BegunEntry) => boolean;
  /** The most changes. */
  readonly limit: number;
  /** Where an earlier query ended. */
  readonly after: string | undefined;
}

/** A change as it is told. */
export interface FoundChange {
  /** The chain, a slash and the number of the entry. */
  readonly id: string;
  readonly time: string;
  readonly who: string;
  readonly what: string;
  readonly route: string;
  readonly with: Readonly<Record<string, Json>>;
  readonly request_id?: string;
  readonly trace: string;
  /** Null: it is under way, or the instance ended before it could write it. */
  outcome: string | null;
  result?: Readonly<Record<string, Json>>;
  ended?: string;
}

export interface Found {
  readonly changes: readonly FoundChange[];
  /** Where the next query begins; undefined: all was read. */
  readonly next: string | undefined;
}

export interface AuditReader {
  readonly engine: Pick<StoreEngine, 'list'>;
  readonly documents: Pick<AuditDocuments, 'heads' | 'pages'>;
}

interface Cursor {
  readonly chain: string;
  readonly page: number;
  /** Entries up to this number are behind it. */
  readonly n: number;
}

/** Undefined: it is none. */
export function parseCursor(text: string): Cursor | undefined {
  const [, chain, page, n] = /^([\w-]{1,64})\.(\d{1,8})\.(\d{1,15})$/.exec(text) ?? [];
  return chain === undefined ? undefined : { chain, page: Number(page), n: Number(n) };
}

/** Throws an `RpcError` if the store gives no answer. @param query its `after` is a cursor */
export async function findChanges(reader: AuditReader, query: Query): Promise<Found> {
  const search = new Search(reader, query);
  return search.run(query.after === undefined ? undefined : parseCursor(query.after));
}

class Search {
  readonly #reader: AuditReader;
  readonly #query: Query;
  readonly #changes: FoundChange[] = [];
  /** Those of the present chain whose outcome was not met yet, by number. */
  readonly #open = new Map<number, FoundChange>();
  #readsLeft = READS_MAX;
  #next: string | undefined;

  constructor(reader: AuditReader, query: Query) {
    this.#reader = reader;
    this.#query = query;
  }

  async run(cursor: Cursor | undefined): Promise<Found> {
    let chain = cursor?.chain ?? (await this.#chainAfter(AUDIT_PREFIX));
    // At the beginning of a chain the time asked for tells where to begin.
    let from = cursor?.page === 0 && cursor.n === 0 ? undefined : cursor;
    while (chain !== undefined) {
      if (!(await this.#searchChain(chain, from))) return { changes: this.#changes, next: this.#next };
      chain = await this.#chainAfter(lastKeyOf(chain));
      from = undefined;
      if (chain !== undefined && this.#readsLeft <= 0) return { changes: this.#changes, next: `${chain}.0.0` };
    }
    return { changes: this.#changes, next: undefined };
  }

  async #chainAfter(key: string): Promise<string | undefined> {
    const list = await this.#reader.engine.list(AUDIT_PREFIX, key, 1);
    if (list.kind === 'failed') throw list.error;
    const [first] = list.keys;
    if (first === undefined) return undefined;
    return parseAuditKey(first)?.chain ?? this.#chainAfter(first);
  }

  /** Resolves to whether the search goes on with the next chain. */
  async #searchChain(chain: string, cursor: Cursor | undefined): Promise<boolean> {
    let { page, pages } = await this.#pagesOf(chain, cursor);
    const behind = cursor?.n ?? 0;
    this.#open.clear();
    for (let outcomeReads = 0; ; page++) {
      const isOver = this.#next !== undefined;
      if (isOver && (this.#open.size === 0 || outcomeReads++ === OUTCOME_READS_MAX)) return false;
      const lines = await this.#readPage(chain, page);
      if (lines === undefined && page >= pages) return !isOver;
      for (const line of lines ?? []) if (line.n > behind) this.#take(chain, page, line);
      const last = lines?.at(-1);
      const isPast = last !== undefined && last.at >= this.#query.toMs;
      if (this.#next === undefined && isPast && this.#open.size === 0) return true;
      if (this.#next === undefined && this.#readsLeft <= 0) this.#next = `${chain}.${page}.${last?.n ?? behind}`;
    }
  }

  #take(chain: string, page: number, { n, at, entry }: ReadLine): void {
    if (entry === undefined) return;
    if ('of' in entry) {
      const change = this.#open.get(entry.of);
      if (change === undefined) return;
      this.#open.delete(entry.of);
      change.outcome = entry.outcome;
      if (entry.result !== undefined) change.result = entry.result;
      change.ended = formatTimestamp(at);
      return;
    }
    const { fromMs, toMs, matches, limit } = this.#query;
    if (!('who' in entry) || this.#next !== undefined || at < fromMs || at >= toMs || !matches(entry)) return;
    const { n: _, at: __, ...rest } = entry;
    const change: FoundChange = { id: `${chain}/${n}`, time: formatTimestamp(at), ...rest, outcome: null };
    this.#changes.push(change);
    this.#open.set(n, change);
    if (this.#changes.length === limit) this.#next = `${chain}.${page}.${n}`;
  }

  /**
   * Where to begin, and how many pages there are at least. To begin with: the last page that begins before the time
   * asked for, of those that the head knows. The times of a chain ascend.
   */
  async #pagesOf(chain: string, cursor: Cursor | undefined): Promise<{ page: number; pages: number }> {
    this.#readsLeft--;
    const { content: head } = await readOrThrow(this.#reader.documents.heads, headKey(chain));
    const pages = head?.reached.pages ?? 0;
    let low = head?.start.page ?? 0;
    if (cursor !== undefined) return { page: Math.max(low, cursor.page), pages };
    let high = this.#query.fromMs > 0 ? Math.max(low, pages - 1) : low;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const [first] = (await this.#readPage(chain, middle)) ?? [];
      if (first !== undefined && first.at < this.#query.fromMs) low = middle;
      else high = middle - 1;
    }
    return { page: low, pages };
  }

  /** Undefined: there is no such page. A line that cannot be read is left to `audit verify`. */
  async #readPage(chain: string, page: number): Promise<readonly ReadLine[] | undefined> {
    this.#readsLeft--;
    const read = await this.#reader.documents.pages.read(pageKey(chain, page));
    if (read.kind !== 'ok' && read.error.code === DAMAGED) return [];
    if (read.kind !== 'ok') throw read.error;
    return read.stored.content?.lines.flatMap((line) => readLine(line) ?? []);
  }
}

const DAMAGED = RpcError.of('abort').code;
