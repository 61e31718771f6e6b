/**
 * Where a node redeems one shard of a voucher: requests queue up here and are served in groups, each group with one compare-and-set, the pivot, that uses
 * up rights and writes down for whom. After it a redemption is decided and only goes forward (`redemptions.ts`).
 *
 * Why a user redeems once. A user belongs to one shard, and a redemption leaves the shard only when its wallet shows it. So whoever knows a version of the
 * shard, reads the wallet AFTER that, finds neither of them showing the user, and whose pivot succeeds from that very version, is the first. The shard
 * also tells who left it since which version; so when others were faster, the wallets that were read need not be read again unless their user is among
 * those.
 *
 * What was sent and not answered is in doubt until a later version is read. Whoever stands in that version was redeemed; whoever does not, and is not among
 * those who left, was not and never will be by what was sent.
 */

import { readOrThrow, type Stored } from '../../kv/documents.ts';
import { Abort } from '../../node/abort.ts';
import type { NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { RpcError } from '../../protocol/errors.ts';
import {
  contentOf,
  type Pending,
  redemptionNumber,
  rightsIn,
  type ShardRecord,
  shardKey,
  type VoucherStore,
  type WalletRecord,
  walletKey,
} from './records.ts';
import { type Credit, entryOf, report, requireRoom, type Terms } from './redemptions.ts';
import type { Rights } from './rights.ts';

/** Redemptions in one pivot. */
const GROUP_MAX = 64;
/** Redemptions that may be unfinished in a shard; beyond it requests wait for a better time. */
const PENDING_MAX = 1024;
/** How many of those who left a shard it remembers. */
const LEFT_MAX = 256;
/** How long a request may take until its pivot, ms; its client waits 5 s. */
const REDEEM_MS_MAX = 3500;
/** What is credited is gathered for so long, ms, or until there is a page of it, before it is reported. */
const GATHER_MS = 100;
const GATHER_MAX = 64;
const LEAVE_ATTEMPTS_MAX = 5;
/** After silence, or when others were faster, ms: drawn up to this. */
const PAUSE_MS = 20;

export interface Redeemed {
  readonly outcome: 'redeemed';
  readonly redemption: number;
  readonly credited: number;
}
export type Answer = Redeemed | { readonly outcome: 'already_redeemed' | 'sold_out' };

interface Waiting {
  readonly user: string;
  readonly requestId: string;
  readonly endMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: RpcError) => void;
  wallet: Stored<WalletRecord> | undefined;
  /** The version from which a pivot with it was sent that is not proven dead. */
  doubtfulVer: number | undefined;
  /** What becomes of it is decided: it only waits for its wallet. */
  decided: boolean;
}

export interface ShardDeskOptions {
  readonly context: NodeContext;
  readonly store: VoucherStore;
  readonly rights: Pick<Rights, 'acquire'>;
  readonly terms: Terms;
  readonly shard: number;
  /** Puts what a redemption is worth into its wallet, once. */
  readonly credit: Credit;
  /** Notes that something may be left unfinished here; before every pivot. */
  readonly register: () => Promise<RpcError | undefined>;
}

export class ShardDesk {
  readonly #context: NodeContext;
  readonly #store: VoucherStore;
  readonly #rights: Pick<Rights, 'acquire'>;
  readonly #terms: Terms;
  readonly #creditWallet: Credit;
  readonly #shard: number;
  readonly #register: ShardDeskOptions['register'];
  readonly #queue: Waiting[] = [];
  /** Invariant: it was read, or is proven to have been stored. */
  #known: Stored<ShardRecord> | undefined;
  /** Nothing is left of the voucher; `#known` is of a time when that was so already. */
  #soldOut = false;
  /** As much as the voucher is known to have granted this shard: the next pivot brings it here, so that rights never lie where others look for spare ones. */
  #granted = 0;
  #working = false;
  #gathering = false;
  /** Aborted when there is a page to report. */
  #enough = new Abort();
  /** Under way to their wallets, by user. */
  readonly #crediting = new Map<string, Promise<RpcError | undefined>>();
  /** Credited, and not reported yet. */
  #credited: Pending[] = [];
  /** Reported: they may leave the shard. Place by user. */
  readonly #leaving = new Map<string, number>();
  #usedAtMs: number;

