/**
 * A set that only grows, kept by every node: the elements that a node was told, and those that others told it. It is a
 * state-based grow-only set (Shapiro et al., "Conflict-free Replicated Data Types", SSS 2011) whose state is exchanged
 * in differences.
 *
 * Each node numbers what it was told itself, from 0, in a log of its own. A log is identified by its origin and an
 * epoch, which is drawn once for each journal: without its journal a node does not know which numbers it has used. What
 * a node knows of a log is a prefix, and what lies ahead of a gap. So a digest is a version vector: the length of the
 * prefix of each log.
 *
 * Nothing is told, shown or sent before it is in the journal. So a number is never used twice, and a restarted node
 * shows at least what it has shown before.
 */

import type { Journal } from '../../journal/journal.ts';
import { canonicalKey } from '../../protocol/exact-json.ts';

/** Consecutive entries of a log. `values[0]` has the number `first`. */
export type Run = readonly [origin: string, epoch: number, first: number, values: readonly unknown[]];

/** How many entries of a log are known from its beginning on, without a gap. */
export type Count = readonly [origin: string, epoch: number, count: number];

/** The most that goes into one message. */
export interface PartLimits {
  /** Entries. */
  readonly entriesMax: number;
  /** Characters of JSON. A single entry may have more. */
  readonly lengthMax: number;
}

interface Log {
  readonly origin: string;
  readonly epoch: number;
  /** In the journal, without a gap. */
  readonly prefix: unknown[];
  /** In the journal, behind a gap, by number. */
  readonly ahead: Map<number, unknown>;
  /** The numbers of entries on their way into the journal. */
  readonly pending: Set<number>;
}

export interface ReplicatedSetOptions {
  readonly nodeId: string;
  readonly journal: Pick<Journal, 'append'>;
  /** What the journal held. */
  readonly records: readonly string[];
  /** For the epoch of a node whose journal knows none. */
  readonly randomUint32: () => number;
}

export class ReplicatedSet {
  readonly #journal: Pick<Journal, 'append'>;
  readonly #logs = new Map<string, Log>();
  /** In the journal, by {@link canonicalKey}. */
  readonly #elements = new Map<string, unknown>();
  /** Own elements on their way into the journal. */
  readonly #adding = new Map<string, Promise<void>>();
  readonly #own: Log;
  /** Settles when all that was ever on its way into the journal is there. */
  #written: Promise<unknown> = Promise.resolve();
  #writing = 0;
  #nextNumber: number;

  /** Throws an Error if a record was not written by this class. */
  constructor({ nodeId, journal, records, randomUint32 }: ReplicatedSetOptions) {
    this.#journal = journal;
    let ownEpoch: number | undefined;
    for (const record of records) {
      const { own, runs } = JSON.parse(record) as JournalRecord;
      if (own) ownEpoch = runs[0]?.[1];
      for (const run of runs) this.#insert(run);
    }
    this.#own = this.#logOf(nodeId, ownEpoch ?? randomUint32());
    this.#nextNumber = this.#own.prefix.length;
  }

  get size(): number {
    return this.#elements.size;
  }

  get logCount(): number {
    return this.#logs.size;
  }

  /**
   * Every element once. What is on its way into the journal now is waited for, so that a read shows all that came
   * before it.
   */
  elements(): unknown[] | Promise<unknown[]> {
    const list = () => [...this.#elements.values()];
    return this.#writing === 0 ? list() : this.#written.then(list, list);
  }

  /**
   * Adds an element that this node was told. Resolves when it is in the journal. Rejects if the journal fails: then it
   * may be in the set later, or never.
   *
   * @param onNew called before, unless the set has the element already
   */
  add(value: unknown, onNew: (run: Run) => void): Promise<void> {
    const key = canonicalKey(value);
    if (this.#elements.has(key)) return Promise.resolve();
    let adding = this.#adding.get(key);
    if (adding === undefined) {
      adding = this.#append(value, onNew).finally(() => this.#adding.delete(key));
      this.#adding.set(key, adding);
    }
    return adding;
  }

  async #append(value: unknown, onNew: (run: Run) => void): Promise<void> {
    const { origin, epoch } = this.#own;
    const run: Run = [origin, epoch, this.#nextNumber++, [value]];
    await this.#write({ own: true, runs: [run] });
    onNew(run);
  }

  /**
   * Takes entries that another node knows. Resolves with those that are new, when they are in the journal. Rejects if
   * the journal fails.
   */
  async merge(runs: readonly Run[]): Promise<Run[]> {
    const fresh = runs.flatMap((run) => this.#claim(run));
    if (fresh.length === 0) return [];
    await this.#write({ runs: fresh });
    return fresh;
  }

  async #write(record: JournalRecord): Promise<void> {
    this.#writing++;
    const written = this.#journal.append(encodeRecord(record)).then(() => {
      for (const run of record.runs) this.#insert(run);
    });
    this.#written = written;
    try {
      await written;
    } finally {
      this.#writing--;
    }
  }

