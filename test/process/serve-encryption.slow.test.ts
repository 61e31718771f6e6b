/**
 * Real services on an encrypted folder: nothing of what they were told can be read from the disk or a backup, keys
 * change under load, and the new key alone is then enough.
 */

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { ServiceLoad } from '../support/service-load.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { snowstorm, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const LOAD_MS = 700;
/** What the load and the profile below are made of. */
const LASTING = ['a-1-', 'v-1-', 'r-1-', '49301234567', '9753124', 'balance'];
/** And what stands only in the record of a transfer or redemption that goes on. */
const TELLTALES = [...LASTING, 'account'];

afterAll(killServices);
const folder = temporaryFolder();
const newKey = () => randomBytes(32).toString('hex');

function keyFile(name: string, ...keys: readonly string[]): string {
  const file = join(folder, name);
  writeFileSync(file, `${keys.join('\n')}\n`);
  return file;
}

/** The telltales that can be read in files, as they are or behind base64. */
function readable(files: readonly string[]): string[] {
  const texts = files.flatMap((file) => {
    const raw = readFileSync(file, 'latin1');
    return [raw, ...raw.split(/\s/).map((word) => Buffer.from(word, 'base64').toString('latin1'))];
  });
  return TELLTALES.filter((telltale) => texts.some((text) => text.includes(telltale)));
}

const filesIn = (path: string) => readdirSync(path).map((name) => join(path, name));

async function openProfile(url: string): Promise<void> {
  const response = await fetch(`${url}/api/profiles`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ phone_number: '+49301234567', balance: '97531.24' }),
  });
  expect(response.status).toBe(200);
}

/** A service under load for a while; what is on the disk then, and in a backup. */
async function serveAndLook(name: string, keys: readonly string[]): Promise<{ store: string[]; backup: string[] }> {
  const store = join(folder, name);
  const args = ['--store', store, ...keys];
  const service = await ServiceProcess.start(args);
  const load = new ServiceLoad({ urls: () => [service.url], seed: 1, clients: 8 });
  await load.prepare();
  await openProfile(service.url);
  await load.run(sleep(LOAD_MS));
  load.close();
  const file = `${store}.backup`;
  expect(await snowstorm(['backup', ...args, file])).toMatchObject({ status: 0 });
  await service.kill();
  return { store: readable(filesIn(store)), backup: readable([file]) };
}

describe('a service with a key', () => {
  it('leaves nothing on the disk, or in a backup, that can be read', async () => {
    const key = keyFile('only', newKey());
    expect(await serveAndLook('encrypted', ['--encryption-key', key])).toEqual({ store: [], backup: [] });
    const plain = { store: TELLTALES, backup: expect.arrayContaining(LASTING) };
    expect(await serveAndLook('plain', [])).toEqual(plain);
  });

  it('changes keys under load, loses nothing, and starts with the new key alone', async () => {
    const [old, next] = [newKey(), newKey()];
    const store = join(folder, 'rotated');
    const key = keyFile('rotated.key', old);
    const service = await ServiceProcess.start(['--store', store, '--encryption-key', key]);
    const load = new ServiceLoad({ urls: () => [service.url], seed: 2, clients: 16 });
    await load.prepare();
    const said = (text: string) =>
      until(
        () => service.stderr.includes(text),
        () => service.stderr,
      );
    const change = async () => {
      await sleep(LOAD_MS);
      keyFile('rotated.key', next);
      service.signal('SIGHUP');
      await said('The keys stay as they were');
      keyFile('rotated.key', next, old);
      service.signal('SIGHUP');
      await said('any more: remove it from the keys; keep it for backups');
      keyFile('rotated.key', next);
      await sleep(LOAD_MS);
      await service.kill();
      await service.start();
    };
    await load.run(change());
    await load.settle();
    await load.resolve();
    expect(await load.audit()).toEqual([]);
    load.close();
    await service.kill();
    const ids = filesIn(store).flatMap((file) => /"key":"(\w+)"/.exec(readFileSync(file, 'latin1'))?.[1] ?? []);
    expect(new Set(ids).size).toBe(1);
    const { status, stderr } = await snowstorm(['serve', '--store', store], { env: { SNOWSTORM_ENCRYPTION_KEY: old } });
    expect(stderr).toContain(`it is encrypted with the key ${ids[0]}, and the keys given are others`);
    expect(status).toBe(254);
  });
});
