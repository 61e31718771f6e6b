/** `snowstorm serve` on a folder: it is killed again and again under load, and nothing is lost or doubled. */

import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SeededRandom } from '../../src/protocol/random.ts';
import { type Kind, ServiceLoad } from '../support/service-load.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = Number(process.env.KILLS ?? 40);
const SEED = 1;
/** Up to so long a life lasts under load, ms; longer where nothing was answered in it on a slow machine. */
const LIFE_MS_MAX = 400;
const KINDS: readonly Kind[] = ['redeem', 'transfer', 'assign', 'generate'];

afterAll(killServices);
const folder = temporaryFolder();

it(`keeps its promises over ${KILLS} kills`, { timeout: 600_000 }, async () => {
  const service = await ServiceProcess.start(['--store', join(folder, 'data')]);
  const load = new ServiceLoad({ urls: () => [service.url], seed: SEED, clients: 32 });
  await load.prepare();
  const random = new SeededRandom(SEED);
  /** Kills prove nothing while nothing is done: there must be more of each kind than kills. */
  const haveDoneMoreThan = (count: number) =>
    until(
      () => KINDS.every((kind) => load.done[kind] > count),
      () => `${JSON.stringify(load.done)} after ${count} kills`,
    );
  const kill = async () => {
    for (let count = 0; count < KILLS; count++) {
      await sleep(random.integer(LIFE_MS_MAX));
      await haveDoneMoreThan(count);
      await service.kill();
      await service.start();
    }
    await haveDoneMoreThan(KILLS);
  };
  await load.run(kill());
  await load.settle();
  await load.resolve();
  expect(await load.audit()).toEqual([]);
  load.close();
  expect((await service.stop()).status).toBe(0);
});

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