  /** The parts of a run that are neither known nor on their way. From now on they are on their way. */
  #claim([origin, epoch, first, values]: Run): Run[] {
    const log = this.#logOf(origin, epoch);
    const fresh: [string, number, number, unknown[]][] = [];
    for (const [index, value] of values.entries()) {
      const number = first + index;
      if (number < log.prefix.length || log.ahead.has(number) || log.pending.has(number)) continue;
      log.pending.add(number);
      const last = fresh.at(-1);
      if (last !== undefined && last[2] + last[3].length === number) last[3].push(value);
      else fresh.push([origin, epoch, number, [value]]);
    }
    return fresh;
  }

  #insert([origin, epoch, first, values]: Run): void {
    const log = this.#logOf(origin, epoch);
    for (const [index, value] of values.entries()) {
      const number = first + index;
      log.pending.delete(number);
      log.ahead.set(number, value);
      const key = canonicalKey(value);
      if (!this.#elements.has(key)) this.#elements.set(key, value);
    }
    for (let next = log.prefix.length; log.ahead.has(next); next++) {
      log.prefix.push(log.ahead.get(next));
      log.ahead.delete(next);
    }
  }

  #logOf(origin: string, epoch: number): Log {
    const key = `${epoch} ${origin}`;
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = { origin, epoch, prefix: [], ahead: new Map(), pending: new Set() };
      this.#logs.set(key, log);
    }
    return log;
  }

  /** Records for the journal that hold all of the set, in the place of those before. */
  *records({ entriesMax }: Pick<PartLimits, 'entriesMax'>): Iterable<string> {
    for (const log of this.#logs.values()) {
      const { origin, epoch, prefix, ahead } = log;
      const own = log === this.#own && { own: true as const };
      const runs: Run[] = [];
      for (let first = 0; first < prefix.length; first += entriesMax)
        runs.push([origin, epoch, first, prefix.slice(first, first + entriesMax)]);
      for (const [number, value] of ahead) runs.push([origin, epoch, number, [value]]);
      for (const run of runs) yield encodeRecord({ ...own, runs: [run] });
    }
  }

  /** How many entries of a log this node knows without a gap. */
  countOf(origin: string, epoch: number): number {
    return this.#logs.get(`${epoch} ${origin}`)?.prefix.length ?? 0;
  }

  /** The log of this node's own entries, as others know it. */
  ownCount(): Count {
    return [this.#own.origin, this.#own.epoch, this.#own.prefix.length];
  }

  /** All that this node knows without a gap. */
  digest(): Count[] {
    const logs = [...this.#logs.values()].filter(({ prefix }) => prefix.length > 0);
    return logs.map(({ origin, epoch, prefix }): Count => [origin, epoch, prefix.length]);
  }

  /** The first entries that a node with this digest lacks, and whether there are more. */
  missingFrom(known: readonly Count[], limits: PartLimits): { readonly runs: Run[]; readonly more: boolean } {
    const counts = new Map(known.map(([origin, epoch, count]) => [`${epoch} ${origin}`, count]));
    const runs: Run[] = [];
    const room = { entries: limits.entriesMax, length: limits.lengthMax };
    for (const [key, { origin, epoch, prefix }] of this.#logs) {
      const first = counts.get(key) ?? 0;
      const values: unknown[] = [];
      for (let number = first; number < prefix.length; number++) {
        const { length } = JSON.stringify(prefix[number]);
        const isFull = room.entries === 0 || (length > room.length && room.entries < limits.entriesMax);
        if (isFull) return { runs: withRun(runs, [origin, epoch, first, values]), more: true };
        room.entries--;
        room.length -= length;
        values.push(prefix[number]);
      }
      withRun(runs, [origin, epoch, first, values]);
    }
    return { runs, more: false };
  }
}

/** `own`: the entry is this node's, in the epoch that it goes on with. */
interface JournalRecord {
  readonly own?: true;
  readonly runs: readonly Run[];
}

function encodeRecord(record: JournalRecord): string {
  return JSON.stringify(record);
}

function withRun(runs: Run[], run: Run): Run[] {
  if (run[3].length > 0) runs.push(run);
  return runs;
}
