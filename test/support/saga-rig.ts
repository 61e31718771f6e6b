/**
 * Nodes that run sagas and share one scripted lin-kv: of the transfer service, or of any other kind of saga. Time is
 * virtual, and a test decides which messages are lost, doubled or late and which node dies.
 */

import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { FixedMembers } from '../../src/kv/members.ts';
import { RegisteredMembers, type RegisteredOptions } from '../../src/kv/registered-members.ts';
import type { LinearizableStore } from '../../src/kv/store.ts';
import type { NodeContext } from '../../src/node/context.ts';
import type { Node } from '../../src/node/node.ts';
import type { SeededRandom } from '../../src/protocol/random.ts';
import type { ReplyOf, RequestOf, Rpc } from '../../src/protocol/rpc.ts';
import { SagaCoordinator } from '../../src/saga/coordinator.ts';
import { SagaDriver } from '../../src/saga/driver.ts';
import { FinishedSagas } from '../../src/saga/finished-sagas.ts';
import type { Mark, ParticipantRecord } from '../../src/saga/marks.ts';
import { Participants, type ParticipantsOptions } from '../../src/saga/participants.ts';
import { Order, plannedKind, type SagaKind } from '../../src/saga/plan.ts';
import {
  digestOf,
  type IndexRecord,
  indexKey,
  openSagaStore,
  type SagaRecord,
  type SagaState,
  type SagaStore,
  sagaKey,
} from '../../src/saga/record.ts';
import { type Account, accountKey } from '../../src/workloads/saga/accounts.ts';
import {
  AccountClose,
  AccountOpen,
  Audit,
  type Leg,
  Transfer,
  TransferStatus,
} from '../../src/workloads/saga/messages.ts';
import { type SagaParts, transferHandlers } from '../../src/workloads/saga/node.ts';
import { type Fate, LATENCY_MS, LOST, type RigNode, StoreRig, type WireMessage } from './store-rig.ts';

/** Longer than the store is waited for by anything. */
export const LONG_MS = 30_000;

export interface BeginOptions {
  /** All nodes; absent: it is alone. */
  readonly nodeIds?: readonly string[];
  /** It registers in the store, and knows no other node. */
  readonly registered?: RegisteredOptions;
  readonly parts?: SagaParts;
  /** How long it waits for the store; long for a node that is to sleep as if the world had stood still. */
  readonly deadlineMs?: number;
  /** A store other than lin-kv. */
  readonly alterStore?: (kv: LinearizableStore) => LinearizableStore;
}

export type Versioned<Content> = Content & { readonly ver: number };

export class SagaRig extends StoreRig {
  constructor(seed?: number | string) {
    super(new Map([['lin-kv', new LinKv()]]), seed);
  }

  /** A node as sagas see it. */
  life(nodeId: string, nodeIds: readonly string[] = [nodeId], deadlineMs?: number): RigNode {
    const { context, node, kill } = this.start(nodeId);
    const rpc: NodeContext['rpc'] = (dest, rpc, request, options) =>
      context.rpc(dest, rpc, request, deadlineMs === undefined ? options : { ...options, deadlineMs });
    return { context: { ...context, nodeIds, rpc }, node, kill };
  }

  /** A node of the transfer service. */
  begin(nodeId: string, { nodeIds = [nodeId], deadlineMs, ...own }: BeginOptions = {}): SagaNode {
    return new SagaNode(this.life(nodeId, nodeIds, deadlineMs), own);
  }

  saga(id: string): Versioned<SagaRecord> | undefined {
    return this.stored(sagaKey(id));
  }

  /** The states that a saga came through, each with its number. */
  path(id: string): string[] | undefined {
    return this.saga(id)?.history.map(({ state, at }) => `${state} ${at}`);
  }

  index(nodeId: string): IndexRecord['sagas'] | undefined {
    return this.stored<IndexRecord>(indexKey(nodeId))?.sagas;
  }

  account(name: string): Versioned<ParticipantRecord<Account>> | undefined {
    return this.stored(accountKey(name));
  }

  balance(name: string): number | undefined {
    return this.account(name)?.content?.balance;
  }

  stored<Content>(key: string): Versioned<Content> | undefined {
    const { value } = this.look('lin-kv', { type: 'read', key });
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** Puts a document in its place, past the wire. */
  put(key: string, content: object, ver = 1): void {
    this.look('lin-kv', { type: 'write', key, value: JSON.stringify({ ...content, ver }) });
  }

  putAccount(name: string, balance: number, marks: readonly Mark[] = [], ver = 1): void {
    this.put(accountKey(name), { content: { balance, opened: balance, closed: false, token: 'rig' }, marks }, ver);
  }

  /** A transfer as a node left it that is no more; written down in the index of that node. */
  putTransfer(id: string, legs: readonly Leg[], state: SagaState, at: number, nodeId: string, reason = ''): void {
    const input = { legs };
    const digest = digestOf('transfer', input);
    const history = [{ state, at, node: nodeId, time: '2026-11-21T08:00:00.000Z' }];
    this.put(sagaKey(id), { kind: 'transfer', input, digest, state, at, reason, history });
    this.put(indexKey(nodeId), { sagas: [...(this.index(nodeId) ?? []), [id, digest]] });
  }

  /** The requests of a type for keys with this prefix, from all nodes or from one. */
  asked(type: 'read' | 'cas', prefix: string, nodeId?: string): WireMessage['body'][] {
    return this.wire.flatMap(({ src, body }) =>
      body.type === type && String(body.key).startsWith(prefix) && (nodeId ?? src) === src ? [body] : [],
    );
  }

  /** From now on messages have these fates; undefined: as always. */
  rule(fateOf: (message: WireMessage) => Fate | undefined): void {
    this.drawFate = (message) => fateOf(message) ?? [LATENCY_MS];
  }

  /** From now on these messages are lost. */
  lose(loses: (message: WireMessage) => boolean): void {
    this.rule((message) => (loses(message) ? LOST : undefined));
  }

  heal(): void {
    this.rule(() => undefined);
  }

  /** When messages like this are sent, ms, until the next rule. Those that meet a fate of `next` are left out. */
  times(matches: (message: WireMessage) => boolean): readonly number[] {
    const { drawFate } = this;
    const sentMs: number[] = [];
    this.drawFate = (message) => {
      if (matches(message)) sentMs.push(this.time.now());
      return drawFate(message);
    };
    return sentMs;
  }
}

/** Whether a message reads a key with this prefix, from any node or from this one. */
export function isRead({ src, body }: WireMessage, prefix: string, nodeId = src): boolean {
  return body.type === 'read' && src === nodeId && String(body.key).startsWith(prefix);
}

/** Whether a message is a compare-and-set of a key with this prefix, from any node or from this one. */
export function isCas({ src, body }: WireMessage, prefix: string, nodeId = src): boolean {
  return body.type === 'cas' && src === nodeId && String(body.key).startsWith(prefix);
}

export class SagaNode {
  readonly context: NodeContext;
  readonly node: Node;
  readonly kill: () => void;
  readonly #handlers: ReturnType<typeof transferHandlers>;

