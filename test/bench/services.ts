/**
 * (k) The services, as real processes: three instances on three etcd members, and one on a folder. Throughput moves by
 * up to 3 × from run to run, so goals are on requests, CPU and ratios within one run.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { ServiceClient } from '../support/service-client.ts';
import { type Kind, ServiceLoad } from '../support/service-load.ts';
import { ServiceProcess } from '../support/service-process.ts';
import { runSpike } from '../support/service-spike.ts';
import { goalAtLeast, goalAtMost, printSection, type Row } from './measure.ts';

const CLIENTS = 64;
const WARM_UP_MS = 2000;
const MEASURED_MS = 8000;
const INSTANCES = 3;
/** No voucher is sold out. */
const LIMIT = 1e6;
const ELECTION_MS = 500;
/** To etcd, an operation. */
const REQUESTS_MAX = 0.6;
const LEADER_KILLS = 10;
const CALM_MS = 3000;
/** Of `/proc/<pid>/stat`. */
const TICKS_PER_SECOND = 100;
const SPIKE = { vouchers: 50, limit: 2000, rates: [100, 1500, 300, 3000, 5000], usersMax: 5000, stageMs: 15_000 };

interface Measured {
  readonly perSecond: number;
  /** Requests to etcd for each operation. */
  readonly requests: number;
  /** Of all instances, for each operation. */
  readonly cpuMs: number;
}

