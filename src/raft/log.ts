/**
 * The log of one member: entries by index, from 1. What a snapshot covers may be dropped from its front. Index and term
 * of the entry before the first that is kept stay known.
 */

export interface Entry {
  readonly term: number;
  /** What the state machine applies. Empty: nothing, the entry with which a leader begins its term. */
  readonly command: string;
}

export interface RaftLog {
  /** The index and term of the last entry that was dropped; 0 if none was. */
  baseIndex: number;
  baseTerm: number;
  /** Those from `baseIndex + 1` on. */
  entries: Entry[];
}

export function lastIndex(log: RaftLog): number {
  return log.baseIndex + log.entries.length;
}

export function lastTerm(log: RaftLog): number {
  return log.entries.at(-1)?.term ?? log.baseTerm;
}

export function entryAt(log: RaftLog, index: number): Entry | undefined {
  return log.entries[index - log.baseIndex - 1];
}

/** Undefined if the entry was dropped, or is not there yet. */
export function termAt(log: RaftLog, index: number): number | undefined {
  return index === log.baseIndex ? log.baseTerm : entryAt(log, index)?.term;
}

/** Entries from an index on: at least one if there is one, and more up to this sum of characters. */
export function entriesFrom(log: RaftLog, from: number, lengthMax: number): Entry[] {
  const found: Entry[] = [];
  let length = 0;
  for (let index = from; ; index++) {
    const entry = entryAt(log, index);
    if (entry === undefined) return found;
    length += entry.command.length;
    if (found.length > 0 && length > lengthMax) return found;
    found.push(entry);
  }
}

/**
 * The first of `entries`, which begin at index `from`, that the log does not have. Undefined: it has all of them. What
 * follows them in the log says nothing: the message may be older than that.
 */
export function firstMissing(log: RaftLog, from: number, entries: readonly Entry[]): number | undefined {
  for (const [offset, { term }] of entries.entries()) {
    if (termAt(log, from + offset) !== term) return from + offset;
  }
  return undefined;
}

/** Puts entries at the index `from`, in the place of all that are there and after it. */
export function replaceFrom(log: RaftLog, from: number, entries: readonly Entry[]): void {
  log.entries.length = from - log.baseIndex - 1;
  for (const entry of entries) log.entries.push(entry);
}

/** Drops the entries up to an index that the log has. */
export function dropThrough(log: RaftLog, index: number): void {
  const term = termAt(log, index);
  if (term === undefined || index <= log.baseIndex) return;
  log.entries.splice(0, index - log.baseIndex);
  log.baseIndex = index;
  log.baseTerm = term;
}

/**
 * The last index, up to `index`, at which the log may agree with one whose entry there has `term`: terms never descend.
 * A whole term is skipped at once, so a leader finds the place in as many messages as there are terms between.
 */
export function lastPossibleMatch(log: RaftLog, index: number, term: number): number {
  let possible = Math.min(index, lastIndex(log));
  while (possible > log.baseIndex && (termAt(log, possible) as number) > term) possible--;
  return Math.max(possible, 0);
}
