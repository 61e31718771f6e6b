/**
 * Where a node redeems one shard of a voucher. Requests wait in a queue and are served in groups. Each group is one
 * compare-and-set, the pivot, which uses up rights and writes down the users. After it a redemption is decided and only
 * goes forward (`redemptions.ts`).
 *
 * Why a user redeems once. A user belongs to one shard, and a redemption leaves the shard only when its wallet shows
 * it. A node reads a version of the shard, and AFTER that the wallet. If neither shows the user, and the pivot succeeds
 * from exactly that version, then the redemption is the first. The shard also lists the users that left it, with
 * versions. So when others were faster, a wallet must be read again only if its user is among those.
 *
 * A pivot without an answer is in doubt until a later version is read. Users in that version were redeemed. Users that
 * are neither in it nor among those that left were not, and never will be by that pivot.
 */

import { type ReadResult, readOrThrow, type Stored } from '../../kv/documents.ts';
import { chooseDistinct, GroupQueue } from '../../kv/group-queue.ts';
import type { NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { RpcError } from '../../protocol/errors.ts';
import { AfterPivot } from './after-pivot.ts';
import type { VoucherLimits } from './limits.ts';
import { contentOf, type Pending, redemptionNumber, type ShardRecord, shardKey, type VoucherStore } from './records.ts';
import { type Credit, entryOf, type Report, type Terms } from './redemptions.ts';
import type { Rights } from './rights.ts';
import { decide, type ShardView } from './shard-decision.ts';
import type { WalletRecord } from './wallets.ts';

const LEAVE_ATTEMPTS_MAX = 5;
/** Longest pause after a timeout or a lost race, ms. */
const PAUSE_MS = 20;

export interface Redeemed {
  readonly outcome: 'redeemed';
  readonly redemption: number;
  readonly credited: number;
}
export type RedeemOutcome = Redeemed | { readonly outcome: 'already_redeemed' | 'sold_out' };

interface WaitingRequest {
  readonly user: string;
  readonly requestId: string;
  readonly endMs: number;
  readonly resolve: (answer: RedeemOutcome) => void;
  readonly reject: (error: RpcError) => void;
  wallet: Stored<WalletRecord> | undefined;
  /** Why that wallet may not be credited, if it may not. */
  refusal: RpcError | undefined;
  /** The version from which a pivot with it was sent that is not proven dead. */
  doubtfulVer: number | undefined;
  /** It is decided, and only waits for its wallet. */
  decided: boolean;
}

export interface ShardDeskOptions {
  readonly context: NodeContext;
  readonly store: VoucherStore;
  readonly rights: Pick<Rights, 'acquire'>;
  readonly terms: Terms;
  readonly shard: number;
  readonly limits: Pick<VoucherLimits, 'group' | 'pending' | 'gather' | 'left'>;
  /** Credits the value of a redemption to its wallet, once. */
  readonly credit: Credit;
  /** Lists redemptions in the report. Default: that of `redemptions.ts`. */
  readonly report?: Report | undefined;
  /** Called before every pivot, with the version it starts from: records that something may be left unfinished here. */
  readonly register: (content: ShardRecord) => Promise<RpcError | undefined>;
}

export class ShardDesk {
  readonly #context: NodeContext;
  readonly #store: VoucherStore;
  readonly #rights: Pick<Rights, 'acquire'>;
  readonly #terms: Terms;
  readonly #limits: ShardDeskOptions['limits'];
  readonly #shard: number;
  readonly #key: string;
  readonly #register: ShardDeskOptions['register'];
  readonly #queue: GroupQueue<WaitingRequest>;
  readonly #after: AfterPivot;
  /** Invariant: it was read, or is proven to have been stored. */
  #known: Stored<ShardRecord> | undefined;
  /** Nothing is left of the voucher. `#known` is of a time when that was already so. */
  #soldOut = false;
  /**
   * All rights that the voucher is known to have granted this shard. The next pivot brings them here, so that rights
   * are never where others look for spare ones.
   */
  #granted = 0;
  #usedAtMs: number;

  constructor({ context, store, rights, credit, report, terms, shard, limits, register }: ShardDeskOptions) {
    this.#context = context;
    this.#store = store;
    this.#rights = rights;
    this.#terms = terms;
    this.#limits = limits;
    this.#shard = shard;
    this.#key = shardKey(terms.code, shard);
    this.#register = register;
    this.#queue = new GroupQueue({
      // A user is in one group only once. A second request waits for the outcome of the first.
      choose: (waiting) => chooseDistinct(waiting, limits.group, ({ user }) => user),
      serve: (group) => this.#serveGroup(group),
      fail: (waiting, error) => fail(waiting, error instanceof RpcError ? error : undefined),
      rest: () => (this.#after.hasLeaving ? this.#letLeave() : undefined),
      onIdle: () => {
        this.#usedAtMs = this.#nowMs();
      },
    });
    const onReported = () => this.#queue.wake();
    this.#after = new AfterPivot({ context, store, terms, shard, limits, credit, report, onReported });
    this.#usedAtMs = this.#nowMs();
  }

  /** How long nothing was to be done here, ms; 0 while there is something. */
  get idleMs(): number {
    return this.#queue.busy || this.#after.busy ? 0 : this.#nowMs() - this.#usedAtMs;
  }

  redeem(user: string, requestId: string): Promise<RedeemOutcome> {
    const endMs = this.#nowMs() + this.#store.timings.turnMs;
    const first = { wallet: undefined, refusal: undefined, doubtfulVer: undefined, decided: false };
    return new Promise((resolve, reject) => {
      this.#queue.push({ user, requestId, endMs, resolve, reject, ...first });
    });
  }

  /** Finishes what another node left unfinished. */
  finish(redemptions: readonly Pending[]): void {
    for (const redemption of redemptions) void this.#after.credit(redemption);
  }

  async #serveGroup(group: readonly WaitingRequest[]): Promise<void> {
    if (group.length === 0) return;
    const { code } = this.#terms;
    let isRemembered = this.#known !== undefined;
    let stored = this.#known ?? (await this.#read());
    let walletsOfVer = stored.ver;
    let open: readonly WaitingRequest[] = await this.#readWallets(group);
    for (;;) {
      const content = this.#withGranted(contentOf(stored));
      const view = { content, walletsOfVer, soldOut: this.#soldOut, nowMs: this.#nowMs() };
      const { answered, notRedeemed, late, open: still, next } = decide({ ...view, ...this.#roomIn(content) }, open);
      for (const [waiting, redemption] of answered) this.#conclude(waiting, redemption);
      for (const waiting of notRedeemed) clearDoubt(waiting, stored.ver);
      for (const waiting of late) fail(waiting, unavailable(`the shard of ${waiting.user} was busy for too long`));
      open = still;
      if (next.do === 'nothing') return;
      if (next.do !== 'wallets' && open.some(({ refusal }) => refusal !== undefined)) {
        // As remembered, the shard may lack a redemption by an earlier attempt. Then that is the answer.
        if (isRemembered) stored = await this.#read();
        else open = refuse(open);
      } else if (next.do === 'pivot') {
        const problem = await this.#register(content);
        if (problem !== undefined) throw problem;
        const pivoted = await this.#pivot(stored, next.chosen);
        if (pivoted === undefined) await this.#pause();
        stored = pivoted ?? (await this.#read());
      } else if (next.do === 'wallets') {
        walletsOfVer = stored.ver;
        open = await this.#readWallets(open);
      } else if (next.do === 'sold-out') {
        for (const { resolve } of open) resolve({ outcome: 'sold_out' });
        return;
      } else if (next.do === 'rights') {
        const result = await this.#rights.acquire(code, this.#shard);
        if (result instanceof RpcError) throw result;
        stored = await this.#read();
        if (result === 'sold-out') this.#soldOut = true;
        else this.#granted = result.granted;
      } else if (isRemembered) {
        // The shard is full as remembered, and may have room by now. Refusing from memory would refuse for ever.
        stored = await this.#read();
      } else throw unavailable(`too much of ${code} is unfinished`);
      isRemembered = false;
    }
  }

  #roomIn(content: ShardRecord): Pick<ShardView, 'pendingMax' | 'leavingCount'> {
    return { pendingMax: this.#limits.pending, leavingCount: this.#after.countLeaving(content) };
  }

  #withGranted(content: ShardRecord): ShardRecord {
    return { ...content, granted: Math.max(content.granted, this.#granted) };
  }

  /** Answers requests whose wallet shows the redemption or cannot be read. Returns the others. */
  async #readWallets(group: readonly WaitingRequest[]): Promise<WaitingRequest[]> {
    const { code, amount } = this.#terms;
    const { wallets } = this.#store;
    const reads = await Promise.all(group.map(({ user }) => wallets.read(user)));
    const open: WaitingRequest[] = [];
    for (const [index, waiting] of group.entries()) {
      const read = reads[index] as ReadResult<WalletRecord>;
      if (read.kind !== 'ok') {
        fail(waiting, read.error);
        continue;
      }
      waiting.wallet = read.stored;
      waiting.refusal = wallets.refusalOf(waiting.user, read.stored);
      const entry = entryOf(read.stored.content, code);
      if (entry !== undefined) waiting.resolve(this.#answerOf(waiting, entry.requestId, entry.redemption, amount));
      else open.push(waiting);
    }
    return open;
  }

  /** For a decided redemption: credits the wallet first, if that is still to be done. */
  #conclude(waiting: WaitingRequest, redemption: Pending): void {
    const [, requestId, place] = redemption;
    const { amount, shardCount } = this.#terms;
    waiting.decided = true;
    const number = redemptionNumber(place, this.#shard, shardCount);
    void this.#after.credit(redemption, waiting.wallet).then((problem) => {
      if (problem === undefined) waiting.resolve(this.#answerOf(waiting, requestId, number, amount));
      else
        waiting.reject(
          RpcError.of('crash', `${redemption[0]} has redeemed, and is not credited yet: ${problem.message}`),
        );
    });
  }

  #answerOf({ requestId }: WaitingRequest, redeemedBy: string, redemption: number, credited: number): RedeemOutcome {
    return this.#store.wallets.isSameRequest(redeemedBy, requestId)
      ? { outcome: 'redeemed', redemption, credited }
      : { outcome: 'already_redeemed' };
  }

  /**
   * The one step that decides: the version that it resolves to shows the chosen requests. Undefined: the outcome is
   * unknown, or others were faster.
   */
  async #pivot(
    stored: Stored<ShardRecord>,
    chosen: readonly WaitingRequest[],
  ): Promise<Stored<ShardRecord> | undefined> {
    const content = this.#withGranted(contentOf(stored));
    const added = chosen.map(({ user, requestId }, index): Pending => [user, requestId, content.used + index]);
    const next = this.#after.withoutLeaving(content, stored.ver + 1);
    const result = await this.#store.shards.replace(this.#key, stored, {
      ...next,
      used: content.used + added.length,
      pending: [...next.pending, ...added],
    });
    if (result.kind !== 'ok') {
      // Also after a refusal: it may answer the second copy of a pivot that was carried out.
      if (result.kind !== 'unavailable') for (const waiting of chosen) waiting.doubtfulVer = stored.ver;
      this.#known = undefined;
      return undefined;
    }
    this.#remember(result.stored);
    return result.stored;
  }

  /**
   * Removes redemptions that may leave from the shard, when no request waits for a pivot that would do it too. The next
   * sweep retries what fails.
   */
  async #letLeave(): Promise<void> {
    try {
      for (let attempt = 0; attempt < LEAVE_ATTEMPTS_MAX && this.#queue.waiting.length === 0; attempt++) {
        const stored = this.#known ?? (await this.#read());
        const content = contentOf(stored);
        const next = this.#after.withoutLeaving(content, stored.ver + 1);
        // Another node removed them.
        if (next === content) return this.#after.forgetLeaving();
        const result = await this.#store.shards.replace(this.#key, stored, next);
        if (result.kind === 'ok') return this.#remember(result.stored);
        this.#known = undefined;
        await this.#pause();
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#context.log.debug(`finished redemptions of ${this.#terms.code} could not be removed from their shard`, {
        reason: error.message,
      });
    }
  }

  #remember(stored: Stored<ShardRecord>): void {
    this.#known = stored;
    this.#after.see(contentOf(stored));
  }

  async #read(): Promise<Stored<ShardRecord>> {
    const stored = await readOrThrow(this.#store.shards, this.#key);
    this.#remember(stored);
    return stored;
  }

  async #pause(): Promise<void> {
    if (!(await pauseUpTo(this.#context, PAUSE_MS))) throw unavailable('this node is about to end');
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }
}

/** Ends requests whose wallet may not be credited. Returns the others. */
function refuse(open: readonly WaitingRequest[]): WaitingRequest[] {
  return open.filter((waiting) => {
    if (waiting.refusal !== undefined) fail(waiting, waiting.refusal);
    return waiting.refusal === undefined;
  });
}

/** In this version the user is not redeemed: a pivot sent from an older one is dead. */
function clearDoubt(waiting: WaitingRequest, ver: number): void {
  if (waiting.doubtfulVer !== undefined && waiting.doubtfulVer < ver) waiting.doubtfulVer = undefined;
}

/**
 * Ends a request that was not redeemed, as far as known: with error 11 if nothing sent can redeem it any more, with 13
 * if something may.
 */
function fail({ doubtfulVer, decided, reject }: WaitingRequest, error: RpcError | undefined): void {
  if (decided) return;
  const reason = error?.message ?? 'an unknown error';
  if (doubtfulVer !== undefined || error === undefined)
    reject(RpcError.of('crash', `it is not known whether it is redeemed: ${reason}`));
  else reject(error);
}

function unavailable(text: string): RpcError {
  return RpcError.of('temporarily-unavailable', text);
}
