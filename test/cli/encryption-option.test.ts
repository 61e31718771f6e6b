/** `--encryption-key` and its environment variable, of the commands that have a store or a backup. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { auditCommand } from '../../src/cli/audit-command.ts';
import { backupCommand } from '../../src/cli/backup-command.ts';
import { restoreCommand } from '../../src/cli/restore-command.ts';
import { serveCommand } from '../../src/cli/serve-command.ts';
import { openDataFolder } from '../../src/host/data-folder.ts';
import { fileName } from '../../src/kv/log/format.ts';
import { KEY_A, KEY_B, ringOf } from '../support/encryption.ts';
import { replacing } from '../support/lossy-engine.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const VARIABLE = 'SNOWSTORM_ENCRYPTION_KEY';
vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
afterEach(() => vi.unstubAllEnvs());

let files = 0;
const newPath = () => join(folder, `path-${files++}`);
const [A] = ringOf(KEY_A).names;

function keyFile(...keys: readonly string[]): string {
  const file = newPath();
  writeFileSync(file, `${keys.join('\n')}\n`);
  return file;
}

async function filled(key?: string): Promise<string> {
  const store = newPath();
  const engine = await openDataFolder(store, { onFailure: () => {}, keys: key === undefined ? key : ringOf(key) });
  await engine.replace('a/ada.lovelace', null, '{"ver":1}');
  await engine.close();
  return store;
}

const textIn = (path: string) => readFileSync(path, 'latin1');

describe('a backup of an encrypted folder', () => {
  it('is taken and restored with its key, and encrypted on its way', async () => {
    const [store, file, restored] = [await filled(KEY_A), newPath(), newPath()];
    const key = ['--encryption-key', keyFile(KEY_A)];
    expect(await backupCommand(['--store', store, ...key, file])).toBe(0);
    expect(textIn(file)).toContain(`"key":"${A}"`);
    expect(textIn(file)).not.toContain('ada.lovelace');
    expect(await restoreCommand(['--check', ...key, file])).toBe(0);
    expect(await restoreCommand(['--store', restored, ...key, file])).toBe(0);
    const logs = readdirSync(restored).filter((name) => name.startsWith('log-'));
    expect(logs.map((name) => textIn(join(restored, name))).join('')).not.toContain('ada.lovelace');
    await expect(backupCommand(['--store', restored, newPath()])).rejects.toThrow(
      `is encrypted with the key ${A}, and no key was given: --encryption-key`,
    );
  });

  it('is taken with the key in the environment', async () => {
    vi.stubEnv(VARIABLE, `${KEY_B},${KEY_A}`);
    const [store, file] = [await filled(KEY_A), newPath()];
    expect(await backupCommand(['--store', store, file])).toBe(0);
    expect(textIn(file)).toContain(`"key":"${ringOf(KEY_B).names[0]}"`);
  });

  it.each([
    [[KEY_B], `it is encrypted with the key ${A}, and the keys given are others: ${ringOf(KEY_B).names[0]}`],
    [[], `it is encrypted with the key ${A}, and no key was given: --encryption-key`],
  ])('is refused with %j, and no file is made', async (keys, problem) => {
    const [store, place] = [await filled(KEY_A), newPath()];
    const file = join(place, 'backup');
    mkdirSync(place);
    const { mtimeMs } = statSync(place);
    const key = keys.length > 0 ? ['--encryption-key', keyFile(...keys)] : [];
    await expect(backupCommand(['--store', store, ...key, file])).rejects.toThrow(`--store ${store}: ${store}/log-`);
    // Not for a moment, either.
    expect(statSync(place).mtimeMs).toBe(mtimeMs);
    expect(await backupCommand(['--store', store, '--encryption-key', keyFile(KEY_A), file])).toBe(0);
    const restored = newPath();
    await expect(restoreCommand(['--store', restored, ...key, file])).rejects.toThrow(`${file}: ${problem}`);
    expect(existsSync(restored)).toBe(false);
  });

  it('of a plain one needs the word for it', async () => {
    const [store, file] = [await filled(), newPath()];
    const backup = (...keys: string[]) => backupCommand(['--store', store, '--encryption-key', keyFile(...keys), file]);
    await expect(backup(KEY_A)).rejects.toThrow('it is not encrypted, and the keys given');
    expect(await backup(KEY_A, 'plain')).toBe(0);
    expect(textIn(file)).not.toContain('ada.lovelace');
  });
});

describe('a service at SIGHUP', () => {
  it('takes keys that are enough for its folder, also if the signal comes while that is being opened', async () => {
    const store = await filled(KEY_A);
    const file = keyFile(KEY_A);
    const said: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    const hangUp = (...keys: string[]) => {
      writeFileSync(file, keys.join('\n'));
      process.emit('SIGHUP');
    };
    const heard = (text: string) => expect.poll(() => said.join(''), { timeout: 20_000 }).toContain(text);
    const args = ['--store', store, '--encryption-key', file, '--listen', '127.0.0.1:0'];
    const ended = serveCommand(args, {
      folder: (folder) =>
        replacing(folder, {
          lock: async (name) => {
            hangUp(KEY_B);
            return folder.lock(name);
          },
        }),
    });
    await heard(`SIGHUP: ${join(store, fileName('log', 1))}: it is encrypted with the key ${A}`);
    await heard('The keys stay as they were');
    await heard('listening on');
    hangUp(KEY_B, KEY_A);
    await heard(`no file needs ${A} any more`);
    // Its other end might never be opened.
    unlinkSync(file);
    execFileSync('mkfifo', [file]);
    process.emit('SIGHUP');
    await heard(`--encryption-key ${file}: it is no regular file, and only such a one can be read again`);
    process.emit('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe('keys are refused', () => {
  it.each([
    [['--encryption-key', '/nowhere/key'], '--encryption-key /nowhere/key: there is no such file'],
    [['--encryption-key', keyFile('s3cret')], /^--encryption-key \S+: key 1 in it is none: a key is 32 bytes/],
    [['--encryption-key', keyFile()], /^--encryption-key \S+: there is no key in it/],
  ])('%j', async (args, problem) => {
    const store = ['--store', newPath()];
    for (const command of [
      () => serveCommand([...store, ...args]),
      () => backupCommand([...store, ...args, newPath()]),
      () => restoreCommand([...store, ...args, newPath()]),
    ])
      await expect(command()).rejects.toThrow(problem);
    expect(existsSync(store[1] as string)).toBe(false);
  });

  it.each([[KEY_A], [KEY_A.toUpperCase()], [Buffer.from(KEY_A, 'hex').toString('base64')], [`${KEY_A},${KEY_B}`]])(
    'as an argument, and not repeated: %s',
    async (key) => {
      const args = ['--encryption-key', key];
      for (const command of [
        () => serveCommand(args),
        () => backupCommand([...args, newPath()]),
        () => restoreCommand([...args, newPath()]),
        () => auditCommand(['verify', ...args]),
      ])
        await expect(command()).rejects.toThrow(
          /^--encryption-key: expected a file, and this is a key. Others can see it now, so make a new one$/,
        );
    },
  );

  it('if there are two sources of them, or the one in the environment is wrong', async () => {
    vi.stubEnv(VARIABLE, KEY_A);
    await expect(serveCommand(['--encryption-key', keyFile(KEY_A)])).rejects.toThrow(
      `--encryption-key and the environment variable ${VARIABLE} exclude each other: leave one of them out`,
    );
    vi.stubEnv(VARIABLE, 's3cret');
    await expect(serveCommand([])).rejects.toThrow(`${VARIABLE}: key 1 in it is none`);
  });

  it.each([
    ['memory', '--store memory: --encryption-key, or SNOWSTORM_ENCRYPTION_KEY, encrypts a folder only'],
    ['etcd=http://127.0.0.1:1', 'encrypts a folder only. What an etcd keeps is encrypted by the disks of its machines'],
  ])('for a service on %s', async (store, problem) => {
    await expect(serveCommand(['--store', store, '--encryption-key', keyFile(KEY_A)])).rejects.toThrow(problem);
  });

  it('by a service and an audit of a folder with another key, before it is touched', async () => {
    const store = await filled(KEY_A);
    const before = readdirSync(store).sort();
    const args = ['--store', store, '--encryption-key', keyFile(KEY_B)];
    await expect(serveCommand(args)).rejects.toThrow(`it is encrypted with the key ${A}`);
    await expect(auditCommand(['verify', ...args])).rejects.toThrow(`it is encrypted with the key ${A}`);
    expect(readdirSync(store).sort()).toEqual(before);
  });
});
