/**
 * A store is backed up under load, goes on, is destroyed and restored, all with the real programs. What was answered
 * before the backup is there, sums and limits are right, and no id ever comes twice.
 */

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { checkBackup, restore } from '../../src/host/backup/restore.ts';
import { RESTORE_KEY } from '../../src/host/backup/restore-mark.ts';
import { openDataFolder, readDataFolder } from '../../src/host/data-folder.ts';
import { fileName } from '../../src/kv/log/format.ts';
import { canonicalKey } from '../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { BackupWorld } from '../support/backup-world.ts';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { Running, SNOWSTORM, snowstorm, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TRIES = Number(process.env.TRIES ?? 2);
const MUTANT_TRIES = 3;
const ETCD_TRIES = Math.ceil(TRIES / 5);
const TRY_MS_MAX = 120_000;
const LOAD_MS_MAX = 800;
const KILLS = 2;
/** So many that a restore of them takes some time, also on a fast disk. */
const LARGE_KEYS = 5000;
const LARGE_MS = 500;
/** Shorter than for people, who may have wrong clocks: ids begin so much later. */
const SLACK = ['--slack', '2s'];

afterAll(killServices);
const folder = temporaryFolder();

async function must(args: readonly string[]): Promise<void> {
  const ended = await snowstorm(args);
  if (ended.status !== 0) throw new Error(`snowstorm ${args.join(' ')} ended with ${ended.status}: ${ended.stderr}`);
}

/** Takes a backup at a random moment of a load, and lets the service go on. Resolves to when the backup began. */
async function backUp(
  { world, service, store, file }: { world: BackupWorld; service: ServiceProcess; store: string; file: string },
  random: SeededRandom,
): Promise<number> {
  let beganMs = 0;
  const work = async () => {
    await sleep(random.integer(LOAD_MS_MAX));
    if (random.integer(2) === 0) await restart(service);
    await sleep(random.integer(LOAD_MS_MAX / 2));
    beganMs = performance.now();
    await must(['backup', '--store', store, file]);
    await sleep(random.integer(LOAD_MS_MAX / 2));
    // The next life begins above the range of this one, which is in the backup.
    if (random.integer(2) === 0) await restart(service);
    await sleep(random.integer(LOAD_MS_MAX / 2));
  };
  await world.run(work());
  return beganMs;
}

async function restart(service: ServiceProcess): Promise<void> {
  await service.kill();
  await service.start();
}

describe('a data folder', () => {
  it(`is backed up and restored ${TRIES} times at random moments`, { timeout: TRY_MS_MAX * TRIES }, async () => {
    for (let seed = 1; seed <= TRIES; seed++) {
      const random = new SeededRandom(seed);
      const store = join(folder, `data-${seed}`);
      const file = join(folder, `backup-${seed}`);
      const service = await ServiceProcess.start(['--store', store]);
      const world = new BackupWorld(() => [service.url], seed);
      await world.prepare();
      const beganMs = await backUp({ world, service, store, file }, random);
      await world.drawIds();
      const asked = world.askedCount;
      // Now and then the restored store is lost too, and the same backup restored again.
      for (const life of seed % 4 === 1 ? ['first', 'second'] : ['first']) {
        await service.kill();
        rmSync(store, { recursive: true });
        await must(['restore', ...SLACK, '--store', store, file]);
        await service.start();
        world.forgetSince(asked);
        expect(await world.audit(beganMs), `try ${seed}, ${life} restore`).toEqual([]);
        await world.run(sleep(random.integer(LOAD_MS_MAX)));
        await world.drawIds();
        expect(world.wrong, `try ${seed}, ${life} restore`).toEqual([]);
      }
      world.close();
      await service.kill();
    }
  });

  it('gives ids twice if a restore leaves the bounds as they are', { timeout: 240_000 }, async () => {
    const told: string[] = [];
    // Where a slow machine takes longer than a range lasts, both lives begin at the clock, and nothing is shown.
    for (let count = 1; count <= MUTANT_TRIES; count++) {
      const wrong = await restoreWithOldBounds(join(folder, `mutant-${count}`), join(folder, `backup-mutant-${count}`));
      if (wrong.some((text) => text.includes('ids came twice'))) return;
      told.push(`try ${count}: ${wrong.join('; ')}`);
    }
    expect.fail(told.join('\n'));
  });
});

