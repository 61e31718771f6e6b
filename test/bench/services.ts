/**
 * (k) The services, as real processes: three instances on three etcd members, and one on a folder. Throughput moves by
 * up to 3 × from run to run, so goals are on requests, CPU and ratios within one run.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { ServiceClient } from '../support/service-client.ts';
import { ServiceLoad } from '../support/service-load.ts';
import { ServiceProcess } from '../support/service-process.ts';
import { runSpike } from '../support/service-spike.ts';
import type { Figure, Goal, Section } from './measure.ts';
import { CLIENTS, cpuOf, MEASURED_MS, type MeasuredService, measureServices, WARM_UP_MS } from './measured-service.ts';

const INSTANCES = 3;
const ELECTION_MS = 500;
/** To etcd, an operation. */
const REQUESTS_MAX = 0.6;
const LEADER_KILLS = 10;
const SOON: Goal = { of: 'value', atMost: 2 };
const CALM_MS = 3000;
const SPIKE = { vouchers: 50, limit: 2000, rates: [100, 1500, 300, 3000, 5000], usersMax: 5000, stageMs: 15_000 };

const ON_FOLDER = 'on a folder';
const ON_ETCD_ONCE = 'one instance on etcd';
const ON_ETCD = `${INSTANCES} instances on etcd`;

export async function benchServices(): Promise<readonly Section[]> {
  const figures: Figure[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const embedded = await ServiceProcess.start(['--store', join(folder, 'data')]);
    const redemptions = await measureServices([embedded], 'redeem', 1);
    const transfers = await measureServices([embedded], 'transfer', 2);
    figures.push(
      figureOf('redemptions', ON_FOLDER, '/s', redemptions.perSecond),
      figureOf('transfers', ON_FOLDER, '/s', transfers.perSecond),
      figureOf('CPU of a redemption', ON_FOLDER, 'ms', redemptions.cpuMs),
      figureOf('CPU of a transfer', ON_FOLDER, 'ms', transfers.cpuMs),
      ...(await benchIds(embedded)),
      ...(await benchSpike(embedded)),
    );
    await embedded.stop();
    const etcd = findEtcd('the services on etcd');
    if (etcd !== undefined) figures.push(...(await benchEtcd(etcd, redemptions)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [{ title: `(k) services, ${CLIENTS} clients, 200 bytes a document and more`, figures }];
}

function figureOf(name: string, input: string, unit: string, value: number, goal?: Goal): Figure {
  return { name, input, unit, values: [value], ...(goal && { goal }) };
}

async function benchEtcd(etcd: string, embedded: MeasuredService): Promise<Figure[]> {
  const cluster = await EtcdCluster.start(etcd, { memberCount: 3, electionMs: ELECTION_MS, heartbeatMs: 50 });
  const open = (count: number, args: readonly string[]) =>
    Promise.all(
      Array.from({ length: count }, () =>
        ServiceProcess.start(['--store', `etcd=${cluster.endpoints.join(',')}/bench`, ...args]),
      ),
    );
  const stop = (services: readonly ServiceProcess[]) => Promise.all(services.map((service) => service.stop()));
  try {
    const one = await open(1, []);
    const redeemOne = await measureServices(one, 'redeem', 3);
    const transferOne = await measureServices(one, 'transfer', 4);
    await stop(one);
    const alone = await open(1, ['--etcd-group', '1']);
    const redeemAlone = await measureServices(alone, 'redeem', 10);
    const transferAlone = await measureServices(alone, 'transfer', 11);
    await stop(alone);
    const three = await open(INSTANCES, []);
    const redeem = await measureServices(three, 'redeem', 5);
    const transfer = await measureServices(three, 'transfer', 6);
    const { gapsMs, settledMs } = await killLeaders(cluster, three);
    await stop(three);
    const single = await open(INSTANCES, ['--etcd-group', '1']);
    const redeemSingle = await measureServices(single, 'redeem', 8);
    const transferSingle = await measureServices(single, 'transfer', 9);
    await stop(single);
    const kills = `${LEADER_KILLS} kills of etcd's leader`;
    return [
      against('redemptions', ON_FOLDER, embedded, { ...redeemSingle, name: `${ON_ETCD}, each alone` }, 4),
      ...costs('redemption', ON_ETCD_ONCE, redeemOne, 0.6),
      ...costs('transfer', ON_ETCD_ONCE, transferOne, 1),
      against('redemptions, grouped', ON_ETCD_ONCE, redeemOne, { ...redeemAlone, name: 'each alone' }, 1.5),
      against('transfers, grouped', ON_ETCD_ONCE, transferOne, { ...transferAlone, name: 'each alone' }, 1.5),
      ...costs('redemption', ON_ETCD, redeem, 0.6),
      ...costs('transfer', ON_ETCD, transfer, 1),
      against('redemptions, grouped', ON_ETCD, redeem, { ...redeemSingle, name: 'each alone' }, 1.5),
      against('transfers, grouped', ON_ETCD, transfer, { ...transferSingle, name: 'each alone' }, 1.5),
      {
        ...figureOf('longest time without service', kills, 's', Math.max(...gapsMs) / 1000, SOON),
        note: gapsMs.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', '),
      },
      figureOf('until nothing is unfinished', kills, 's', settledMs / 1000, { of: 'value', atMost: 10 }),
    ];
  } finally {
    await cluster.end();
  }
}

function costs(kind: string, input: string, { requests, cpuMs }: MeasuredService, cpuMsMax: number): Figure[] {
  return [
    figureOf(`requests to etcd a ${kind}`, input, '', requests, { of: 'value', atMost: REQUESTS_MAX }),
    figureOf(`CPU of node and front, a ${kind}`, input, 'ms', cpuMs, { of: 'value', atMost: cpuMsMax }),
  ];
}

function against(
  name: string,
  input: string,
  { perSecond }: MeasuredService,
  other: MeasuredService & { readonly name: string },
  atLeast: number,
): Figure {
  const yardstick = { name: other.name, ratios: [perSecond / other.perSecond] };
  return { ...figureOf(name, input, '/s', perSecond, { of: 'ratio', atLeast }), yardstick };
}

async function killLeaders(
  cluster: EtcdCluster,
  services: readonly ServiceProcess[],
): Promise<{ readonly gapsMs: readonly number[]; readonly settledMs: number }> {
  const load = new ServiceLoad({ urls: () => services.map(({ url }) => url), seed: 7, clients: CLIENTS });
  await load.prepare();
  const gapsMs: number[] = [];
  const kills = async () => {
    await sleep(CALM_MS);
    for (let count = 0; count < LEADER_KILLS; count++) {
      const leader = await cluster.leader();
      load.resetGap();
      await leader.kill();
      await sleep(CALM_MS);
      gapsMs.push(load.longestGapMs);
      leader.start();
      await sleep(CALM_MS);
    }
  };
  await load.run(kills());
  const settledMs = await load.settle();
  await load.resolve();
  const found = await load.audit();
  if (found.length > 0) throw new Error(`the audit found: ${found.join('; ')}`);
  load.close();
  return { gapsMs, settledMs };
}

async function benchIds({ url, pid }: ServiceProcess): Promise<Figure[]> {
  const client = new ServiceClient();
  let done = 0;
  let stopping = false;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!stopping) if ((await client.rpc(url, { type: 'generate' })).kind === 'ok') done++;
  });
  await sleep(WARM_UP_MS);
  const [first, beganMs, beganCpuMs] = [done, performance.now(), cpuOf(pid)];
  await sleep(MEASURED_MS);
  const perSecond = ((done - first) / (performance.now() - beganMs)) * 1000;
  const cpu = (cpuOf(pid) - beganCpuMs) / (done - first);
  stopping = true;
  await Promise.all(clients);
  client.close();
  // The load is one process as well, and costs more than the service.
  return [
    figureOf('ids, one by one', ON_FOLDER, '/s', perSecond, { of: 'value', atLeast: 8000 }),
    figureOf('CPU of an id', ON_FOLDER, 'µs', cpu * 1000),
  ];
}

