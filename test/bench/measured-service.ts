/** The cost of one kind of request to services that are real processes, and what an option adds to it. */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceClient } from '../support/service-client.ts';
import { type Kind, ServiceLoad } from '../support/service-load.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import type { Figure, Goal } from './measure.ts';

export const CLIENTS = 64;
export const WARM_UP_MS = 2000;
export const MEASURED_MS = 8000;
const ROUNDS = 5;
/** No voucher is sold out. */
const LIMIT = 1e6;
/** Of `/proc/<pid>/stat`. */
const TICKS_PER_SECOND = 100;

export interface MeasuredService {
  readonly perSecond: number;
  /** Requests to etcd for each operation. */
  readonly requests: number;
  /** Calls of the store for each operation. */
  readonly calls: number;
  /** Of all instances, for each operation. */
  readonly cpuMs: number;
}

/** Two services that differ in one option. */
export interface Compared {
  readonly plain: ServiceProcess;
  readonly other: ServiceProcess;
}

/** Asks both in turn. Resolves to a function that makes a figure of the other, with the plain one as yardstick. */
export async function compareServices({ plain, other }: Compared, kind: Kind, without: string) {
  const rounds: { readonly plain: MeasuredService; readonly other: MeasuredService }[] = [];
  for (let round = 1; round <= ROUNDS; round++)
    rounds.push({
      plain: await measureServices([plain], kind, round),
      other: await measureServices([other], kind, round),
    });
  return (name: string, unit: string, of: keyof MeasuredService, goal: Goal): Figure => ({
    ...{ name, input: 'on a folder', unit, goal },
    values: rounds.map((round) => round.other[of]),
    yardstick: { name: without, ratios: rounds.map((round) => round.other[of] / round.plain[of]) },
  });
}

/** Each client has two accounts of its own. */
export async function measureServices(
  services: readonly ServiceProcess[],
  kind: Kind,
  seed: number,
): Promise<MeasuredService> {
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
  const before = {
    done: load.done[kind],
    requests: await storeRequests(urls),
    calls: await storeCalls(urls),
    cpuMs: cpuMs(services),
  };
  const beganMs = performance.now();
  await load.run(sleep(MEASURED_MS));
  const passedMs = performance.now() - beganMs;
  const done = load.done[kind] - before.done;
  const requests = ((await storeRequests(urls)) - before.requests) / done;
  const calls = ((await storeCalls(urls)) - before.calls) / done;
  const cpu = (cpuMs(services) - before.cpuMs) / done;
  load.close();
  return { perSecond: (done / passedMs) * 1000, requests, calls, cpuMs: cpu };
}

/** What the instances have asked etcd so far. */
const storeRequests = (urls: readonly string[]) => sumOfMetrics(urls, /^snowstorm_engine_requests_sent (\d+)$/gm);

/** Calls of their store so far. */
const storeCalls = (urls: readonly string[]) => sumOfMetrics(urls, /^snowstorm_store_calls_total\{.*\} (\d+)$/gm);

async function sumOfMetrics(urls: readonly string[], figure: RegExp): Promise<number> {
  const client = new ServiceClient();
  const texts = await Promise.all(urls.map((url) => client.send(url, 'GET', '/metrics')));
  client.close();
  const counts = texts.flatMap(({ text }) => [...text.matchAll(figure)].map(([, count]) => Number(count)));
  return counts.reduce((sum, count) => sum + count, 0);
}

function cpuMs(services: readonly ServiceProcess[]): number {
  return services.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
}

/** User and system time of a process so far. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
