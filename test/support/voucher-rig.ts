/** Nodes of the voucher service that share one scripted lin-kv. */

import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { RegisteredMembers, type RegisteredOptions } from '../../src/kv/registered-members.ts';
import type { NodeContext } from '../../src/node/context.ts';
import type { ReplyOf, RequestOf, Rpc } from '../../src/protocol/rpc.ts';
import { VOUCHER_LIMITS, type VoucherLimits } from '../../src/workloads/voucher/limits.ts';
import { Redeem, VoucherCreate, VoucherRead, VoucherReport, WalletRead } from '../../src/workloads/voucher/messages.ts';
import { createVoucherParts, type VoucherParts, voucherHandlers } from '../../src/workloads/voucher/node.ts';
import {
  type IndexRecord,
  indexKey,
  openVoucherStore,
  type ShardRecord,
  shardKey,
  type VoucherRecord,
  voucherKey,
} from '../../src/workloads/voucher/records.ts';
import { credit, type Terms } from '../../src/workloads/voucher/redemptions.ts';
import { Rights } from '../../src/workloads/voucher/rights.ts';
import { ShardDesk, type ShardDeskOptions } from '../../src/workloads/voucher/shard-desk.ts';
import { type WalletRecord, walletKey } from '../../src/workloads/voucher/wallets.ts';
import { LATENCY_MS, LOST, StoreRig, type WireMessage } from './store-rig.ts';

export const CODE = 'v';

export interface BeginOptions {
  /** All nodes; absent: it is alone. */
  readonly nodeIds?: readonly string[];
  readonly parts?: Partial<VoucherParts>;
  readonly limits?: Partial<VoucherLimits>;
  /** It registers in the store, and knows no other node. */
  readonly registered?: RegisteredOptions;
}

export class VoucherRig extends StoreRig {
  constructor(seed?: number | string, kv = new LinKv()) {
    super(new Map([['lin-kv', kv]]), seed);
  }

  context(nodeId: string, nodeIds: readonly string[] = [nodeId]): NodeContext {
    return { ...this.start(nodeId).context, nodeIds };
  }

  begin(nodeId: string, { nodeIds = [nodeId], parts = {}, limits = {}, registered }: BeginOptions = {}): VoucherNode {
    const { context, kill } = this.start(nodeId);
    const own = { ...context, nodeIds };
    const kv = new LinKvStore(own);
    const members = registered && new RegisteredMembers(own, kv, registered);
    const right = createVoucherParts(own, kv, { ...VOUCHER_LIMITS, ...limits }, { members });
    const node = new VoucherNode(own, kill, { ...right, ...parts });
    members?.start();
    return node;
  }

  /** A desk alone, without a sweeper. */
  desk(context: NodeContext, terms: Terms, own: Partial<ShardDeskOptions> = {}): ShardDesk {
    const store = openVoucherStore(context, new LinKvStore(context));
    const rights = new Rights(context, store);
    return new ShardDesk({
      context,
      store,
      rights,
      terms,
      shard: 0,
      limits: VOUCHER_LIMITS,
      credit,
      register: async () => undefined,
      ...own,
    });
  }

  shard(shard: number, code = CODE): (ShardRecord & { readonly ver: number }) | undefined {
    return this.stored(shardKey(code, shard)) as (ShardRecord & { readonly ver: number }) | undefined;
  }

  voucher(code = CODE): VoucherRecord | undefined {
    return this.stored(voucherKey(code)) as VoucherRecord | undefined;
  }

  wallet(user: string): WalletRecord | undefined {
    return this.stored(walletKey(user)) as WalletRecord | undefined;
  }

  index(nodeId: string): IndexRecord['shards'] | undefined {
    return (this.stored(indexKey(nodeId)) as IndexRecord | undefined)?.shards;
  }

  stored(key: string): unknown {
    const { value } = this.look('lin-kv', { type: 'read', key });
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** Puts a document in its place, past the wire. */
  put(key: string, content: object, ver = 1): void {
    this.look('lin-kv', { type: 'write', key, value: JSON.stringify({ ...content, ver }) });
  }

  /** The requests of a type for keys with this prefix, from all nodes or from one. */
  asked(type: 'read' | 'cas', prefix: string, nodeId?: string): WireMessage['body'][] {
    return this.wire.flatMap(({ src, body }) =>
      body.type === type && String(body.key).startsWith(prefix) && (nodeId ?? src) === src ? [body] : [],
    );
  }

  /** From now on these messages are lost. */
  lose(loses: (message: WireMessage) => boolean): void {
    this.drawFate = (message) => (loses(message) ? LOST : [LATENCY_MS]);
  }

  heal(): void {
    this.lose(() => false);
  }
}

export class VoucherNode {
  readonly context: NodeContext;
  readonly kill: () => void;
  readonly #handlers: ReturnType<typeof voucherHandlers>;

  constructor(context: NodeContext, kill: () => void, parts: VoucherParts) {
    this.context = context;
    this.kill = kill;
    this.#handlers = voucherHandlers(context, parts);
  }

  /** As clients do, past the checks of the node. */
  async ask<R extends Rpc>(rpc: R, request: RequestOf<R>): Promise<ReplyOf<R>> {
    const handler = this.#handlers.find((own) => own.rpc.type === rpc.type);
    return (await handler?.handle(request as never, { src: 'c1' })) as ReplyOf<R>;
  }

  create(limit: number, shards = 1, amount = 5, code = CODE) {
    return this.ask(VoucherCreate, { code, limit, amount, shards });
  }

  redeem(user: string, requestId = `by ${user}`, code = CODE) {
    return this.ask(Redeem, { code, user, request_id: requestId });
  }

  read(code = CODE) {
    return this.ask(VoucherRead, { code });
  }

  report(offset: number, limit: number, code = CODE) {
    return this.ask(VoucherReport, { code, offset, limit });
  }

  wallet(user: string) {
    return this.ask(WalletRead, { user });
  }
}
