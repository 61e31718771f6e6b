/**
 * The spike of a voucher campaign against `snowstorm serve` on a folder, in a quarter of a minute. `make bench` runs
 * all of it, and tells latencies. A machine that is too slow may answer 503, which tells the client to try again;
 * nothing else may fail.
 */

import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { runSpike } from '../support/service-spike.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const VOUCHERS = 10;
const LIMIT = 1000;
const RATES = [100, 1500, 300, 3000, 5000];
const STAGE_MS = 1500;
const USERS_MAX = 2000;

afterAll(killServices);
const folder = temporaryFolder();

it('keeps every voucher exact when requests come faster than they are answered', { timeout: 240_000 }, async () => {
  const service = await ServiceProcess.start(['--store', join(folder, 'data')]);
  const spike = { vouchers: VOUCHERS, limit: LIMIT, rates: RATES, stageMs: STAGE_MS, usersMax: USERS_MAX, seed: 1 };
  const result = await runSpike({ ...spike, urls: [service.url] });
  expect(result.wrong).toEqual([]);
  expect(Object.keys(result.failed).filter((name) => !name.startsWith('retryable 503'))).toEqual([]);
  expect(result.redeemed).toBeGreaterThan(LIMIT);
  expect((await service.stop()).status).toBe(0);
});