  constructor({ context, node, kill }: RigNode, { parts = {}, registered, alterStore = (kv) => kv }: BeginOptions) {
    this.context = context;
    this.node = node;
    this.kill = kill;
    const kv = alterStore(new LinKvStore(context));
    const members = registered && new RegisteredMembers(context, kv, registered);
    this.#handlers = transferHandlers(context, kv, parts, members);
    members?.start();
  }

  /** As clients do, past the checks of the node. */
  async ask<R extends Rpc>(rpc: R, request: RequestOf<R>): Promise<ReplyOf<R>> {
    const handler = this.#handlers.find((own) => own.rpc.type === rpc.type);
    return (await handler?.handle(request as never, { src: 'c1' })) as ReplyOf<R>;
  }

  open(account: string, balance = 0) {
    return this.ask(AccountOpen, { account, balance });
  }

  close(account: string) {
    return this.ask(AccountClose, { account });
  }

  transfer(id: string, from: string, to: string, amount: number) {
    return this.ask(Transfer, { request_id: id, from, to, amount });
  }

  move(id: string, legs: readonly Leg[]) {
    return this.ask(Transfer, { request_id: id, legs: [...legs] });
  }

  /** What `metrics` reports of its sagas. */
  get figures() {
    const { sagas } = this.node.readMetrics().parts;
    return sagas;
  }

  status(id: string) {
    return this.ask(TransferStatus, { request_id: id });
  }

  audit(...accounts: string[]) {
    return this.ask(Audit, { accounts });
  }
}

/** What a node needs for sagas of kinds that it knows nothing of. */
export class Engine {
  readonly context: NodeContext;
  readonly kv: LinKvStore;
  readonly store: SagaStore;
  readonly order = new Order();
  readonly finished = new FinishedSagas();
  #coordinator: SagaCoordinator | undefined;

  constructor(context: NodeContext) {
    this.context = context;
    this.kv = new LinKvStore(context);
    this.store = openSagaStore(context, this.kv);
  }

  participants<Content extends object>(
    own: Pick<ParticipantsOptions<Content>, 'name' | 'schema' | 'keyOf' | 'marking' | 'limits'>,
  ): Participants<Content> {
    const { context, kv, order, finished } = this;
    return new Participants({
      context,
      kv,
      order,
      finished,
      lookUp: async (saga) => this.#coordinator?.lookUp(saga),
      ...own,
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: kinds with inputs of every shape
  coordinate(...kinds: SagaKind<any>[]): SagaCoordinator {
    const { context, store, order, finished } = this;
    const driver = this.driver(...kinds);
    this.#coordinator = new SagaCoordinator({
      context,
      store,
      members: new FixedMembers(context),
      driver,
      order,
      finished,
    });
    return this.#coordinator;
  }

  // biome-ignore lint/suspicious/noExplicitAny: kinds with inputs of every shape
  driver(...kinds: SagaKind<any>[]): SagaDriver {
    const { context, store, order, finished } = this;
    return new SagaDriver({
      context,
      sagas: store.sagas,
      order,
      finished,
      kinds: kinds.map((kind) => plannedKind(kind)),
    });
  }
}

/** How bad the network is, is drawn too: from hardly at all to dreadful. */
export function createFates(random: SeededRandom, longestMs = 3000): () => Fate {
  const [lossPercent, doublingPercent, delayPercent] = [random.integer(15), random.integer(20), random.integer(20)];
  const shortMs = () => 1 + random.integer(4);
  const longMs = () => 1 + random.integer(random.pick([60, longestMs]));
  return () => {
    let draw = random.integer(100);
    if (draw < lossPercent) return LOST;
    draw -= lossPercent;
    if (draw < doublingPercent) return [shortMs(), longMs()];
    draw -= doublingPercent;
    return [draw < delayPercent ? longMs() : shortMs()];
  };
}

/** How work ended, for tests that look at it later. */
export interface Watched<Result> {
  outcome: { readonly ok: Result } | { readonly code: number; readonly message: string } | undefined;
}

export function watch<Result>(work: Promise<Result>): Watched<Result> {
  const watched: Watched<Result> = { outcome: undefined };
  work.then(
    (ok) => {
      watched.outcome = { ok };
    },
    ({ code, message }) => {
      watched.outcome = { code, message };
    },
  );
  return watched;
}
