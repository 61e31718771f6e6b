/**
 * Three instances of `snowstorm serve` on three etcd members, all real. Members and instances are killed and paused
 * under load. Limits and sums must be right, and every error must be one that a retry helps against.
 */

import { afterAll, describe, expect, it } from 'vitest';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { ServiceLoad } from '../support/service-load.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';

const ELECTION_MS = 500;
const HEARTBEAT_MS = 50;
const CLIENTS = 64;
const PAUSE_MS = 3000;
const CALM_MS = 1500;

const etcd = findEtcd('services on three etcd members');
afterAll(killServices);

describe.skipIf(etcd === undefined)('three instances on three etcd members', () => {
  let cluster: EtcdCluster | undefined;
  afterAll(() => cluster?.end());

  it('keep their promises while members and instances are killed', { timeout: 300_000 }, async () => {
    cluster = await EtcdCluster.start(etcd as string, {
      memberCount: 3,
      electionMs: ELECTION_MS,
      heartbeatMs: HEARTBEAT_MS,
    });
    const store = `etcd=${cluster.endpoints.join(',')}/kill-test`;
    const services = await Promise.all([1, 2, 3].map(() => ServiceProcess.start(['--store', store])));
    const load = new ServiceLoad({ urls: () => services.map(({ url }) => url), seed: 1, clients: CLIENTS });
    await load.prepare();
    await load.run(faults(cluster, services));
    await load.settle();
    await load.resolve();
    expect(await load.audit()).toEqual([]);
    for (const kind of ['redeem', 'transfer', 'assign', 'generate'] as const)
      expect(load.done[kind]).toBeGreaterThan(CLIENTS);
    load.close();
    for (const service of services) expect((await service.stop()).status).toBe(0);
  });
});

async function faults(cluster: EtcdCluster, services: readonly ServiceProcess[]): Promise<void> {
  await sleep(CALM_MS);
  for (const member of cluster.members) {
    await member.kill();
    await sleep(CALM_MS);
    member.start();
    await sleep(CALM_MS);
  }
  for (const service of services) {
    await service.kill();
    await sleep(CALM_MS);
    await service.start();
  }
  const leader = await cluster.leader();
  leader.pause();
  await sleep(PAUSE_MS);
  leader.resume();
  // The leader and an instance at the same time.
  const next = await cluster.leader();
  await Promise.all([next.kill(), services[0]?.kill()]);
  await sleep(CALM_MS);
  next.start();
  await services[0]?.start();
  await sleep(CALM_MS);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
