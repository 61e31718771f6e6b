/**
 * What a node answers about vouchers. `messages.ts` declares the messages, `records.ts` what is stored, and
 * `shard-desk.ts` redeems.
 */

import { NOTHING_STORED, readOrThrow } from '../../kv/documents.ts';
import type { Keeping } from '../../kv/horizon.ts';
import { FixedMembers, type Members } from '../../kv/members.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import { type Handler, handler, type NodeContext } from '../../node/context.ts';
import { BoundedMap } from '../../protocol/bounded-map.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { ReplyOf, RequestOf } from '../../protocol/rpc.ts';
import { ErasedAccounts } from '../erasure/erased.ts';
import type { ServedWorkload, WorkloadPorts } from '../served-workload.ts';
import { AccountWallets } from './account-wallets.ts';
import { VOUCHER_LIMITS, type VoucherLimits } from './limits.ts';
import { Redeem, type Redemption, VoucherCreate, VoucherRead, VoucherReport, WalletRead } from './messages.ts';
import {
  contentOf,
  openVoucherStore,
  pageKey,
  redemptionNumber,
  type ShardRecord,
  shardKey,
  shardOf,
  type VoucherStore,
  voucherKey,
} from './records.ts';
import { type Credit, credit, creditAndForget, type Report, type Terms } from './redemptions.ts';
import { Rights, sum } from './rights.ts';
import { ShardDesk } from './shard-desk.ts';
import { Sweeper } from './sweeper.ts';
import { closeIndex, takeAway, Unfinished } from './unfinished.ts';
import { ownEntries, type Wallets } from './wallets.ts';

/** The number of records that hold the rights of a voucher if its creator does not say. */
const SHARDS_DEFAULT = 1;

/** The parts of the voucher service; a mutant replaces some. */
export interface VoucherParts {
  readonly store: VoucherStore;
  readonly members: Members;
  readonly rights: Pick<Rights, 'acquire'>;
  readonly credit: Credit;
  /** Default: that of `redemptions.ts`. */
  readonly report?: Report | undefined;
  /** Whether it finishes what others left unfinished. */
  readonly sweeps: boolean;
  readonly limits: VoucherLimits;
  /** What ends, and when. Absent: every request is remembered for ever. */
  readonly retention?: Keeping | undefined;
}

interface VoucherPlaces {
  readonly members?: Members | undefined;
  /** Default: wallets of their own. */
  readonly wallets?: Wallets | undefined;
}

export function createVoucherParts(
  context: NodeContext,
  kv: LinearizableStore,
  limits: VoucherLimits = VOUCHER_LIMITS,
  { members = new FixedMembers(context), wallets }: VoucherPlaces = {},
): VoucherParts {
  const store = openVoucherStore(context, kv, limits.page, wallets);
  return { store, members, rights: new Rights(context, store), credit, sweeps: true, limits };
}

export async function startVouchers(
  context: NodeContext,
  {
    kv,
    members,
    limits,
    wallets,
    retention,
    erasure,
  }: Pick<WorkloadPorts, 'kv' | 'members' | 'limits' | 'wallets' | 'retention' | 'erasure'>,
  own: Pick<VoucherParts, 'report'> = {},
): Promise<readonly Handler[]> {
  const erased = erasure && new ErasedAccounts(context, kv, erasure);
  erased?.start();
  const place = wallets === 'accounts' ? new AccountWallets(context, kv, erased) : undefined;
  const parts = createVoucherParts(context, kv, { ...VOUCHER_LIMITS, ...limits }, { members, wallets: place });
  return voucherHandlers(context, { ...parts, credit: creditAndForget(retention), retention, ...own });
}

export function voucherHandlers(context: NodeContext, parts: VoucherParts): readonly Handler[] {
  const service = new VoucherService(context, parts);
  return [
    handler(VoucherCreate, (request) => service.create(request)),
    handler(Redeem, (request) => service.redeem(request)),
    handler(VoucherRead, (request) => service.read(request)),
    handler(VoucherReport, (request) => service.report(request)),
    handler(WalletRead, (request) => service.readWallet(request)),
  ];
}

class VoucherService {
  readonly #context: NodeContext;
  readonly #parts: VoucherParts;
  readonly #store: VoucherStore;
  readonly #unfinished: Unfinished;
  /** By code; the parameters of a voucher never change. */
  readonly #terms: BoundedMap<string, Terms>;
  readonly #desks = new Map<string, ShardDesk>();

