/** The file of an encrypted backup: what stands in it, who can read it, and that only what was written is read. */

import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBackup } from '../../../src/host/backup/read-backup.ts';
import { takeBackup } from '../../../src/host/backup/take-backup.ts';
import type { KeyRing } from '../../../src/host/encryption/key-ring.ts';
import type { StoredEntry } from '../../../src/kv/stored-state.ts';
import { KEY_A, KEY_B, ringOf } from '../../support/encryption.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
let files = 0;
const newFile = () => join(folder, `backup-${files++}`);
const SMALL: readonly StoredEntry[] = [{ key: 'a/ada.lovelace', text: '{"balance":1234567}' }];
/** So many that there are several frames. */
const LARGE = Array.from({ length: 40 }, (_, at) => ({
  key: `k${String(at).padStart(2, '0')}`,
  text: 'x'.repeat(20_000),
}));
const AT_ONCE = 32;
const [A] = ringOf(KEY_A).names as [string];

async function take(entries = SMALL, keys: KeyRing | undefined = ringOf(KEY_A)): Promise<string> {
  const file = newFile();
  async function* oneByOne(): AsyncGenerator<readonly StoredEntry[]> {
    for (const entry of entries) yield [entry];
  }
  const read = async () => ({ position: 'record 7', entries: oneByOne() });
  await takeBackup(file, { store: 'folder', nowMs: () => T, read, warn: () => {}, keys });
  return file;
}

async function entriesOf(file: string, keys: KeyRing | undefined = ringOf(KEY_A)): Promise<StoredEntry[]> {
  const found: StoredEntry[] = [];
  await readBackup(file, (some) => void found.push(...some), keys);
  return found;
}

async function written(text: string | Buffer): Promise<string> {
  const file = newFile();
  await nodeFiles.writeFile(file, text, 'latin1');
  return file;
}

describe('an encrypted backup', () => {
  it('has what the store had, shows nothing of it, and may be renamed', async () => {
    const file = await take();
    expect(await nodeFiles.readFile(file, 'latin1')).not.toMatch(/ada\.lovelace|1234567|record|sha256/);
    expect(await entriesOf(file)).toEqual(SMALL);
    const renamed = newFile();
    await nodeFiles.rename(file, renamed);
    expect(await entriesOf(renamed, ringOf(KEY_B, KEY_A))).toEqual(SMALL);
    expect((await nodeFiles.stat(renamed)).mode & 0o777).toBe(0o600);
  });

  it('is refused without its key, and a plain one with a key, before anything is handed out', async () => {
    const file = await take();
    await expect(entriesOf(file, ringOf(KEY_B))).rejects.toThrow(`${file}: it is encrypted with the key ${A}, and the`);
    await expect(readBackup(file, () => {})).rejects.toThrow(
      `${file}: it is encrypted with the key ${A}, and no key was given: --encryption-key`,
    );
    const plain = newFile();
    const read = async () => ({ position: 'record 7', entries: (async function* () {})() });
    await takeBackup(plain, { store: 'folder', nowMs: () => T, read, warn: () => {} });
    await expect(entriesOf(plain)).rejects.toThrow(`${plain}: it is not encrypted, and the keys given (${A}) are for`);
    expect(await entriesOf(plain, ringOf(KEY_A, 'plain'))).toEqual([]);
  });

  it('is refused wherever it is cut, and whichever byte is another one', async () => {
    const whole = await nodeFiles.readFile(await take());
    const places = Array.from(whole, (_, at) => at);
    const refuse = async (at: number, bytes: Buffer) => {
      const file = `${newFile()}-${at}`;
      await nodeFiles.writeFile(file, bytes);
      await expect(entriesOf(file), `at ${at}`).rejects.toThrow(file);
      await nodeFiles.rm(file);
    };
    while (places.length > 0) {
      const some = places.splice(0, AT_ONCE);
      await Promise.all(some.filter((at) => at % 5 === 0).map((at) => refuse(at, whole.subarray(0, at))));
      await Promise.all(
        some.map((at) => refuse(at, Buffer.from(whole.map((byte, index) => byte ^ Number(index === at))))),
      );
    }
  });

  it('is refused if frames were left out, repeated, swapped, cut off or taken from another one', async () => {
    const lines = (await nodeFiles.readFile(await take(LARGE), 'latin1')).split(/(?<=\n)/) as [string, ...string[]];
    const others = (await nodeFiles.readFile(await take(LARGE), 'latin1')).split(/(?<=\n)/);
    expect(lines.length).toBeGreaterThan(4);
    expect(await entriesOf(await written(lines.join('')))).toEqual(LARGE);
    for (const wrong of [
      lines.slice(0, -1),
      lines.slice(0, 3),
      [...lines.slice(0, 3), ...lines.slice(4)],
      [...lines.slice(0, 4), ...lines.slice(3)],
      [...lines.slice(0, 2), lines[3], lines[2], ...lines.slice(4)],
      [...lines, lines.at(-1)],
      [...lines.slice(0, 3), others[3], ...lines.slice(4)],
      [...others.slice(0, 1), ...lines.slice(1)],
    ]) {
      const file = await written(wrong.join(''));
      await expect(entriesOf(file)).rejects.toThrow(file);
    }
  });
});
