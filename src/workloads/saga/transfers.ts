/**
 * A transfer as a saga. First come all debits and, side by side with them, the promise of every payee to accept the
 * money. Then comes the pivot, then all credits. So no money is ever taken back from a payee. A reader in between sees
 * money under way, never money that does not exist.
 */

import * as z from 'zod';
import { keyPart } from '../../kv/key-part.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { RequestOf } from '../../protocol/rpc.ts';
import type { Plan, SagaKind } from '../../saga/plan.ts';
import { type Accounts, credit, debit, exists, expectCredit } from './accounts.ts';
import { Leg, type Transfer } from './messages.ts';

export const TransferInput = z.object({ legs: z.array(Leg) });
export type TransferInput = z.infer<typeof TransferInput>;

export type TransferKind = SagaKind<TransferInput>;

/** @param ageMsMax how old what is remembered of an account may be, if accounts may be erased */
export function createTransferKind(accounts: Accounts, plan = planTransfer, ageMsMax?: number): TransferKind {
  return {
    name: 'transfer',
    input: TransferInput,
    plan: (input) => plan(accounts, input),
    // Without erasure an account that exists once exists for ever, so the remembered version is enough.
    prepare: async ({ legs }) => {
      const found = await Promise.all(legs.map(({ account }) => find(accounts, account, ageMsMax)));
      const missing = found.indexOf(false);
      if (missing < 0) return undefined;
      return RpcError.of('key-does-not-exist', `there is no account ${legs[missing]?.account}`);
    },
  };
}

async function find(accounts: Accounts, name: string, ageMsMax: number | undefined): Promise<boolean> {
  const known = await accounts.peek(name, ageMsMax);
  // Another one may have been opened since.
  return exists(known?.gone ? (await accounts.read(name)).content?.content : known);
}

/** Steps in the order of the legs: debits, promises, credits. */
export function planTransfer(accounts: Accounts, { legs }: TransferInput): Plan {
  const [payers, payees] = sidesOf(legs);
  return {
    stages: [
      [
        ...payers.map(({ account, amount }) => accounts.step(account, debit(-amount))),
        ...payees.map(({ account }) => accounts.step(account, expectCredit)),
      ],
      payees.map(({ account, amount }) => accounts.step(account, credit(amount))),
    ],
    pivot: 1,
  };
}

/** What a transfer has taken from an account and not given to it or returned, by the steps applied there. */
export function heldBy({ legs }: TransferInput, account: string, applied: ReadonlySet<number>): number {
  const [payers, payees] = sidesOf(legs);
  const moved = payers.findIndex((leg) => leg.account === account);
  if (moved >= 0) return applied.has(moved) ? -(payers[moved] as Leg).amount : 0;
  const credited = payees.findIndex((leg) => leg.account === account);
  const step = payers.length + payees.length + credited;
  return credited >= 0 && applied.has(step) ? -(payees[credited] as Leg).amount : 0;
}

/** Those that pay and those that are paid; no amount is 0. */
function sidesOf(legs: readonly Leg[]): [payers: Leg[], payees: Leg[]] {
  return [legs.filter(({ amount }) => amount < 0), legs.filter(({ amount }) => amount > 0)];
}

/** The legs of a request. Throws error 12 with the name of the field if they are invalid. */
export function legsOf({ from, to, amount, legs }: RequestOf<typeof Transfer>): TransferInput {
  if (legs !== undefined) {
    if (from !== undefined || to !== undefined || amount !== undefined)
      throw malformed('legs: must stand alone, without from, to and amount');
    requireBalanced(legs);
    return { legs };
  }
  if (from === undefined) throw malformed('from: is missing, and so are legs');
  if (to === undefined) throw malformed('to: is missing, and so are legs');
  if (amount === undefined) throw malformed('amount: is missing, and so are legs');
  keyPart('from', from);
  keyPart('to', to);
  if (from === to) throw malformed('to: must name another account than the payer');
  return {
    legs: [
      { account: from, amount: -amount },
      { account: to, amount },
    ],
  };
}

function requireBalanced(legs: readonly Leg[]): void {
  const seen = new Set<string>();
  let sum = 0;
  for (const [index, { account, amount }] of legs.entries()) {
    keyPart(`legs.${index}.account`, account);
    if (amount === 0) throw malformed(`legs.${index}.amount: must not be 0`);
    if (seen.has(account)) throw malformed(`legs.${index}.account: ${account} is named twice`);
    seen.add(account);
    sum += amount;
  }
  if (sum !== 0) throw malformed(`legs: must add up to 0, not ${sum}`);
}

function malformed(text: string): RpcError {
  return RpcError.of('malformed-request', `body.${text}`);
}
