/** `snowstorm serve` on a folder: it is killed again and again under load, and nothing is lost or doubled. */

import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SeededRandom } from '../../src/protocol/random.ts';
import { ServiceLoad } from '../support/service-load.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = Number(process.env.KILLS ?? 100);
const SEED = 1;
/** Up to so long a life lasts under load, ms. */
const LIFE_MS_MAX = 400;

afterAll(killServices);
const folder = temporaryFolder();

it(`keeps its promises over ${KILLS} kills`, { timeout: 600_000 }, async () => {
  const service = await ServiceProcess.start(['--store', join(folder, 'data')]);
  const load = new ServiceLoad({ urls: () => [service.url], seed: SEED, clients: 32 });
  await load.prepare();
  const random = new SeededRandom(SEED);
  const kill = async () => {
    for (let count = 0; count < KILLS; count++) {
      await sleep(random.integer(LIFE_MS_MAX));
      await service.kill();
      await service.start();
    }
    await sleep(1000);
  };
  await load.run(kill());
  await load.settle();
  await load.resolve();
  expect(await load.audit()).toEqual([]);
  for (const kind of ['redeem', 'transfer', 'assign', 'generate'] as const)
    expect(load.done[kind]).toBeGreaterThan(KILLS);
  load.close();
  expect((await service.stop()).status).toBe(0);
});

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
