/** An instance that erases accounts, a voucher, and the account of a shop, in virtual time and without trouble. */

import type { StoreEngine } from '../../src/kv/store.ts';
import type { ReplyOf, RequestInputOf, Rpc } from '../../src/protocol/rpc.ts';
import { AccountErase, AccountOpen, Transfer } from '../../src/workloads/saga/messages.ts';
import { Redeem, VoucherCreate } from '../../src/workloads/voucher/messages.ts';
import { ERASURE_GRACE_MS, type ErasureMutant, erasureRig, SHOP } from './erasure-run.ts';
import type { RetentionRig } from './retention-rig.ts';

export const ANN = '+4915112345670';
export const LONG_MS = 3 * ERASURE_GRACE_MS;
export const CREDIT = 5;

/** What an instance sees of the engine. */
export type See = (engine: StoreEngine, rig: RetentionRig, name: string) => StoreEngine;

/** The instance n0 is started. */
export async function startScene(see: See = (engine) => engine, mutant: ErasureMutant = {}) {
  const mutantOf = (name: string) => ({ see: (own: StoreEngine) => see(own, rig, name) });
  const rig: RetentionRig = erasureRig({ seed: 1, mutantOf }, mutant);
  rig.troubled = false;
  rig.start('n0');
  const ask = <R extends Rpc>(rpc: R, request: RequestInputOf<R>, name = 'n0'): Promise<ReplyOf<R>> =>
    rig.time.run(rig.ask(name, rpc, request));
  await ask(VoucherCreate, { code: 'v', limit: 9, amount: CREDIT });
  await ask(AccountOpen, { account: SHOP, balance: 100 });
  const redeem = (request_id = 'r', code = 'v') => ask(Redeem, { code, user: ANN, request_id });
  const spend = (amount = CREDIT, request_id = 't') => ask(Transfer, { request_id, from: ANN, to: SHOP, amount });
  const erase = (request_id = 'e', name = 'n0') => ask(AccountErase, { account: ANN, request_id }, name);
  const open = (request_id?: string, balance = 3) =>
    ask(AccountOpen, { account: ANN, balance, ...(request_id !== undefined && { request_id }) });
  return { rig, ask, redeem, spend, erase, open };
}

/** The keys of all documents in which the phone number is. */
export function mentions(rig: RetentionRig): string[] {
  return [...rig.stored('')].flatMap(([key, document]) =>
    decodeURIComponent(key + JSON.stringify(document)).includes(ANN) ? [key.split('/')[0] as string] : [],
  );
}
