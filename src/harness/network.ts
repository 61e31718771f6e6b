/**
 * The network between nodes, clients and services, as Maelstrom simulates it (`maelstrom.net`). Every receiver has one
 * queue ordered by deadline. It takes the head and drops it if sender and receiver are cut *at that moment*. Otherwise
 * it waits for the deadline, so a slow message holds up those behind it. Messages from and to clients have no latency.
 *
 * Beyond Maelstrom, a single message may have a fate: it is lost, comes twice, or is delayed before it joins the
 * receiver's queue. A message delayed in this way holds up no other. Messages of clients have fates too.
 *
 * A search through orders of delivery uses no latency. All messages in flight are in one pool, and a strategy chooses
 * the next to arrive.
 */

import type { NetCounts, NetStatistics } from '../checkers/net.ts';
import { clientNumber, isClient } from '../protocol/client-id.ts';
import { DeadlineQueue } from '../protocol/deadline-queue.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { MessageEvent, MessageFault } from './fault.ts';
import type { LatencyDistribution } from './latency.ts';

export interface NetworkMessage {
  /** A number given by the network, in the order of sending. */
  readonly id: number;
  readonly src: string;
  readonly dest: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type NetworkEvent = 'send' | 'receive' | 'drop' | 'delay' | 'duplicate';

/** The fate of the `nth` message (from 0) from `src` to `dest`; undefined: it just arrives. */
export type DrawFate = (src: string, dest: string, nth: number) => MessageEvent | undefined;

/** Returns the index of the message that arrives next. `pending` has at least one message, in the order of sending. */
export type Arrange = (pending: readonly NetworkMessage[]) => number;

/**
 * The time between two arranged arrivals, ms. Long enough that a node's messages in response to one arrival are in
 * flight before the next is chosen. Otherwise they could never come first.
 */
const ARRANGED_INTERVAL_MS = 10;

/** The most messages that wait for one node to become ready. Further ones are lost. */
const HELD_MESSAGES_MAX = 10_000;

/** What a node receives before it is ready: `init`, and the replies to its own requests of this life. */
export interface Admission {
  /** The client that sends `init`. */
  readonly client: string;
  readonly expects: (message: NetworkMessage) => boolean;
}

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  /** Draws the delay of one message, ms. */
  readonly drawLatencyMs: LatencyDistribution;
  /** Called for every event of a message. */
  readonly onEvent?: (event: NetworkEvent, message: NetworkMessage) => void;
  readonly drawFate?: DrawFate | undefined;
  /** Decides the order of all deliveries, in place of latencies and queues. */
  readonly arrange?: Arrange | undefined;
}

interface Endpoint {
  readonly deliver: (message: NetworkMessage) => void;
  readonly queue: DeadlineQueue<NetworkMessage>;
  /** Senders that this receiver does not hear, each with the number of cuts in force. */
  readonly deaf: Map<string, number>;
  /** How many messages each sender has sent here. Counted as long as fates are drawn. */
  readonly sentBy: Map<string, number>;
  /** Cancels messages still delayed before the queue. */
  readonly inAir: Set<() => void>;
  /** Whether the receiver is down: what arrives now is lost. */
  down: boolean;
  /** How many lives it has had. */
  life: number;
  /** Undefined once the receiver is ready for every message. */
  gate: Gate | undefined;
  /** The clients that sent `init`, one for each life. */
  readonly initClients: Set<string>;
  /**
   * Whether it delivers a message, or waits for the deadline of one already taken off the queue. Messages sent
   * meanwhile queue up. Invariant: an endpoint that is not busy has an empty queue.
   */
  busy: boolean;
  cancelWait: () => void;
}

interface Gate extends Admission {
  /** Messages that arrived meanwhile, in that order. */
  readonly held: NetworkMessage[];
}

interface MutableCounts {
  send: number;
  receive: number;
}

