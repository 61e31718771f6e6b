/**
 * The feed of assignments between real processes: three instances on an etcd of three members, and consumers in two
 * groups. All of them are killed again and again. Every assignment is processed once in each group, in one order.
 * ASSIGNMENTS=100000 for more of them.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/protocol/random.ts';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { assignKeys, Consumer, caughtUp, killConsumers, processedBy, wholeFeed } from '../support/feed-consumers.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ASSIGNMENTS = Number(process.env.ASSIGNMENTS ?? 3000);
const SEED = 1;
const ELECTION_MS = 500;
/** Between two kills of any instance, and of any consumer, ms at most. */
const INSTANCE_KILLS_MS = 1500;
const CONSUMER_KILLS_MS = 700;
const STARTS_MAX = 5;

const etcd = findEtcd('the feed of assignments');
const folder = temporaryFolder();
afterAll(() => {
  killServices();
  killConsumers();
});

interface Victim {
  kill(): Promise<void>;
  start(): void | Promise<void>;
}

/** Kills one after the other and starts it again, until the work is done. Resolves to the number of kills. */
async function killUntil(work: Promise<unknown>, victims: readonly Victim[], mostMs: number, random: SeededRandom) {
  let isOver = false;
  void work.finally(() => {
    isOver = true;
  });
  let count = 0;
  for (; !isOver; count++) {
    await sleep(random.integer(mostMs));
    const victim = random.pick(victims);
    await victim.kill();
    await startSurely(victim);
  }
  return count;
}

/** On a busy machine an etcd may not answer in time for a start. */
async function startSurely(victim: Victim): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await victim.start();
    } catch (error) {
      if (tries === STARTS_MAX) throw error;
    }
  }
}

describe.skipIf(etcd === undefined)('consumers of a feed', () => {
  it(`process ${ASSIGNMENTS} assignments once in each group, in one order, while all are killed`, {
    timeout: 1_800_000,
  }, async () => {
    const cluster = await EtcdCluster.start(etcd as string, {
      memberCount: 3,
      electionMs: ELECTION_MS,
      heartbeatMs: 50,
    });
    const own = join(folder, 'right');
    mkdirSync(own);
    const random = new SeededRandom(SEED);
    const beganMs = performance.now();
    try {
      const store = `etcd=${cluster.endpoints.join(',')}`;
      const services = await Promise.all([1, 2, 3].map(() => ServiceProcess.start(['--store', store])));
      const urls = services.map(({ url }) => url);
      const consumers = ['a', 'a', 'b'].map((group) => new Consumer(urls, group, own));
      const assigning = assignKeys(urls, ASSIGNMENTS, random.fork('keys'));
      const kills = await Promise.all([
        killUntil(assigning, services, INSTANCE_KILLS_MS, random.fork('instances')),
        killUntil(assigning, consumers, CONSUMER_KILLS_MS, random.fork('consumers')),
      ]);
      const ids = await assigning;
      const assignedMs = performance.now() - beganMs;
      for (const group of ['a', 'b']) await caughtUp(urls[0] as string, group);
      await Promise.all(consumers.map((consumer) => consumer.kill()));
      const [feed, ...others] = await Promise.all(urls.map(wholeFeed));
      const expected = new Set([...ids].map(([key, id]) => `${id} ${key}`));
      expect(feed).toHaveLength(expected.size);
      expect(new Set(feed)).toEqual(expected);
      for (const other of others) expect(other).toEqual(feed);
      const groups = ['a', 'b'].map((group) => processedBy(own, group, feed as string[], group === 'b'));
      for (const { ids: processed, disordered } of groups) {
        expect(processed).toEqual(new Set(ids.values()));
        expect(disordered).toEqual([]);
      }
      const seconds = (ms: number) => `${(ms / 1000).toFixed(0)} s`;
      const repeated = groups.map(({ repeatedCount }) => repeatedCount);
      console.log(
        `${ids.size} assignments in ${seconds(assignedMs)}, all of it ${seconds(performance.now() - beganMs)}; ` +
          `${kills[0]} kills of instances, ${kills[1]} of consumers; delivered again: ${repeated.join(', ')}`,
      );
      await Promise.all(services.map((service) => service.stop()));
    } finally {
      await cluster.end();
    }
  });
});

it.each([
  ['after it has processed gets the rest again', 'dies', true],
  ['before it has processed loses the rest', 'dies,commits-first', false],
])('a consumer that dies halfway and commits %s', { timeout: 120_000 }, async (_, modes, isComplete) => {
  const own = join(folder, modes);
  mkdirSync(own);
  const service = await ServiceProcess.start(['--store', 'memory']);
  const ids = await assignKeys([service.url], 300, new SeededRandom(SEED));
  const consumer = new Consumer([service.url], 'b', own, modes);
  await consumer.ended();
  consumer.start();
  await caughtUp(service.url, 'b');
  await consumer.kill();
  const { ids: processed } = processedBy(own, 'b', await wholeFeed(service.url), true);
  expect(processed.size === ids.size).toBe(isComplete);
  await service.stop();
});