  constructor({ context, store, rights, credit, terms, shard, register }: ShardDeskOptions) {
    this.#context = context;
    this.#store = store;
    this.#rights = rights;
    this.#terms = terms;
    this.#creditWallet = credit;
    this.#shard = shard;
    this.#register = register;
    this.#usedAtMs = this.#nowMs();
  }

  /** For how long nothing was to be done here, ms; 0 while there is something. */
  get idleMs(): number {
    const busy = this.#working || this.#gathering || this.#crediting.size > 0 || this.#leaving.size > 0;
    return busy || this.#queue.length > 0 ? 0 : this.#nowMs() - this.#usedAtMs;
  }

  redeem(user: string, requestId: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const endMs = this.#nowMs() + REDEEM_MS_MAX;
      this.#queue.push({
        user,
        requestId,
        endMs,
        resolve,
        reject,
        wallet: undefined,
        doubtfulVer: undefined,
        decided: false,
      });
      this.#work();
    });
  }

  /** Finishes what a node left behind. */
  finish(redemptions: readonly Pending[]): void {
    for (const redemption of redemptions) void this.#credit(redemption);
  }

  #work(): void {
    if (this.#working) return;
    this.#working = true;
    void this.#serve().finally(() => {
      this.#working = false;
      this.#usedAtMs = this.#nowMs();
      if (this.#queue.length > 0) this.#work();
    });
  }

  async #serve(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#serveGroup(group);
      } catch (error) {
        for (const waiting of group) fail(waiting, error instanceof RpcError ? error : undefined);
      }
    }
    try {
      if (this.#leaving.size > 0) await this.#letLeave();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#context.log.debug(`what is finished in ${this.#terms.code} could not be taken off its shard`, {
        reason: error.message,
      });
    }
  }

  /** Those who came first, each user once. */
  #takeGroup(): Waiting[] {
    const users = new Set<string>();
    const group: Waiting[] = [];
    const later: Waiting[] = [];
    for (const waiting of this.#queue.splice(0)) {
      if (group.length < GROUP_MAX && !users.has(waiting.user)) {
        users.add(waiting.user);
        group.push(waiting);
      } else later.push(waiting);
    }
    this.#queue.push(...later);
    return group;
  }

  async #serveGroup(group: readonly Waiting[]): Promise<void> {
    let stored = this.#known ?? (await this.#read());
    /** The wallets of `open` were read after this version of the shard was there. */
    let walletsOfVer = stored.ver;
    let open = await this.#readWallets(group);
    while (open.length > 0) {
      const content = this.#withGranted(contentOf(stored));
      open = open.filter((waiting) => !this.#answerFrom(content, waiting));
      if (walletsOfVer < content.since || open.some(({ user }) => leftSince(content, user, walletsOfVer))) {
        walletsOfVer = stored.ver;
        open = await this.#readWallets(open);
        continue;
      }
      // As of this version none of these has redeemed: an older pivot with them in it is dead.
      for (const waiting of open) {
        if (waiting.doubtfulVer !== undefined && waiting.doubtfulVer < stored.ver) waiting.doubtfulVer = undefined;
      }
      open = this.#dismissLate(open);
      if (open.length === 0) return;
      const rights = rightsIn(content);
      if (rights === 0) {
        if (this.#soldOut) {
          for (const { resolve } of open) resolve({ outcome: 'sold_out' });
          return;
        }
        const result = await this.#rights.acquire(this.#terms.code, this.#shard);
        if (result instanceof RpcError) throw result;
        stored = await this.#read();
        if (result === 'sold-out') this.#soldOut = true;
        else this.#granted = result.granted;
        continue;
      }
      const chosen = open.slice(0, Math.max(0, Math.min(rights, PENDING_MAX - content.pending.length)));
      if (chosen.length === 0) throw unavailable(`too much of ${this.#terms.code} is unfinished`);
      const problem = await this.#register();
      if (problem !== undefined) throw problem;
      const pivoted = await this.#pivot(stored, chosen);
      if (pivoted !== undefined) {
        open = open.filter((waiting) => !chosen.includes(waiting));
        stored = pivoted;
      } else {
        await this.#pause();
        stored = await this.#read();
      }
    }
  }

  #withGranted(content: ShardRecord): ShardRecord {
    return { ...content, granted: Math.max(content.granted, this.#granted) };
  }

  /** Answers those whose wallet shows the redemption, and those whose wallet cannot be read; the others are returned. */
  async #readWallets(group: readonly Waiting[]): Promise<Waiting[]> {
    const { code, amount } = this.#terms;
    const reads = await Promise.all(group.map(({ user }) => this.#store.wallets.read(walletKey(user))));
    return group.filter((waiting, index) => {
      const read = reads[index] as Awaited<ReturnType<VoucherStore['wallets']['read']>>;
      if (read.kind !== 'ok') {
        fail(waiting, read.error);
        return false;
      }
      waiting.wallet = read.stored;
      const entry = entryOf(read.stored.content, code);
      if (entry !== undefined) {
        waiting.resolve(answerOf(waiting, entry.requestId, entry.redemption, amount));
        return false;
      }
      try {
        requireRoom(waiting.user, read.stored.content);
        return true;
      } catch (error) {
        fail(waiting, error as RpcError);
        return false;
      }
    });
  }

  /** Whether this version of the shard says what has become of it. */
  #answerFrom({ pending }: ShardRecord, waiting: Waiting): boolean {
    const redemption = pending.find(([user]) => user === waiting.user);
    if (redemption === undefined) return false;
    this.#conclude(waiting, redemption);
    return true;
  }

  /** For a redemption that is decided: the wallet is credited first, if that is still to be done. */
  #conclude(waiting: Waiting, redemption: Pending): void {
    const [, requestId, place] = redemption;
    const { amount, shardCount } = this.#terms;
    waiting.decided = true;
    const number = redemptionNumber(place, this.#shard, shardCount);
    void this.#credit(redemption, waiting.wallet).then((problem) => {
      if (problem === undefined) waiting.resolve(answerOf(waiting, requestId, number, amount));
      else
        waiting.reject(
          RpcError.of('crash', `${redemption[0]} has redeemed, and is not credited yet: ${problem.message}`),
        );
    });
  }

  /** The one step that decides. Undefined: nobody knows yet, or others were faster. */
  async #pivot(stored: Stored<ShardRecord>, chosen: readonly Waiting[]): Promise<Stored<ShardRecord> | undefined> {
    const content = this.#withGranted(contentOf(stored));
    const added = chosen.map(({ user, requestId }, index): Pending => [user, requestId, content.used + index]);
    const next = this.#withoutLeaving(content, stored.ver + 1);
    const result = await this.#store.shards.replace(shardKey(this.#terms.code, this.#shard), stored, {
      ...next,
      used: content.used + added.length,
      pending: [...next.pending, ...added],
    });
    if (result.kind !== 'ok') {
      // Also when it was refused: that may have been the second copy of what was carried out.
      if (result.kind !== 'unavailable') for (const waiting of chosen) waiting.doubtfulVer = stored.ver;
      this.#known = undefined;
      return undefined;
    }
    this.#remember(result.stored);
    for (const [index, waiting] of chosen.entries()) this.#conclude(waiting, added[index] as Pending);
    return result.stored;
  }

  /** Credits a wallet, reports it and takes it off the shard, the latter two behind everybody's back. */
  #credit(redemption: Pending, wallet?: Stored<WalletRecord>): Promise<RpcError | undefined> {
    const [user] = redemption;
    let crediting = this.#crediting.get(user);
    if (crediting === undefined) {
      crediting = this.#creditWallet(this.#store, this.#terms, this.#shard, redemption, wallet).then((problem) => {
        this.#crediting.delete(user);
        if (problem === undefined) {
          this.#credited.push(redemption);
          if (this.#credited.length >= GATHER_MAX) this.#enough.abort();
          void this.#gather();
        }
        return problem;
      });
      this.#crediting.set(user, crediting);
    }
    return crediting;
  }

  async #gather(): Promise<void> {
    if (this.#gathering) return;
    this.#gathering = true;
    while (this.#credited.length > 0) {
      this.#enough = new Abort();
      if (this.#credited.length < GATHER_MAX) await this.#context.sleep(GATHER_MS, this.#enough);
      const reported = await report(this.#store, this.#terms.code, this.#shard, this.#credited.splice(0));
      for (const [user, , place] of reported) this.#leaving.set(user, place);
    }
    this.#gathering = false;
    if (this.#leaving.size > 0) this.#work();
  }

  /** When nobody waits for a pivot that would do it on the way. What does not succeed is left to whoever sweeps. */
  async #letLeave(): Promise<void> {
    for (let attempt = 0; attempt < LEAVE_ATTEMPTS_MAX && this.#queue.length === 0; attempt++) {
      const stored = this.#known ?? (await this.#read());
      const content = contentOf(stored);
      const next = this.#withoutLeaving(content, stored.ver + 1);
      if (next === content) {
        // Somebody else took them off.
        this.#leaving.clear();
        return;
      }
      const result = await this.#store.shards.replace(shardKey(this.#terms.code, this.#shard), stored, next);
      if (result.kind === 'ok') {
        this.#remember(result.stored);
        return;
      }
      this.#known = undefined;
      await this.#pause();
    }
  }

  #withoutLeaving(content: ShardRecord, ver: number): ShardRecord {
    const leaves = ([user, , place]: Pending) => this.#leaving.get(user) === place;
    const users = content.pending.filter(leaves).map(([user]) => user);
    if (users.length === 0) return content;
    const left: ShardRecord['left'] = [...content.left, ...users.map((user): [string, number] => [user, ver])];
    const forgotten = left.splice(0, Math.max(0, left.length - LEFT_MAX));
    return {
      ...content,
      pending: content.pending.filter((redemption) => !leaves(redemption)),
      left,
      since: forgotten.at(-1)?.[1] ?? content.since,
    };
  }

  #remember(stored: Stored<ShardRecord>): void {
    this.#known = stored;
    const present = new Set(contentOf(stored).pending.map(([user]) => user));
    for (const user of this.#leaving.keys()) if (!present.has(user)) this.#leaving.delete(user);
  }

  /** Lets those go who have waited too long. */
  #dismissLate(open: readonly Waiting[]): Waiting[] {
    const nowMs = this.#nowMs();
    return open.filter((waiting) => {
      if (nowMs < waiting.endMs) return true;
      fail(waiting, unavailable(`the shard of ${waiting.user} was busy for too long`));
      return false;
    });
  }

  async #read(): Promise<Stored<ShardRecord>> {
    const stored = await readOrThrow(this.#store.shards, shardKey(this.#terms.code, this.#shard));
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

function leftSince({ left }: ShardRecord, user: string, ver: number): boolean {
  return left.some(([own, leftVer]) => own === user && leftVer > ver);
}

function answerOf({ requestId }: Waiting, redeemedBy: string, redemption: number, credited: number): Answer {
  return redeemedBy === requestId ? { outcome: 'redeemed', redemption, credited } : { outcome: 'already_redeemed' };
}

/** Ends a request that was not redeemed, as far as is known: error 11 if nothing sent can redeem it any more, 13 if something may. */
function fail({ doubtfulVer, decided, reject }: Waiting, error: RpcError | undefined): void {
  if (decided) return;
  const reason = error?.message ?? 'an unknown error';
  if (doubtfulVer !== undefined || error === undefined)
    reject(RpcError.of('crash', `it is not known whether it is redeemed: ${reason}`));
  else reject(error);
}

function unavailable(text: string): RpcError {
  return RpcError.of('temporarily-unavailable', text);
}