export class Network {
  readonly #options: NetworkOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #clients: MutableCounts = { send: 0, receive: 0 };
  readonly #servers: MutableCounts = { send: 0, receive: 0 };
  readonly #fates: Record<MessageFault, number> = { loss: 0, duplication: 0, reordering: 0, delay: 0 };
  /** Clients whose messages have no fate. */
  readonly #exempt = new Set<string>();
  /** Messages in flight, if the order is arranged; else empty. */
  #pool: NetworkMessage[] = [];
  #arriving = false;
  #drawFate: DrawFate | undefined;
  #nextMessageId = 0;
  #nextClientId = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#drawFate = options.drawFate;
  }

  addEndpoint(id: string, deliver: (message: NetworkMessage) => void): void {
    if (this.#endpoints.has(id)) throw new Error(`${id} is on the network already`);
    this.#endpoints.set(id, {
      deliver,
      queue: new DeadlineQueue(),
      deaf: new Map(),
      sentBy: new Map(),
      inAir: new Set(),
      down: false,
      life: 0,
      gate: undefined,
      initClients: new Set(),
      busy: false,
      cancelWait: () => {},
    });
  }

  /**
   * Adds a client under the next free client id, and returns the id. The messages of an exempt client have no fate. No
   * client is ever partitioned.
   */
  openClient(deliver: (message: NetworkMessage) => void, exempt = false): string {
    const id = `c${this.#nextClientId++}`;
    this.addEndpoint(id, deliver);
    if (exempt) this.#exempt.add(id);
    return id;
  }

  /** Removes an endpoint. Messages in flight to it are lost. */
  removeEndpoint(id: string): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    endpoint.cancelWait();
    for (const takeDown of endpoint.inAir) takeDown();
    if (this.#pool.length > 0) this.#pool = this.#pool.filter(({ dest }) => dest !== id);
    this.#endpoints.delete(id);
    this.#exempt.delete(id);
  }

  /**
   * From now on what arrives at `id` is lost, and so is what was held for it. A message in flight may still reach the
   * next life.
   */
  setDown(id: string): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    endpoint.down = true;
    for (const message of endpoint.gate?.held ?? []) this.#options.onEvent?.('drop', message);
    endpoint.gate = undefined;
  }

  /**
   * A life of the node `id` has started. Until `open`, it receives only what the admission allows. Other messages are
   * held, as for a server that does not listen yet.
   */
  admit(id: string, admission: Admission): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    endpoint.down = false;
    endpoint.life++;
    endpoint.initClients.add(admission.client);
    endpoint.gate = { ...admission, held: [] };
  }

  /** The node `id` is ready: it receives what was held for it, then everything else. */
  open(id: string): void {
    const endpoint = this.#endpoints.get(id);
    const gate = endpoint?.gate;
    if (endpoint === undefined || gate === undefined) return;
    // A message that arrives during this loop joins `held`, so the order is kept.
    for (let message = gate.held.shift(); message !== undefined; message = gate.held.shift()) {
      if (endpoint.gate !== gate || this.#endpoints.get(id) !== endpoint) return;
      if (isCut(message.src, endpoint)) this.#options.onEvent?.('drop', message);
      else this.#hand(endpoint, message);
    }
    endpoint.gate = undefined;
  }

  /** From now on no message has a fate. Messages already delayed stay delayed. */
  calm(): void {
    this.#drawFate = undefined;
  }

  /** Removes every endpoint. The counts stay. */
  close(): void {
    for (const id of this.#endpoints.keys()) this.removeEndpoint(id);
  }

  has(id: string): boolean {
    return this.#endpoints.has(id);
  }

  /** Whether `id` was a client that is closed. */
  hadClient(id: string): boolean {
    const number = clientNumber(id);
    return number !== undefined && number < this.#nextClientId && !this.has(id);
  }

  /** Sends a message; false if there is no such receiver. */
  send(src: string, dest: string, body: Readonly<Record<string, unknown>>): boolean {
    const endpoint = this.#endpoints.get(dest);
    if (endpoint === undefined) return false;
    const message: NetworkMessage = { id: this.#nextMessageId++, src, dest, body };
    (involvesClient(message) ? this.#clients : this.#servers).send++;
    this.#options.onEvent?.('send', message);
    if (this.#drawFate === undefined) this.#enqueue(endpoint, message);
    else this.#meetFate(endpoint, message, this.#drawFate);
    return true;
  }

  /**
   * A message that goes another way counts and is told like one that passes here. The returned function says that it
   * arrived.
   */
  note(src: string, dest: string, body: Readonly<Record<string, unknown>>): () => void {
    const message: NetworkMessage = { id: this.#nextMessageId++, src, dest, body };
    this.#servers.send++;
    this.#options.onEvent?.('send', message);
    return () => {
      this.#servers.receive++;
      this.#options.onEvent?.('receive', message);
    };
  }

  /** From now on `dest` does not hear `src`. Every cut needs a `mend` of its own. */
  cut(src: string, dest: string): void {
    const deaf = this.#endpoints.get(dest)?.deaf;
    deaf?.set(src, (deaf.get(src) ?? 0) + 1);
  }

  /** Undoes one cut. */
  mend(src: string, dest: string): void {
    const deaf = this.#endpoints.get(dest)?.deaf;
    const cuts = deaf?.get(src) ?? 0;
    if (cuts > 1) deaf?.set(src, cuts - 1);
    else deaf?.delete(src);
  }

  /** Undoes every cut. */
  heal(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.deaf.clear();
  }

  statistics(): NetStatistics {
    const clients = counts(this.#clients);
    const servers = counts(this.#servers);
    return {
      all: counts({ send: clients.sendCount + servers.sendCount, receive: clients.recvCount + servers.recvCount }),
      clients,
      servers,
    };
  }

  /** How many messages had each fate. */
  fates(): Readonly<Record<MessageFault, number>> {
    return { ...this.#fates };
  }

  #meetFate(endpoint: Endpoint, message: NetworkMessage, drawFate: DrawFate): void {
    const { src, dest } = message;
    const nth = endpoint.sentBy.get(src) ?? 0;
    endpoint.sentBy.set(src, nth + 1);
    const fate = this.#exempt.has(src) || this.#exempt.has(dest) ? undefined : drawFate(src, dest, nth);
    if (fate === undefined) {
      this.#enqueue(endpoint, message);
      return;
    }
    this.#fates[fate.fault]++;
    if (fate.fault === 'loss') {
      this.#options.onEvent?.('drop', message);
      return;
    }
    if (fate.fault === 'duplication') this.#enqueue(endpoint, message);
    this.#options.onEvent?.(fate.fault === 'duplication' ? 'duplicate' : 'delay', message);
    const { life } = endpoint;
    const land = this.#options.scheduler.schedule(fate.delayMs ?? 0, () => {
      endpoint.inAir.delete(land);
      // A client's connection ends with the process at its other end, and the second copy of a request is lost with it.
      // Otherwise no definite error could be trusted: a restarted node has forgotten the first copy, and might refuse
      // what it did or do what it refused.
      if (fate.fault === 'duplication' && isClient(src) && endpoint.life !== life)
        this.#options.onEvent?.('drop', message);
      else this.#enqueue(endpoint, message);
    });
    endpoint.inAir.add(land);
  }

  #enqueue(endpoint: Endpoint, message: NetworkMessage): void {
    const { scheduler, drawLatencyMs, arrange } = this.#options;
    if (arrange !== undefined) {
      this.#pool.push(message);
      this.#arrangeNext(arrange);
      return;
    }
    const latencyMs = involvesClient(message) ? 0 : drawLatencyMs();
    if (endpoint.busy || latencyMs > 0) {
      endpoint.queue.push(scheduler.now() + latencyMs, message);
      if (!endpoint.busy) this.#deliverDue(endpoint);
      return;
    }
    // The queue is empty, so the message would leave it at once.
    endpoint.busy = true;
    if (isCut(message.src, endpoint)) this.#options.onEvent?.('drop', message);
    else this.#deliver(endpoint, message);
    this.#deliverDue(endpoint);
  }

  #deliverDue(endpoint: Endpoint): void {
    const { scheduler, onEvent } = this.#options;
    endpoint.busy = true;
    for (let head = endpoint.queue.pop(); head !== undefined; head = endpoint.queue.pop()) {
      const message = head.value;
      // The receiver may have left because of the message before this one.
      if (this.#endpoints.get(message.dest) !== endpoint) return;
      if (isCut(message.src, endpoint)) {
        onEvent?.('drop', message);
        continue;
      }
      const waitMs = head.deadline - scheduler.now();
      if (waitMs > 0) {
        endpoint.cancelWait = scheduler.schedule(waitMs, () => {
          this.#deliver(endpoint, message);
          this.#deliverDue(endpoint);
        });
        return;
      }
      this.#deliver(endpoint, message);
    }
    endpoint.busy = false;
  }

  #arrangeNext(arrange: Arrange): void {
    if (this.#arriving || this.#pool.length === 0) return;
    this.#arriving = true;
    this.#options.scheduler.schedule(ARRANGED_INTERVAL_MS, () => {
      this.#arriving = false;
      if (this.#pool.length > 0) this.#arrive([...this.#pool], arrange);
      this.#arrangeNext(arrange);
    });
  }

  #arrive(pending: readonly NetworkMessage[], arrange: Arrange): void {
    const message = pending[arrange(pending)];
    if (message === undefined) throw new Error(`the strategy chose none of the ${pending.length} messages in flight`);
    const endpoint = this.#endpoints.get(message.dest);
    // The strategy may have ended the run instead of choosing.
    if (endpoint === undefined) return;
    this.#pool.splice(this.#pool.indexOf(message), 1);
    if (isCut(message.src, endpoint)) this.#options.onEvent?.('drop', message);
    else this.#deliver(endpoint, message);
  }

  #deliver(endpoint: Endpoint, message: NetworkMessage): void {
    const { gate, initClients } = endpoint;
    // The `init` of an earlier life may have been in the air until now.
    const isStaleInit = gate?.client !== message.src && initClients.has(message.src);
    if (endpoint.down || isStaleInit) this.#options.onEvent?.('drop', message);
    else if (gate === undefined || gate.client === message.src || gate.expects(message)) this.#hand(endpoint, message);
    else if (gate.held.length < HELD_MESSAGES_MAX) gate.held.push(message);
    else this.#options.onEvent?.('drop', message);
  }

  #hand(endpoint: Endpoint, message: NetworkMessage): void {
    (involvesClient(message) ? this.#clients : this.#servers).receive++;
    this.#options.onEvent?.('receive', message);
    endpoint.deliver(message);
  }
}

/** Whether the receiver does not hear `src` now. Nearly always there is no cut at all. */
function isCut(src: string, { deaf }: Endpoint): boolean {
  return deaf.size > 0 && deaf.has(src);
}

function involvesClient(message: NetworkMessage): boolean {
  return isClient(message.src) || isClient(message.dest);
}

/** Every message is sent once, so `msgCount` equals the sends. */
function counts({ send, receive }: MutableCounts): NetCounts {
  return { sendCount: send, recvCount: receive, msgCount: send };
}