/** Resolves to what was wrong in a service whose store was restored without a look at the bounds of its ids. */
async function restoreWithOldBounds(store: string, file: string): Promise<readonly string[]> {
  const service = await ServiceProcess.start(['--store', store]);
  const world = new BackupWorld(() => [service.url], 1);
  await world.prepare();
  await must(['backup', '--store', store, file]);
  await restart(service);
  await world.drawIds();
  await service.kill();
  rmSync(store, { recursive: true });
  const engine = await openDataFolder(store, {
    onFailure: (error) => {
      throw error;
    },
  });
  await restore({
    engine,
    file,
    backup: await checkBackup(file),
    rule: { slackMs: 2000 },
    resume: false,
    nowMs: Date.now(),
    numberText: (before) => canonicalKey(before ?? { holder: null, until: null, ver: 1 }),
  });
  await engine.close();
  await service.start();
  await world.drawIds();
  world.close();
  await service.kill();
  return world.wrong;
}

describe('a restore that is killed', () => {
  it('is refused by all that could take its store for whole, and finished with the same file', async () => {
    const [from, file] = [join(folder, 'large'), join(folder, 'backup-large')];
    const engine = await openDataFolder(from, { onFailure: () => {} });
    const texts = Array.from({ length: LARGE_KEYS }, (_, index) => `{"ver":${index + 1}}`);
    await Promise.all(texts.map((text, index) => engine.replace(`a/${index}`, null, text)));
    await engine.close();
    await must(['backup', '--store', from, file]);
    let halves = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const store = join(folder, `half-${kill}`);
      const restoring = new Running(SNOWSTORM, ['restore', ...SLACK, '--store', store, file]);
      const log = join(store, fileName('log', 1));
      await until(
        () => existsSync(log) && readFileSync(log, 'latin1').includes(RESTORE_KEY),
        () => `nothing was restored: ${restoring.stderr}`,
      );
      await sleep((kill * LARGE_MS) / KILLS);
      restoring.signal('SIGKILL');
      if ((await restoring.ended).status === 0) continue;
      const served = await snowstorm(['serve', '--listen', '127.0.0.1:0', '--store', store]).then(
        ({ stderr }) => stderr,
      );
      expect(served).toMatch(/a restore into it has not finished/);
      halves++;
      expect((await snowstorm(['restore', ...SLACK, '--store', store, file])).stderr).toMatch(/--resume/);
      expect((await snowstorm(['backup', '--store', store, `${store}.backup`])).stderr).toMatch(/has not finished/);
      await must(['restore', '--resume', '--store', store, file]);
      const state = await readDataFolder(store);
      const restored: string[] = [];
      for await (const some of state.entries) for (const { key, text } of some) if (key < 'b') restored.push(text);
      expect(restored.sort()).toEqual([...texts].sort());
    }
    expect(halves).toBeGreaterThan(0);
  });
});

const etcd = findEtcd('backup of a store on etcd');

describe.skipIf(etcd === undefined)('a store on etcd', () => {
  let cluster: EtcdCluster | undefined;
  afterAll(() => cluster?.end());

  it(`is backed up and restored ${ETCD_TRIES} times`, { timeout: TRY_MS_MAX * (ETCD_TRIES + 1) }, async () => {
    cluster = await EtcdCluster.start(etcd as string);
    const [old, next] = ['old', 'next'].map((prefix) => `etcd=${cluster?.endpoints.join()}/${prefix}`) as [
      string,
      string,
    ];
    for (let seed = 1; seed <= ETCD_TRIES; seed++) {
      const random = new SeededRandom(seed);
      const [store, restored] = [`${old}-${seed}`, `${next}-${seed}`];
      const file = join(folder, `backup-etcd-${seed}`);
      const services = await Promise.all([1, 2].map(() => ServiceProcess.start(['--store', store])));
      const world = new BackupWorld(() => services.map(({ url }) => url), seed);
      await world.prepare();
      const [service] = services as [ServiceProcess, ServiceProcess];
      const beganMs = await backUp({ world, service, store, file }, random);
      await world.drawIds();
      for (const one of services) await one.kill();
      await must(['restore', ...SLACK, '--store', restored, file]);
      services.splice(0, 2, ...(await Promise.all([1, 2].map(() => ServiceProcess.start(['--store', restored])))));
      expect(await world.audit(beganMs), `try ${seed}`).toEqual([]);
      await world.drawIds();
      expect(world.wrong, `try ${seed}`).toEqual([]);
      world.close();
      for (const one of services) await one.kill();
    }
  });
});
