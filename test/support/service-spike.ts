/**
 * The spike of a voucher campaign: requests come at rates that jump, whether the service keeps up or not. A user who is
 * not answered yet keeps waiting. When too many wait, further users are turned away by the load itself: dropped.
 */

import { SeededRandom } from '../../src/protocol/random.ts';
import { isRetryable, ServiceClient } from './service-client.ts';

export interface SpikeOptions {
  readonly urls: readonly string[];
  readonly vouchers: number;
  readonly limit: number;
  /** Requests a second, one stage after the other. */
  readonly rates: readonly number[];
  readonly stageMs: number;
  readonly usersMax: number;
  readonly seed: number;
}

export interface SpikeResult {
  readonly answered: number;
  readonly redeemed: number;
  readonly soldOut: number;
  /** Answers that are no outcome, by status. */
  readonly failed: Readonly<Record<string, number>>;
  readonly dropped: number;
  readonly durationMs: number;
  readonly latenciesMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** What vouchers and wallets show that they should not. */
  readonly wrong: readonly string[];
}

const AMOUNT = 100;
const TICK_MS = 10;
const PAGE = 1000;

export async function runSpike(options: SpikeOptions): Promise<SpikeResult> {
  const { urls, vouchers, limit, rates, stageMs, usersMax, seed } = options;
  const client = new ServiceClient();
  const random = new SeededRandom(seed);
  const codes = Array.from({ length: vouchers }, (_, index) => `spike-${seed}-${index}`);
  for (const code of codes)
    await must(client, urls[0] as string, { type: 'voucher_create', code, limit, amount: AMOUNT });
  const redeemed = new Map(codes.map((code) => [code, 0]));
  const latencies: number[] = [];
  const failed: Record<string, number> = {};
  let [users, waiting, soldOut, dropped] = [0, 0, 0, 0];
  const redeem = async () => {
    waiting++;
    const user = `u-${seed}-${users++}`;
    const code = random.pick(codes);
    const beganMs = performance.now();
    const answer = await client.rpc(random.pick(urls), { type: 'redeem', code, user, request_id: user });
    waiting--;
    latencies.push(performance.now() - beganMs);
    if (answer.kind !== 'ok') {
      const name = `${isRetryable(answer) ? 'retryable ' : ''}${answer.status} ${answer.text.slice(0, 60)}`;
      failed[name] = (failed[name] ?? 0) + 1;
    } else if (answer.body.outcome === 'redeemed') redeemed.set(code, (redeemed.get(code) as number) + 1);
    else soldOut++;
  };
  const beganMs = performance.now();
  let due = 0;
  let lastMs = beganMs;
  for (;;) {
    const nowMs = performance.now();
    const stage = Math.floor((lastMs - beganMs) / stageMs);
    const rate = rates[stage];
    if (rate === undefined) break;
    due += ((nowMs - lastMs) / 1000) * rate;
    lastMs = nowMs;
    for (; due >= 1; due--) {
      if (waiting < usersMax) void redeem();
      else dropped++;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  while (waiting > 0) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  const durationMs = performance.now() - beganMs;
  const wrong: string[] = [];
  for (const code of codes) wrong.push(...(await auditVoucher(client, urls[0] as string, code, limit, redeemed)));
  client.close();
  const sum = [...redeemed.values()].reduce((total, count) => total + count, 0);
  const answered = latencies.length;
  latencies.sort((one, other) => one - other);
  const quantile = (share: number) => latencies[Math.min(answered - 1, Math.floor(share * answered))] ?? 0;
  const latenciesMs = { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: quantile(1) };
  return { answered, redeemed: sum, soldOut, failed, dropped, durationMs, latenciesMs, wrong };
}

async function auditVoucher(
  client: ServiceClient,
  url: string,
  code: string,
  limit: number,
  redeemed: ReadonlyMap<string, number>,
): Promise<string[]> {
  const users = new Set<string>();
  let length = 0;
  for (let offset = 0; ; offset += PAGE) {
    const page = await must(client, url, { type: 'voucher_report', code, limit: PAGE, offset });
    length = page.length as number;
    const entries = page.redemptions as { user: string }[];
    for (const { user } of entries) users.add(user);
    if (entries.length === 0) break;
  }
  const wrong: string[] = [];
  if (length > limit) wrong.push(`${code} has ${length} redemptions of ${limit}`);
  if (users.size !== length) wrong.push(`${code} lists ${users.size} users in ${length} redemptions`);
  if (length < (redeemed.get(code) as number)) wrong.push(`${code} has ${length} of ${redeemed.get(code)} redemptions`);
  return wrong;
}

async function must(
  client: ServiceClient,
  url: string,
  body: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await client.rpc(url, body);
  if (answer.kind !== 'ok') throw new Error(`${JSON.stringify(body)}: ${JSON.stringify(answer)}`);
  return answer.body;
}
