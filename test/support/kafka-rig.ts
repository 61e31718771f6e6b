/** Nodes of kafka that share one scripted lin-kv, in virtual time. */

import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { Handler } from '../../src/node/context.ts';
import type { ReplyOf, RequestOf, Rpc } from '../../src/protocol/rpc.ts';
import { KAFKA_LIMITS, type KafkaLimits } from '../../src/workloads/kafka/limits.ts';
import { CommitOffsets, ListCommittedOffsets, Poll, Send } from '../../src/workloads/kafka/messages.ts';
import { KAFKA_PARTS, type KafkaParts, kafkaHandlers } from '../../src/workloads/kafka/node.ts';
import { Owners } from '../../src/workloads/kafka/owners.ts';
import { segmentKey } from '../../src/workloads/kafka/segments.ts';
import { type RigNode, StoreRig } from './store-rig.ts';

const NODES = ['n0', 'n1'];

export class KafkaRig extends StoreRig {
  /** Whether time is let pass for all requests at once. */
  isTogether = false;

  constructor() {
    super(new Map([['lin-kv', new LinKv()]]), 'kafka');
  }

  /** One of two nodes, n0 and n1. */
  begin(nodeId: string, limits: Partial<KafkaLimits> = {}, altered: Partial<KafkaParts> = {}): KafkaNode {
    let handlers: readonly Handler[] = [];
    const rigNode = this.start(nodeId, undefined, {
      nodeIds: NODES,
      serve: (context) => {
        const parts = { ...KAFKA_PARTS, ...altered, limits: { ...KAFKA_LIMITS, ...limits } };
        handlers = kafkaHandlers(context, new LinKvStore(context), parts);
        return handlers;
      },
    });
    return new KafkaNode(this, rigNode, handlers);
  }

  /** A segment as it is stored. */
  segment(key: string, index: number) {
    const { value } = this.look('lin-kv', { type: 'read', key: segmentKey(key, index) });
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** All messages of a log as they are stored. */
  stored(key: string): unknown[] {
    const messages: unknown[] = [];
    for (let index = 0; ; index++) {
      const segment = this.segment(key, index);
      if (segment === undefined) return messages;
      for (const [, text] of segment.entries) messages.push(JSON.parse(text));
    }
  }

  /** Does all of this at the same time. */
  async together<T>(begin: () => readonly Promise<T>[]): Promise<T[]> {
    this.isTogether = true;
    const work = Promise.all(begin());
    this.isTogether = false;
    return this.run(work);
  }

  /** How many messages nodes and the store have sent each other while the work was done. */
  async count(work: () => Promise<unknown>): Promise<number> {
    const before = this.wire.length;
    await work();
    return this.wire.length - before;
  }
}

export class KafkaNode {
  readonly kill: () => void;
  readonly #rig: KafkaRig;
  readonly #handlers: readonly Handler[];
  readonly #owners: Owners;
  #messageId = 0;

  constructor(rig: KafkaRig, { context, kill }: RigNode, handlers: readonly Handler[]) {
    this.#rig = rig;
    this.kill = kill;
    this.#handlers = handlers;
    this.#owners = new Owners(context, { group: 1 });
  }

  /** The first of the keys a0, a1, … that this node owns. */
  get ownKey(): string {
    for (let number = 0; ; number++) if (this.#owners.isOwn(`a${number}`)) return `a${number}`;
  }

  /** As a client does. */
  async ask<R extends Rpc>(rpc: R, request: RequestOf<R>, messageId = ++this.#messageId): Promise<ReplyOf<R>> {
    const own = this.#handlers.find(({ rpc: { type } }) => type === rpc.type) as Handler;
    const work = async () => (await own.handle(request as never, { src: 'c1', messageId })) as ReplyOf<R>;
    return this.#rig.isTogether ? work() : this.#rig.run(work());
  }

  async send(key: string, msg: unknown, messageId?: number): Promise<number> {
    return (await this.ask(Send, { key, msg }, messageId)).offset;
  }

  /** Sends messages one after the other. */
  async sendAll(key: string, messages: readonly unknown[]): Promise<void> {
    for (const message of messages) await this.send(key, message);
  }

  async poll(offsets: Readonly<Record<string, number>>) {
    return (await this.ask(Poll, { offsets })).msgs;
  }

  commit(offsets: Readonly<Record<string, number>>) {
    return this.ask(CommitOffsets, { offsets });
  }

  async committed(...keys: string[]) {
    return (await this.ask(ListCommittedOffsets, { keys })).offsets;
  }
}