export async function benchServices(): Promise<void> {
  const rows: Row[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const embedded = await ServiceProcess.start(['--store', join(folder, 'data')]);
    const alone = await measure([embedded], 'redeem', 1);
    const alike = await measure([embedded], 'transfer', 2);
    rows.push(
      { name: 'embedded: redemptions', value: describe(alone) },
      { name: 'embedded: transfers', value: describe(alike) },
      await benchIds(embedded),
      ...(await benchSpike(embedded)),
    );
    await embedded.stop();
    const etcd = findEtcd('the services on etcd');
    if (etcd !== undefined) rows.push(...(await benchEtcd(etcd, alone)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  printSection(
    `(k) services, ${CLIENTS} clients, 200 bytes a document and more`,
    'node --import tsx test/bench/main.ts services',
    rows,
  );
}

async function benchEtcd(etcd: string, embedded: Measured): Promise<Row[]> {
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
    const redeemOne = await measure(one, 'redeem', 3);
    const transferOne = await measure(one, 'transfer', 4);
    await stop(one);
    const alone = await open(1, ['--etcd-group', '1']);
    const redeemAlone = await measure(alone, 'redeem', 10);
    const transferAlone = await measure(alone, 'transfer', 11);
    await stop(alone);
    const three = await open(INSTANCES, []);
    const redeem = await measure(three, 'redeem', 5);
    const transfer = await measure(three, 'transfer', 6);
    const { gapsMs, settledMs } = await killLeaders(cluster, three);
    await stop(three);
    const single = await open(INSTANCES, ['--etcd-group', '1']);
    const redeemSingle = await measure(single, 'redeem', 8);
    const transferSingle = await measure(single, 'transfer', 9);
    await stop(single);
    const gapMs = Math.max(...gapsMs);
    return [
      ...rowsOf('etcd, one instance: redemptions', redeemOne, 0.6),
      ...rowsOf('etcd, one instance: transfers', transferOne, 1),
      ...rowsOf('etcd, three instances: redemptions', redeem, 0.6),
      ...rowsOf('etcd, three instances: transfers', transfer, 1),
      ratio('one instance: redemptions, grouped against each alone', redeemOne.perSecond, redeemAlone, 1.5),
      ratio('… transfers', transferOne.perSecond, transferAlone, 1.5),
      ratio('three instances: redemptions, grouped against each alone', redeem.perSecond, redeemSingle, 1.5),
      ratio('… transfers', transfer.perSecond, transferSingle, 1.5),
      ratio('redemptions, embedded against three instances, each alone', embedded.perSecond, redeemSingle, 4),
      {
        name: `${LEADER_KILLS} kills of the leader: longest time without service`,
        value: `${(gapMs / 1000).toFixed(2)} s (${gapsMs.map((ms) => (ms / 1000).toFixed(1)).join(', ')})`,
        goal: goalAtMost(gapMs / 1000, 2, ' s'),
      },
      {
        name: '… until nothing was unfinished',
        value: `${(settledMs / 1000).toFixed(1)} s after the last request`,
        goal: goalAtMost(settledMs / 1000, 10, ' s'),
      },
    ];
  } finally {
    await cluster.end();
  }
}

function rowsOf(name: string, measured: Measured, cpuMsMax: number): Row[] {
  return [
    { name, value: describe(measured), goal: goalAtMost(measured.requests, REQUESTS_MAX, ' requests') },
    {
      name: '… CPU of node and front',
      value: `${measured.cpuMs.toFixed(2)} ms each`,
      goal: goalAtMost(measured.cpuMs, cpuMsMax, ' ms'),
    },
  ];
}

function ratio(name: string, perSecond: number, other: Measured, least: number): Row {
  const value = perSecond / other.perSecond;
  return { name, value: `${value.toFixed(2)} × (${describe(other)})`, goal: goalAtLeast(value, least, ' ×') };
}

function describe({ perSecond, requests, cpuMs }: Measured): string {
  const store = requests > 0 ? `, ${requests.toFixed(2)} requests to etcd each` : '';
  return `${perSecond.toFixed(0)}/s${store}, ${cpuMs.toFixed(2)} ms of CPU each`;
}

/** Each client has two accounts of its own. */
async function measure(services: readonly ServiceProcess[], kind: Kind, seed: number): Promise<Measured> {
  const urls = services.map(({ url }) => url);
  const load = new ServiceLoad({
    urls: () => urls,
    seed,
    clients: CLIENTS,
    kinds: [kind],
    accounts: 2 * CLIENTS,
    ownAccounts: true,
    limit: LIMIT,
  });
  await load.prepare();
  await load.run(sleep(WARM_UP_MS));
  const before = { done: load.done[kind], requests: await storeRequests(urls), cpuMs: cpuMs(services) };
  const beganMs = performance.now();
  await load.run(sleep(MEASURED_MS));
  const passedMs = performance.now() - beganMs;
  const done = load.done[kind] - before.done;
  const requests = ((await storeRequests(urls)) - before.requests) / done;
  const cpu = (cpuMs(services) - before.cpuMs) / done;
  load.close();
  return { perSecond: (done / passedMs) * 1000, requests, cpuMs: cpu };
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

async function benchIds({ url, pid }: ServiceProcess): Promise<Row> {
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
  const value = `${perSecond.toFixed(0)}/s, ${(cpu * 1000).toFixed(0)} µs of CPU each: ${(1 / cpu).toFixed(0)}k/s a core`;
  return { name: 'ids over HTTP, one instance', value, goal: goalAtLeast(perSecond, 8000, '/s') };
}

async function benchSpike({ url }: ServiceProcess): Promise<Row[]> {
  const { answered, redeemed, failed, dropped, durationMs, latenciesMs, wrong } = await runSpike({
    ...SPIKE,
    urls: [url],
    seed: 8,
  });
  const failures = Object.entries(failed).map(([name, count]) => `${count} × ${name}`);
  const { p50, p95, p99, max } = latenciesMs;
  return [
    {
      name: `${SPIKE.vouchers} vouchers of ${SPIKE.limit}, ${SPIKE.rates.join(', ')} requests/s for ${SPIKE.stageMs / 1000} s each`,
      value: `${answered} answered, ${((answered / durationMs) * 1000).toFixed(0)}/s, ${redeemed} redeemed, ${dropped} dropped`,
    },
    { name: '… failed', value: failures.join('; ') || '0', goal: goalAtMost(failures.length, 0) },
    { name: '… wrong', value: wrong.join('; ') || '0', goal: goalAtMost(wrong.length, 0) },
    {
      name: '… latency',
      value: `median ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)}, p99 ${p99.toFixed(0)}, longest ${max.toFixed(0)}`,
    },
  ];
}

/** What the instances have asked etcd so far. */
async function storeRequests(urls: readonly string[]): Promise<number> {
  const client = new ServiceClient();
  const texts = await Promise.all(urls.map((url) => client.send(url, 'GET', '/metrics')));
  client.close();
  const counts = texts.map(({ text }) => /^snowstorm_engine_requests_sent (\d+)$/m.exec(text)?.[1] ?? '0');
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

function cpuMs(services: readonly ServiceProcess[]): number {
  return services.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
}

/** User and system time of a process so far. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