  constructor(context: NodeContext, parts: VoucherParts) {
    const { store, members, limits } = parts;
    this.#context = context;
    this.#parts = parts;
    this.#store = store;
    this.#terms = new BoundedMap(limits.terms);
    this.#unfinished = new Unfinished(store, members);
    const sweeper = new Sweeper({
      context,
      store,
      index: this.#unfinished,
      deskOf: async (code, shard) => {
        const terms = await this.#termsOf(code).catch(() => undefined);
        return terms && this.#desk(terms, shard);
      },
      leave: async (code, shard) => {
        this.#desks.delete(shardKey(code, shard));
        await this.#unfinished.unregister(code, shard);
      },
      takeAway: (member, code, shard) => takeAway(context, store, member, code, shard),
      close: (member) => closeIndex(store, member),
      prune: (idleMs, listed) => {
        for (const [key, desk] of this.#desks)
          if (desk.idleMs >= idleMs && !listed.has(key) && !this.#unfinished.lists(key)) this.#desks.delete(key);
      },
    });
    if (parts.sweeps) members.attend(sweeper);
  }

  async create({
    code,
    limit,
    amount,
    shards = SHARDS_DEFAULT,
  }: RequestOf<typeof VoucherCreate>): Promise<ReplyOf<typeof VoucherCreate>> {
    this.#hear();
    const granted = Array.from(
      { length: shards },
      (_, shard) => Math.floor(limit / shards) + (shard < limit % shards ? 1 : 0),
    );
    const returned = granted.map(() => 0);
    const result = await this.#store.vouchers.update(
      voucherKey(code),
      (voucher) => {
        if (voucher === undefined) return { limit, amount, granted, returned, sold_out: false };
        const same = voucher.limit === limit && voucher.amount === amount && voucher.granted.length === shards;
        if (!same) throw RpcError.of('key-already-exists', `there is a voucher ${code} with other parameters`);
        return undefined;
      },
      NOTHING_STORED,
    );
    if (result.kind !== 'ok') throw result.error;
    return {};
  }

  async redeem({ code, user, request_id: requestId }: RequestOf<typeof Redeem>): Promise<ReplyOf<typeof Redeem>> {
    this.#hear();
    this.#store.wallets.keyOf(user);
    this.#parts.retention?.require(requestId);
    const terms = await this.#termsOf(code);
    const answer = await this.#desk(terms, shardOf(user, terms.shardCount)).redeem(user, requestId);
    // The wallet may have forgotten that it was this very request.
    if (answer.outcome === 'already_redeemed') this.#parts.retention?.requireKept(requestId);
    return answer;
  }

  async read({ code }: RequestOf<typeof VoucherRead>): Promise<ReplyOf<typeof VoucherRead>> {
    this.#hear();
    const terms = await this.#termsOf(code);
    const shards = await this.#readShards(terms);
    return {
      limit: terms.limit,
      amount: terms.amount,
      used: sum(shards.map(({ used }) => used)),
      pending: sum(shards.map(({ pending }) => pending.length)),
    };
  }

  /** In the order of the shards and of the places in them. */
  async report({ code, limit, offset }: RequestOf<typeof VoucherReport>): Promise<ReplyOf<typeof VoucherReport>> {
    this.#hear();
    const terms = await this.#termsOf(code);
    const shards = await this.#readShards(terms);
    const redemptions: Redemption[] = [];
    let passed = 0;
    for (const [shard, content] of shards.entries()) {
      const first = Math.max(0, offset - passed);
      const end = Math.min(content.used, first + limit - redemptions.length);
      if (first < end) redemptions.push(...(await this.#listPlaces(terms, shard, content, first, end)));
      passed += content.used;
    }
    return { length: passed, redemptions };
  }

  async readWallet({ user }: RequestOf<typeof WalletRead>): Promise<ReplyOf<typeof WalletRead>> {
    const read = await this.#store.wallets.read(user);
    if (read.kind !== 'ok') throw read.error;
    const { content } = read.stored;
    return {
      balance: content?.balance ?? 0,
      entries: (content === undefined ? [] : ownEntries(content)).map(([code, requestId, redemption, credited]) => ({
        code,
        request_id: requestId,
        redemption,
        credited,
      })),
    };
  }

  /** From the first voucher message on, this node finishes what was left unfinished. */
  #hear(): void {
    this.#parts.members.start();
  }

  #desk(terms: Terms, shard: number): ShardDesk {
    const key = shardKey(terms.code, shard);
    let desk = this.#desks.get(key);
    if (desk === undefined) {
      desk = new ShardDesk({
        ...this.#parts,
        context: this.#context,
        terms,
        shard,
        register: ({ epoch }) => this.#unfinished.register(terms.code, shard, epoch),
      });
      this.#desks.set(key, desk);
    }
    return desk;
  }

  async #termsOf(code: string): Promise<Terms> {
    let terms = this.#terms.get(code);
    if (terms !== undefined) return terms;
    const { content } = await readOrThrow(this.#store.vouchers, voucherKey(code));
    if (content === undefined) throw RpcError.of('key-does-not-exist', `there is no voucher ${code}`);
    terms = { code, limit: content.limit, amount: content.amount, shardCount: content.granted.length };
    this.#terms.set(code, terms);
    return terms;
  }

  #readShards({ code, shardCount }: Terms): Promise<ShardRecord[]> {
    const numbers = Array.from({ length: shardCount }, (_, shard) => shard);
    return Promise.all(
      numbers.map(async (shard) => contentOf(await readOrThrow(this.#store.shards, shardKey(code, shard)))),
    );
  }

  /**
   * The redemptions at some places of a shard. Each is on its page, or was still in the shard, which was read before.
   */
  async #listPlaces(
    { code, shardCount }: Terms,
    shard: number,
    { pending }: ShardRecord,
    first: number,
    end: number,
  ): Promise<Redemption[]> {
    const { pageLength } = this.#store;
    const firstPage = Math.floor(first / pageLength);
    const pageCount = Math.floor((end - 1) / pageLength) - firstPage + 1;
    const pages = await Promise.all(
      Array.from({ length: pageCount }, (_, index) =>
        readOrThrow(this.#store.pages, pageKey(code, shard, firstPage + index)),
      ),
    );
    const byPlace = new Map<number, readonly [user: string, requestId: string]>();
    for (const [user, requestId, place] of pending) byPlace.set(place, [user, requestId]);
    for (const { content } of pages)
      for (const [place, user, requestId] of content?.entries ?? []) byPlace.set(place, [user, requestId]);
    return Array.from({ length: end - first }, (_, index) => {
      const place = first + index;
      const known = byPlace.get(place);
      if (known === undefined) throw new Error(`place ${place} of shard ${shard} of ${code} is on no page`);
      return { redemption: redemptionNumber(place, shard, shardCount), user: known[0], request_id: known[1] };
    });
  }
}

export const voucherNode: ServedWorkload = {
  name: 'voucher',
  rpcs: [VoucherCreate, Redeem, VoucherRead, VoucherReport, WalletRead],
  start: startVouchers,
};
