/**
 * Real nodes and Maelstrom's real services on a wire of lines in virtual time, where a test decides what becomes of
 * each message. A node is no more than its context here: tests ask the stores through it, as handlers would.
 */

import type { Service } from '../../src/harness/services/registry.ts';
import { createSettle } from '../../src/host/settle.ts';
import type { Handler, NodeContext } from '../../src/node/context.ts';
import { Node } from '../../src/node/node.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { VirtualTime } from '../../src/simulator/virtual-time.ts';

export interface WireMessage {
  readonly src: string;
  readonly dest: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
}

export interface SentMessage extends WireMessage {
  /** When it was sent, ms. */
  readonly atMs: number;
}

/** When each copy of a message arrives, ms after it was sent; none: it is lost. */
export type Fate = readonly number[];
export const LATENCY_MS = 1;
const ARRIVES: Fate = [LATENCY_MS];
export const LOST: Fate = [];

/** What a store answers in place of its own answer. */
export interface Forgery {
  readonly body: object;
  /** Whether the store has carried the request out. */
  readonly carriedOut?: boolean;
}

type Serve = (context: NodeContext) => readonly Handler[];

export interface RigNode {
  readonly context: NodeContext;
  readonly node: Node;
  /** From now on messages from it and to it are lost. */
  kill(): void;
}

interface Life {
  readonly node: Node;
  alive: boolean;
}

export class StoreRig {
  readonly time = new VirtualTime(createSettle());
  /** All messages sent, in order, lost ones too. */
  readonly wire: SentMessage[] = [];
  /** What becomes of a message for which there is no rule. */
  drawFate: (message: WireMessage) => Fate = () => ARRIVES;
  readonly #services: ReadonlyMap<string, Service>;
  readonly #random: SeededRandom;
  readonly #lives = new Map<string, Life>();
  readonly #fates: { readonly type: string; readonly fate: Fate }[] = [];
  readonly #forgeries: { readonly type: string; readonly forgery: Forgery }[] = [];
  #started = 0;

  constructor(services: ReadonlyMap<string, Service>, seed: number | string = 'rig') {
    this.#services = services;
    this.#random = new SeededRandom(seed);
  }

  /**
   * Begins a life of a node. One before it must have been killed.
   *
   * @param firstDraw what it draws first: where the numbers of its requests begin. Default: chance
   * @param own all nodes, and what it serves. Default: it is alone and serves nothing
   */
  start(
    nodeId: string,
    firstDraw?: number,
    { nodeIds = [nodeId], serve = () => [] }: { nodeIds?: readonly string[]; serve?: Serve } = {},
  ): RigNode {
    const random = this.#random.fork(`life ${this.#started++}`);
    let drawn = firstDraw;
    const randomUint32 = () => {
      const first = drawn;
      drawn = undefined;
      return first ?? random.uint32();
    };
    let context: NodeContext | undefined;
    const log = () => {};
    const node = new Node(
      {
        clock: { wallMs: () => this.time.now(), monotonicMs: () => this.time.now() },
        randomUint32,
        setTimer: (delayMs, callback) =>
          this.time.schedule(delayMs, () => {
            if (life.alive) callback();
          }),
        transmit: (line) => {
          if (life.alive) this.#send(JSON.parse(line));
        },
        log: { debug: log, info: log, warn: log, error: log },
        crash: (error) => {
          throw error;
        },
      },
      async (given) => {
        context = given;
        return serve(given);
      },
    );
    const life: Life = { node, alive: true };
    this.#lives.set(nodeId, life);
    const init = { type: 'init', node_id: nodeId, node_ids: [...nodeIds], msg_id: 1 };
    node.receive({ src: 'c0', dest: nodeId, body: init });
    if (context === undefined) throw new Error('a node makes its context before it waits for anything');
    return {
      context,
      node,
      kill: () => {
        life.alive = false;
      },
    };
  }

  /**
   * The next message of a type (`cas`, `cas_ok`, `error`) meets this fate. What is said of one type first comes true
   * first.
   */
  next(type: string, fate: Fate): this {
    this.#fates.push({ type, fate });
    return this;
  }

  /** The next request of a type is answered like this. */
  answerNext(type: string, body: object, carriedOut = false): this {
    this.#forgeries.push({ type, forgery: { body, carriedOut } });
    return this;
  }

  /** Asks a service past the wire. */
  look(service: string, body: Readonly<Record<string, unknown>>, src = 'test'): WireMessage['body'] {
    return this.#services.get(service)?.handle(src, body);
  }

  /** The bodies of all requests of a type that were sent so far. */
  requests(type: string): WireMessage['body'][] {
    return this.wire.flatMap(({ body }) => (body.type === type ? [body] : []));
  }

  /** When the requests of a type were sent, ms. */
  timesOf(type: string): number[] {
    return this.wire.flatMap(({ body, atMs }) => (body.type === type ? [atMs] : []));
  }

  /** Lets time pass until the work is done. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.time.run(work);
  }

  pass(durationMs: number): Promise<void> {
    return this.run(new Promise((resolve) => this.time.schedule(durationMs, resolve)));
  }

  #send(message: WireMessage): void {
    // What nodes say to clients that do not exist: `init_ok`.
    if (!this.#services.has(message.dest) && !this.#lives.has(message.dest)) return;
    this.wire.push({ ...message, atMs: this.time.now() });
    const fate = takeFirst(this.#fates, message.body.type)?.fate ?? this.drawFate(message);
    for (const delayMs of fate) this.time.schedule(delayMs, () => this.#deliver(message));
  }

  #deliver(message: WireMessage): void {
    const { src, dest, body } = message;
    const service = this.#services.get(dest);
    if (service === undefined) {
      const life = this.#lives.get(dest);
      if (life?.alive) life.node.receiveLine(JSON.stringify(message));
      return;
    }
    const forgery = takeFirst(this.#forgeries, body.type)?.forgery;
    const own = forgery === undefined || forgery.carriedOut ? service.handle(src, body) : undefined;
    const reply = forgery?.body ?? own;
    if (reply !== undefined) this.#send({ src: dest, dest: src, body: { in_reply_to: body.msg_id, ...reply } });
  }
}

function takeFirst<Rule extends { readonly type: string }>(rules: Rule[], type: string): Rule | undefined {
  const index = rules.findIndex((rule) => rule.type === type);
  return index < 0 ? undefined : rules.splice(index, 1)[0];
}
