/**
 * What a node has seen, on its disk. A transaction is a record, and also one of another node; a journal that has grown
 * long is written anew as the whole state, with the transactions that other nodes may still lack. The first record
 * names the origin: a node that comes back without its journal is another origin, and never uses a number again.
 */

import * as z from 'zod';
import { Journal } from '../../journal/journal.ts';
import type { Folder } from '../../protocol/folder.ts';
import { BATCH_LENGTH_MAX, type RegisterLimits } from './limits.ts';
import { Committed } from './messages.ts';
import type { Register, RegisterState } from './registers.ts';

const JOURNAL_NAME = 'txn-registers';

const Entry = z.tuple([z.string(), z.unknown(), z.int(), z.string()]);
export type RegisterEntry = z.infer<typeof Entry>;

const Line = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('origin'), origin: z.string() }),
  z.object({ kind: z.literal('committed'), committed: Committed }),
  /** The beginning of a state; the registers follow. */
  z.object({ kind: z.literal('state'), seen: z.array(z.tuple([z.string(), z.int()])), stamp: z.int() }),
  z.object({ kind: z.literal('registers'), registers: z.array(Entry) }),
  /** Transactions that the state shows already. */
  z.object({ kind: z.literal('kept'), kept: z.array(Committed) }),
]);
type Line = z.infer<typeof Line>;

/** What a journal tells to a node that starts. */
export interface RegisterReplay {
  apply(committed: Committed): void;
  merge(state: RegisterState): void;
  keep(committed: Committed): void;
}

export class RegisterJournal {
  readonly origin: string;
  readonly #journal: Journal;
  readonly #limits: RegisterLimits;
  /** Resolves when all that was recorded so far is on the disk. */
  #durable: Promise<void>;
  /** From this length on it is written anew. */
  #longMin: number;

  /**
   * Recovers what earlier lives have recorded. Rejects if it is damaged.
   *
   * @param newOrigin the origin if there is no record of one
   */
  static async open(
    folder: Folder | undefined,
    newOrigin: string,
    limits: RegisterLimits,
    replay: RegisterReplay,
  ): Promise<RegisterJournal> {
    const { journal, records } = await Journal.open(folder, JOURNAL_NAME);
    const lines = records.map((record) => Line.parse(JSON.parse(record)));
    for (const line of lines) {
      if (line.kind === 'committed') replay.apply(line.committed);
      else if (line.kind === 'kept') for (const committed of line.kept) replay.keep(committed);
      else if (line.kind === 'registers')
        replay.merge({ seen: new Map(), stamp: 0, registers: fromEntries(line.registers) });
      else if (line.kind === 'state')
        replay.merge({ seen: new Map(line.seen), stamp: line.stamp, registers: new Map() });
    }
    const [first] = lines;
    if (first?.kind === 'origin') return new RegisterJournal(journal, first.origin, limits);
    const opened = new RegisterJournal(journal, newOrigin, limits);
    // Before a word of this origin leaves the node.
    await journal.append(textOf({ kind: 'origin', origin: newOrigin }));
    return opened;
  }

  private constructor(journal: Journal, origin: string, limits: RegisterLimits) {
    this.#journal = journal;
    this.origin = origin;
    this.#limits = limits;
    this.#durable = Promise.resolve();
    this.#longMin = Math.max(limits.journal, 2 * journal.length);
  }

  /** Resolves when all that was recorded before would survive a power failure. Rejects if the disk has failed. */
  durable(): Promise<void> {
    return this.#durable;
  }

  /** Resolves when the transaction, and all before it, would survive a power failure. */
  record(committed: Committed): Promise<void> {
    return this.#enter(this.#journal.append(textOf({ kind: 'committed', committed })));
  }

  get isLong(): boolean {
    return this.#journal.length >= this.#longMin;
  }

  /** Writes the journal anew: the state, and transactions that are kept for others, in few records. */
  rewrite(state: RegisterState, kept: readonly Committed[]): Promise<void> {
    const { registers: page } = this.#limits;
    const lines: Line[] = [
      { kind: 'origin', origin: this.origin },
      { kind: 'state', seen: [...state.seen], stamp: state.stamp },
      ...pagesOf(state.registers, page).map((registers): Line => ({ kind: 'registers', registers })),
      ...inPages(kept, page).map((some): Line => ({ kind: 'kept', kept: some })),
    ];
    const written = this.#enter(this.#journal.replace(lines.map(textOf)));
    this.#longMin = Math.max(this.#limits.journal, 2 * this.#journal.length);
    return written;
  }

  #enter(written: Promise<void>): Promise<void> {
    this.#durable = written;
    // All who rest on it are told. If none does, it is not unhandled.
    written.catch(() => {});
    return written;
  }
}

function textOf(line: Line): string {
  return JSON.stringify(line);
}

/** All registers, so many at a time and fewer if they are long; at least one page. */
export function pagesOf(registers: ReadonlyMap<string, Register>, page: number): RegisterEntry[][] {
  const entries = [...registers].map(([key, { value, stamp, origin }]): RegisterEntry => [key, value, stamp, origin]);
  return entries.length === 0 ? [[]] : inPages(entries, page);
}

function inPages<Item>(items: readonly Item[], page: number): Item[][] {
  const pages: Item[][] = [];
  let length = 0;
  for (const item of items) {
    length += JSON.stringify(item).length;
    const last = pages.at(-1);
    if (last !== undefined && last.length < page && length <= BATCH_LENGTH_MAX) last.push(item);
    else {
      pages.push([item]);
      length = JSON.stringify(item).length;
    }
  }
  return pages;
}

export function fromEntries(entries: readonly RegisterEntry[]): Map<string, Register> {
  return new Map(entries.map(([key, value, stamp, origin]) => [key, { value, stamp, origin }]));
}
