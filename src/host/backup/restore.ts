/**
 * Puts a backup into a store without keys. First comes the mark, then all documents, at last the node numbers; then the
 * mark goes. So a restore that ended anywhere in between is known for one, by every reader.
 *
 * Every write is the creation of a key with one certain text. So it can be repeated: after a failure whose outcome is
 * not known, and by a later restore of the same file.
 */

import { NUMBER_KEYS, restoredNumber, StoredNumber } from '../../ids/fleet/restored-numbers.ts';
import type { StoreEngine } from '../../kv/store.ts';
import type { StoredEntry } from '../../kv/stored-state.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import { BackupError, parse } from './format.ts';
import { type BackupTimes, type IssuedRule, issuedBound } from './issued-bound.ts';
import { type BackupRead, readBackup } from './read-backup.ts';
import { RESTORE_KEY, RestoreMark } from './restore-mark.ts';

/** Writes under way at once. */
const WRITES_MAX = 256;
/** A key that cannot be written for so long ends the restore, ms. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 100;

export interface CheckedBackup extends BackupRead, BackupTimes {
  /** The node numbers in it, by their keys. */
  readonly numbers: ReadonlyMap<string, StoredNumber>;
}

/** Reads all of a backup. Rejects with a {@link BackupError} if it is not as it was written. */
export async function checkBackup(file: string, keys?: KeyRing): Promise<CheckedBackup> {
  const numbers = new Map<string, StoredNumber>();
  const numberKeys = new Set(NUMBER_KEYS);
  const read = await readBackup(
    file,
    (entries) => {
      for (const { key, text } of entries) {
        if (!numberKeys.has(key)) continue;
        const number = StoredNumber.safeParse(parse(text));
        if (!number.success) throw new BackupError(`${file}: what it holds under ${key} is no node number`);
        numbers.set(key, number.data);
      }
    },
    keys,
  );
  const bounds = [...numbers.values()].flatMap(({ until }) => until ?? []);
  return { ...read, at: read.header.at, numbers, newestBoundMs: bounds.length > 0 ? Math.max(...bounds) : undefined };
}

export interface RestoreOptions {
  readonly engine: StoreEngine;
  readonly file: string;
  /** Of the file. */
  readonly keys?: KeyRing | undefined;
  readonly backup: CheckedBackup;
  readonly rule: IssuedRule;
  /** Whether a restore of this file that has not finished may be finished. */
  readonly resume: boolean;
  /** Unix ms, by the wall clock. */
  readonly nowMs: number;
  /** What a number becomes. Only a test has another. */
  readonly numberText?: typeof restoredNumber;
}

/** Resolves to where the ids go on, unix ms. Rejects with a {@link BackupError} for people. */
export async function restore(options: RestoreOptions): Promise<number> {
  const { engine, file, keys, backup, numberText = restoredNumber } = options;
  const { boundMs } = await takeStore(options);
  const isNumber = new Set(NUMBER_KEYS);
  const again = await readBackup(
    file,
    (entries) =>
      createAll(
        engine,
        entries.filter(({ key }) => !isNumber.has(key)),
      ),
    keys,
  );
  if (again.sha256 !== backup.sha256) throw new BackupError(`${file}: it was replaced while it was being restored`);
  const numbers = NUMBER_KEYS.map((key) => ({ key, text: numberText(backup.numbers.get(key), boundMs) }));
  await createAll(engine, numbers);
  await removeMark(engine);
  return boundMs;
}

/** Writes the mark into a store without keys, or finds it there. */
async function takeStore({ engine, backup, rule, resume, nowMs }: RestoreOptions): Promise<RestoreMark> {
  const read = await engine.read(RESTORE_KEY);
  if (read.kind === 'failed') throw new BackupError(read.error.message);
  if (read.kind !== 'absent') {
    const mark = read.kind === 'found' ? RestoreMark.safeParse(parse(read.text)).data : undefined;
    if (mark?.sha256 !== backup.sha256)
      throw new BackupError('a restore of another backup into it has not finished. Remove all of it first');
    if (!resume)
      throw new BackupError(
        'a restore of this backup into it has not finished. Finish it with --resume, or remove all of it first',
      );
    return mark;
  }
  const list = await engine.list('', undefined, 1);
  if (list.kind === 'failed') throw new BackupError(list.error.message);
  const [key] = list.keys;
  if (key !== undefined)
    throw new BackupError(`it is not empty: it has the key ${key}. A backup is restored into an empty store only`);
  const mark: RestoreMark = { sha256: backup.sha256, boundMs: issuedBound(rule, backup, nowMs) };
  await create(engine, { key: RESTORE_KEY, text: JSON.stringify(mark) });
  return mark;
}

async function createAll(engine: StoreEngine, entries: readonly StoredEntry[]): Promise<void> {
  for (let start = 0; start < entries.length; start += WRITES_MAX)
    await Promise.all(entries.slice(start, start + WRITES_MAX).map((entry) => create(engine, entry)));
}

/** Resolves when the store holds this text under this key. */
async function create(engine: StoreEngine, { key, text }: StoredEntry): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const result = await engine.replace(key, null, text);
    if (result.kind === 'ok') return;
    // It is there if an earlier copy of this request, or an earlier restore, was carried out.
    const read = result.kind === 'unavailable' ? undefined : await engine.read(key);
    if (read?.kind === 'found' && read.text === text) return;
    if (read?.kind === 'found' || read?.kind === 'foreign')
      throw new BackupError(`another program writes to it: ${key} was created meanwhile. End all instances first`);
    if (performance.now() >= endMs) throw new BackupError(`${key} cannot be written: ${result.error.message}`);
    await pause();
  }
}

async function removeMark(engine: StoreEngine): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const read = await engine.read(RESTORE_KEY);
    if (read.kind === 'absent') return;
    const removed = read.kind === 'found' ? await engine.remove(RESTORE_KEY, read.token) : undefined;
    if (removed?.kind === 'ok') return;
    if (performance.now() >= endMs) throw new BackupError(`the mark ${RESTORE_KEY} cannot be removed`);
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