async function benchSpike({ url }: ServiceProcess): Promise<Figure[]> {
  const { answered, redeemed, failed, dropped, durationMs, latenciesMs, wrong } = await runSpike({
    ...SPIKE,
    urls: [url],
    seed: 8,
  });
  const failures = Object.entries(failed).map(([name, count]) => `${count} × ${name}`);
  const { p50, p95, p99, max } = latenciesMs;
  const input = `${SPIKE.vouchers} vouchers of ${SPIKE.limit}; ${SPIKE.rates.join(', ')} requests/s, ${SPIKE.stageMs / 1000} s each`;
  const none: Goal = { of: 'value', atMost: 0 };
  return [
    {
      ...figureOf('answered', input, '/s', (answered / durationMs) * 1000),
      note: `${answered} answered, ${redeemed} redeemed, ${dropped} not sent`,
    },
    { ...figureOf('kinds of failures', input, '', failures.length, none), note: failures.join('; ') },
    { ...figureOf('wrong', input, '', wrong.length, none), note: wrong.join('; ') },
    {
      ...figureOf('median latency', input, 's', p50 / 1000),
      note: `p95 ${p95.toFixed(0)} ms, p99 ${p99.toFixed(0)}, longest ${max.toFixed(0)}`,
    },
    figureOf('p95 of the latency', input, 's', p95 / 1000),
    figureOf('longest latency', input, 's', max / 1000),
  ];
}
