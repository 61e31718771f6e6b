/** `snowstorm backup` and `restore` on a folder: what they print, what they refuse, and what `serve` then refuses. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { backupCommand } from '../../src/cli/backup-command.ts';
import { restoreCommand } from '../../src/cli/restore-command.ts';
import { serveCommand } from '../../src/cli/serve-command.ts';
import { RESTORE_KEY } from '../../src/host/backup/restore-mark.ts';
import { openDataFolder } from '../../src/host/data-folder.ts';
import type { Token } from '../../src/kv/store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const printed = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
afterEach(() => printed.mockClear());

const output = () => printed.mock.calls.map(([text]) => text).join('');
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
let stores = 0;
const newPath = () => join(folder, `store-${stores++}`);

/** Writes into a folder what is given, and removes what is undefined. */
async function put(path: string, values: Readonly<Record<string, string | undefined>>): Promise<void> {
  const engine = await openDataFolder(path, { onFailure: () => {} });
  for (const [key, text] of Object.entries(values)) {
    const read = await engine.read(key);
    const token = read.kind === 'found' ? read.token : null;
    const done = text === undefined ? engine.remove(key, token as Token) : engine.replace(key, token, text);
    expect(await done).toMatchObject({ kind: 'ok' });
  }
  await engine.close();
}

const NUMBER = JSON.stringify({ ver: 1, holder: null, until: Date.parse('2026-01-01T00:00:00.000Z') });

async function backedUp(): Promise<{ store: string; file: string }> {
  const store = newPath();
  await put(store, { 'a/ada': '{"ver":1}', 'node/0': NUMBER });
  const file = `${store}.backup`;
  expect(await backupCommand(['--store', store, file])).toBe(0);
  printed.mockClear();
  return { store, file };
}

describe('snowstorm backup', () => {
  it('says what it wrote', async () => {
    const store = newPath();
    await put(store, { 'a/ada': '{"ver":1}' });
    const file = `${store}.backup`;
    expect(await backupCommand(['--store', store, file])).toBe(0);
    expect(output()).toMatch(new RegExp(`^${file}: 1 key of ${store}, record 1, ${TIME}\n$`));
  });

  it.each([
    [['--store', 'memory', 'f'], '--store memory: only its own process can read it'],
    [['--store', 'x'], 'FILE is missing: name the file of the backup'],
    [['--store', 'x', 'a', 'b'], 'unexpected argument "b"'],
    [
      ['--store', '/nowhere/at/all', join(folder, 'f')],
      '--store /nowhere/at/all: /nowhere/at/all: cannot list the folder',
    ],
    [['--etcd-user', 'x', 'f'], '--etcd-user needs --store etcd=URL'],
  ])('refuses %j', async (args, text) => {
    await expect(backupCommand(args)).rejects.toThrow(text);
    expect(existsSync(join(folder, 'f'))).toBe(false);
  });
});

describe('snowstorm restore', () => {
  it('says what is in the file, and where ids go on', async () => {
    const { file } = await backedUp();
    const whole = new RegExp(
      `^${file}: whole, 2 keys, record 2 of a store on a folder, ${TIME}, ids reserved up to 2026-01-01T00:00:00.000Z\n`,
    );
    expect(await restoreCommand(['--check', file])).toBe(0);
    expect(output()).toMatch(whole);
    const store = newPath();
    printed.mockClear();
    expect(await restoreCommand(['--store', store, '--issued-until', '2026-11-30T12:00:00Z', file])).toBe(0);
    expect(output()).toMatch(whole);
    expect(output()).toContain(`${store}: restored, its ids go on behind 2026-11-30T12:00:00.001Z\n`);
    await expect(restoreCommand(['--store', store, file])).rejects.toThrow(
      `--store ${store}: it is not empty: it has the key a/ada. A backup is restored into an empty store only`,
    );
  });

  it.each([
    [['--slack', '1m', '--issued-until', '2026-11-30T12:00:00Z', 'f'], '--slack and --issued-until exclude each other'],
    [['--issued-until', 'yesterday', 'f'], 'expected a time in UTC from 2025 to 2094'],
    [['--issued-until', '2026-02-30T00:00:00+01:00', 'f'], 'expected a time in UTC from 2025 to 2094'],
    [['--issued-until', '1999-01-01T00:00:00Z', 'f'], 'expected a time in UTC from 2025 to 2094'],
    [[join(folder, 'none')], `${join(folder, 'none')}: cannot read: it is not there`],
    [[], 'FILE is missing'],
  ])('refuses %j', async (args, text) => {
    await expect(restoreCommand(args)).rejects.toThrow(text);
  });

  it('refuses a damaged file before it makes a folder', async () => {
    const { file } = await backedUp();
    writeFileSync(file, readFileSync(file, 'latin1').replace('ada', 'bob'));
    const store = newPath();
    await expect(restoreCommand(['--store', store, file])).rejects.toThrow(`${file}: it is damaged at offset`);
    expect(existsSync(store)).toBe(false);
    await expect(restoreCommand(['--store', 'memory', (await backedUp()).file])).rejects.toThrow(
      '--store memory: it would end with this command',
    );
  });

  it('takes a folder that is there and empty', async () => {
    const { file } = await backedUp();
    const store = newPath();
    mkdirSync(store);
    expect(await restoreCommand(['--store', store, file])).toBe(0);
  });
});

describe('a store in which a restore has not finished', () => {
  it('is neither served nor backed up, and finished by the same file alone', async () => {
    const { file } = await backedUp();
    const store = newPath();
    await restoreCommand(['--store', store, file]);
    const sha256 = /"sha256":"(\w+)"/.exec(readFileSync(file, 'latin1'))?.[1];
    await put(store, { [RESTORE_KEY]: JSON.stringify({ sha256, boundMs: 1_800_000_000_000 }), 'a/ada': undefined });
    const place = `--store ${store}: `;
    await expect(serveCommand(['--store', store])).rejects.toThrow(`${place}a restore into it has not finished`);
    await expect(backupCommand(['--store', store, `${store}.backup`])).rejects.toThrow(
      /a restore into this store has not finished/,
    );
    await expect(restoreCommand(['--store', store, file])).rejects.toThrow(/has not finished. Finish it with --resume/);
    await expect(restoreCommand(['--store', store, '--resume', (await backedUp()).file])).rejects.toThrow(
      /a restore of another backup into it has not finished/,
    );
    // Its numbers have another bound than the mark.
    await expect(restoreCommand(['--store', store, '--resume', file])).rejects.toThrow(/another program writes to it/);
  });
});
