/**
 * What a member keeps on its disk, as records in a journal:
 *
 *     ["member", 81234, "known"]                          its incarnation, and its standing
 *     ["seen", "n2", 4711]                                the first incarnation of another member
 *     ["term", 7, "n1"]                                   its term, and its vote there
 *     ["log", 12, [7, "…", 7, "…"]]                       entries from index 12 on, in the place of all from there on
 *     ["snapshot", 10, 6, "…", 8, 6]                      a snapshot, and the last entry that is no longer in the log
 */

import { type Entry, replaceFrom } from './log.ts';
import { EMPTY, type Persisted, type RaftState, type Standing } from './state.ts';

const KEPT: Readonly<Record<Standing, Standing>> = {
  new: 'new',
  recovering: 'new',
  voter: 'voter',
  disputed: 'voter',
  known: 'known',
};

/** @param standing that of a member which recovers, or is disputed, is not kept: it begins anew to find out */
export function memberRecord({ incarnation, standing }: Pick<RaftState, 'incarnation' | 'standing'>): string {
  return JSON.stringify(['member', incarnation, KEPT[standing]]);
}

export function seenRecord(id: string, incarnation: number): string {
  return JSON.stringify(['seen', id, incarnation]);
}

export function termRecord({ term, votedFor }: Pick<RaftState, 'term' | 'votedFor'>): string {
  return JSON.stringify(['term', term, votedFor ?? null]);
}

export function logRecord(from: number, entries: readonly Entry[]): string {
  return JSON.stringify(['log', from, entries.flatMap(({ term, command }) => [term, command])]);
}

/** The records that say all that is on the disk. */
export function recordsOf(state: Pick<RaftState, keyof Persisted>): string[] {
  const { snapshot, log } = state;
  const seen = [...state.seen].map(([id, incarnation]) => seenRecord(id, incarnation));
  const records = [memberRecord(state), ...seen, termRecord(state)];
  if (snapshot !== undefined) {
    const { index, term, data } = snapshot;
    records.push(JSON.stringify(['snapshot', index, term, data, log.baseIndex, log.baseTerm]));
  }
  if (log.entries.length > 0) records.push(logRecord(log.baseIndex + 1, log.entries));
  return records;
}

/** What the records say. Throws an Error for a record of another kind. */
export function readRecords(records: Iterable<string>): Persisted {
  let { incarnation, standing, term, votedFor, snapshot } = EMPTY;
  const seen = new Map<string, number>();
  let log = { ...EMPTY.log, entries: [] as Entry[] };
  for (const record of records) {
    const fields = JSON.parse(record) as unknown[];
    if (fields[0] === 'member') {
      incarnation = fields[1] as number;
      standing = fields[2] as Standing;
    } else if (fields[0] === 'seen') {
      seen.set(fields[1] as string, fields[2] as number);
    } else if (fields[0] === 'term') {
      term = fields[1] as number;
      votedFor = (fields[2] as string | null) ?? undefined;
    } else if (fields[0] === 'log') {
      replaceFrom(log, fields[1] as number, pairsOf(fields[2] as (number | string)[]));
    } else if (fields[0] === 'snapshot') {
      const [, index, indexTerm, data, baseIndex, baseTerm] = fields;
      snapshot = { index: index as number, term: indexTerm as number, data: data as string };
      log = { baseIndex: baseIndex as number, baseTerm: baseTerm as number, entries: [] };
    } else throw new Error(`a record of Raft is of no known kind: ${record.slice(0, 40)}`);
  }
  return { incarnation, standing, seen, term, votedFor, snapshot, log };
}

function pairsOf(flat: readonly (number | string)[]): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < flat.length; at += 2)
    entries.push({ term: flat[at] as number, command: flat[at + 1] as string });
  return entries;
}
