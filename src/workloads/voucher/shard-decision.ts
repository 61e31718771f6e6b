/**
 * What one version of a shard says about the waiting requests. Pure: one version goes in, and the next action for each
 * request comes out.
 */

import { type Pending, rightsIn, type ShardRecord } from './records.ts';

export interface Asking {
  readonly user: string;
  readonly endMs: number;
}

/** A version of the shard, and what else is known at that time. */
export interface ShardView {
  /** With all the rights that this shard is known to have been granted. */
  readonly content: ShardRecord;
  /** The wallets of all waiting users were read after this version of the shard existed. */
  readonly walletsOfVer: number;
  /** The voucher was sold out before this version existed. */
  readonly soldOut: boolean;
  /** Redemptions that may be unfinished in the shard; beyond it requests are refused. */
  readonly pendingMax: number;
  /** How many of those in it the next pivot removes, because nothing is left to do for them. */
  readonly leavingCount: number;
  readonly nowMs: number;
}

/**
 * - `wallets`: those of `open` must be read again, because some of these users may have left the shard since.
 * - `rights`: this shard has none, so others must be looked for.
 * - `full`: too many redemptions are unfinished here.
 * - `pivot`: the chosen requests can be redeemed from exactly this version.
 */
export type ShardStep<Request> =
  | { readonly do: 'nothing' | 'wallets' | 'sold-out' | 'rights' | 'full' }
  | { readonly do: 'pivot'; readonly chosen: readonly Request[] };

export interface ShardDecision<Request> {
  /** This version shows their redemption. */
  readonly answered: readonly (readonly [Request, Pending])[];
  /** In this version none of these has redeemed: an older pivot with them is dead. */
  readonly notRedeemed: readonly Request[];
  /** Of these, the requests that waited too long. */
  readonly late: readonly Request[];
  /** The requests that keep waiting. */
  readonly open: readonly Request[];
  readonly next: ShardStep<Request>;
}

export function decide<Request extends Asking>(view: ShardView, waiting: readonly Request[]): ShardDecision<Request> {
  const { content, walletsOfVer, nowMs } = view;
  const answered: (readonly [Request, Pending])[] = [];
  const unknown: Request[] = [];
  for (const request of waiting) {
    const redemption = content.pending.find(([user]) => user === request.user);
    if (redemption === undefined) unknown.push(request);
    else answered.push([request, redemption]);
  }
  if (walletsOfVer < content.since || unknown.some(({ user }) => leftSince(content, user, walletsOfVer)))
    return { answered, notRedeemed: [], late: [], open: unknown, next: { do: 'wallets' } };
  const late = unknown.filter(({ endMs }) => nowMs >= endMs);
  const open = unknown.filter(({ endMs }) => nowMs < endMs);
  return { answered, notRedeemed: unknown, late, open, next: stepFor(view, open) };
}

function stepFor<Request>(
  { content, soldOut, pendingMax, leavingCount }: ShardView,
  open: readonly Request[],
): ShardStep<Request> {
  if (open.length === 0) return { do: 'nothing' };
  const rights = rightsIn(content);
  if (rights === 0) return { do: soldOut ? 'sold-out' : 'rights' };
  const room = Math.min(rights, pendingMax - content.pending.length + leavingCount);
  return room > 0 ? { do: 'pivot', chosen: open.slice(0, room) } : { do: 'full' };
}

function leftSince({ left }: ShardRecord, user: string, ver: number): boolean {
  return left.some(([own, leftVer]) => own === user && leftVer > ver);
}
