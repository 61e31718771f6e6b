/** The file of a backup: it appears whole or not at all, and only what was written is read. */

import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBackup } from '../../../src/host/backup/read-backup.ts';
import { RESTORE_KEY } from '../../../src/host/backup/restore-mark.ts';
import { type BackupSource, takeBackup } from '../../../src/host/backup/take-backup.ts';
import { StateGoneError, type StoredEntry } from '../../../src/kv/stored-state.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
let files = 0;
const newFile = () => join(folder, `backup-${files++}`);

const ENTRIES: readonly StoredEntry[] = [
  { key: 'a/ada', text: '{"ver":1}' },
  { key: 'a/ü', text: 'two\nlines "in" quotes' },
  { key: 'a/\u{ffff}', text: '' },
  { key: 'a/\u{1f600}', text: '\u{1f600}' },
];

function sourceOf(read: () => AsyncIterable<readonly StoredEntry[]>, warn = (_: string) => {}): BackupSource {
  return { store: 'folder', nowMs: () => T, read: async () => ({ position: 'record 7', entries: read() }), warn };
}

async function* oneByOne(entries = ENTRIES): AsyncGenerator<readonly StoredEntry[]> {
  for (const entry of entries) yield [entry];
}

async function take(file = newFile(), entries = ENTRIES): Promise<string> {
  await takeBackup(
    file,
    sourceOf(() => oneByOne(entries)),
  );
  return file;
}

async function entriesOf(file: string): Promise<StoredEntry[]> {
  const found: StoredEntry[] = [];
  await readBackup(file, (some) => void found.push(...some));
  return found;
}

describe('a backup', () => {
  it('has what the store had, in the same order, with what it is of', async () => {
    const file = newFile();
    const header = { at: T, store: 'folder', position: 'record 7' };
    expect(await takeBackup(file, sourceOf(oneByOne))).toEqual({ header, count: 4 });
    expect(await readBackup(file, () => {})).toMatchObject({ header, count: 4 });
    expect(await entriesOf(file)).toEqual(ENTRIES);
    expect((await nodeFiles.stat(file)).mode & 0o777).toBe(0o600);
  });

  it('overwrites nothing', async () => {
    const file = await take();
    const before = await nodeFiles.readFile(file);
    await expect(take(file)).rejects.toThrow(`${file}: it is there already, and a backup overwrites nothing`);
    expect(await nodeFiles.readFile(file)).toEqual(before);
    const other = newFile();
    await nodeFiles.writeFile(`${other}.partial`, '');
    await expect(take(other)).rejects.toThrow(/another backup is writing it, or one did not finish/);
    await expect(take(join(folder, 'missing', 'file'))).rejects.toThrow(/missing: cannot list the folder/);
  });

  it('overwrites no file that came meanwhile', async () => {
    const file = newFile();
    const late = async function* () {
      yield* oneByOne();
      await nodeFiles.writeFile(file, 'mine');
    };
    await expect(takeBackup(file, sourceOf(late))).rejects.toThrow('it is there already');
    expect(await nodeFiles.readFile(file, 'utf8')).toBe('mine');
    expect(await nodeFiles.readdir(folder)).not.toContain(`${file}.partial`);
  });

  it('leaves no file if it fails', async () => {
    const file = newFile();
    const failing = async function* () {
      yield* oneByOne();
      throw new Error('the store is gone');
    };
    await expect(takeBackup(file, sourceOf(failing))).rejects.toThrow('the store is gone');
    const restoring = () => oneByOne([{ key: RESTORE_KEY, text: '{}' }]);
    await expect(takeBackup(file, sourceOf(restoring))).rejects.toThrow(/a restore into this store has not finished/);
    const names = await nodeFiles.readdir(folder);
    expect(names.filter((name) => join(folder, name).startsWith(file))).toEqual([]);
  });

  it('begins anew if the state is gone, and gives up when that does not end', async () => {
    const file = newFile();
    let readings = 0;
    const gone = async function* () {
      readings++;
      yield [{ key: `old-${readings}`, text: '' }];
      if (readings < 3) throw new StateGoneError('revision 5 was compacted');
    };
    const warnings: string[] = [];
    await takeBackup(
      file,
      sourceOf(gone, (text) => warnings.push(text)),
    );
    expect(await entriesOf(file)).toEqual([{ key: 'old-3', text: '' }]);
    expect(warnings).toEqual(Array(2).fill('revision 5 was compacted; it begins anew'));
    readings = Number.NEGATIVE_INFINITY;
    await expect(takeBackup(newFile(), sourceOf(gone))).rejects.toThrow('revision 5 was compacted, 5 times in a row');
  });
});

describe('a file', () => {
  it('is refused wherever it is cut', async () => {
    const whole = await nodeFiles.readFile(await take(newFile(), ENTRIES.slice(0, 1)));
    const cut = newFile();
    for (let length = 0; length < whole.length; length++) {
      await nodeFiles.writeFile(cut, whole.subarray(0, length));
      await expect(entriesOf(cut), `cut to ${length}`).rejects.toThrow(cut);
    }
  });

  it('is refused whichever byte is another one', async () => {
    const whole = await nodeFiles.readFile(await take(newFile(), ENTRIES.slice(0, 1)));
    const changed = newFile();
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ 1;
      await nodeFiles.writeFile(changed, bytes);
      await expect(entriesOf(changed), `byte ${at}`).rejects.toThrow(changed);
    }
  });

  it('is refused if it lacks an entry, has one twice, or goes on behind its end', async () => {
    const lines = (await nodeFiles.readFile(await take(), 'latin1')).split(/(?<=\n)/);
    const [header, first, ...others] = lines as [string, string, ...string[]];
    for (const wrong of [
      [header, ...others],
      [header, first, first, ...others],
      [header, others[0] as string, first, ...others.slice(1)],
      [...lines, first],
    ]) {
      const file = newFile();
      await nodeFiles.writeFile(file, wrong.join(''));
      await expect(entriesOf(file)).rejects.toThrow(file);
    }
  });

  it('is refused with the reason if it is another one', async () => {
    const file = newFile();
    await nodeFiles.writeFile(file, '{"hello":1}\n');
    await expect(entriesOf(file)).rejects.toThrow(`${file}: it is no backup: its first line is another one`);
    await nodeFiles.writeFile(file, '{"snowstorm":"backup","format":9}\n');
    await expect(entriesOf(file)).rejects.toThrow('it has format 9, and this version of Snowstorm knows only format 1');
  });
});
