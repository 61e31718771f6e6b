/**
 * The network between nodes, clients and services, as Maelstrom simulates it (`maelstrom.net`): every receiver has one
 * queue ordered by deadline, takes its head, drops it if a partition stands between the two *at that moment*, and else
 * waits for its deadline, so that a slow message holds up those behind it. Messages from and to clients are never
 * delayed.
 *
 * Beyond Maelstrom a single message may meet a fate of its own: it is lost, comes twice, or stays in the air for a
 * while before it joins the receiver's queue, and holds nobody up there. Fates befall messages of clients too.
 *
 * For a search through orders of delivery there is no latency at all: all that is in flight lies in one pool, and a
 * strategy says what arrives next.
 */

import type { NetCounts, NetStatistics } from '../checkers/net.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import type { MessageEvent, MessageFault } from './fault.ts';
import type { LatencyDistribution } from './latency.ts';

export interface NetworkMessage {
  /** The network's own number, in the order of sending. */
  readonly id: number;
  readonly src: string;
  readonly dest: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type NetworkEvent = 'send' | 'receive' | 'drop' | 'delay' | 'duplicate';

/** What becomes of the `nth` message (from 0) from `src` to `dest`; undefined: nothing special. */
export type DrawFate = (src: string, dest: string, nth: number) => MessageEvent | undefined;

/** Which of the messages in flight (at least one; in the order of sending) arrives next: its index. */
export type Arrange = (pending: readonly NetworkMessage[]) => number;

/**
 * Between two arrivals that a strategy arranges, ms: long enough that what a node sends because of the one is in flight
 * before the next is chosen, or else that could never come first.
 */
const ARRANGED_INTERVAL_MS = 10;

/** Messages that wait for one node to be ready, at most; what comes beyond that is lost. */
const HELD_MESSAGES_MAX = 10_000;

/** What a node hears before it is ready: `init`, and the answers to what it has asked itself since it started. */
export interface Admission {
  /** The client that sends `init`. */
  readonly client: string;
  readonly expects: (message: NetworkMessage) => boolean;
}

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  /** Draws the delay of one message, ms. */
  readonly drawLatencyMs: LatencyDistribution;
  /** Told of everything that happens to a message. */
  readonly onEvent?: (event: NetworkEvent, message: NetworkMessage) => void;
  readonly drawFate?: DrawFate | undefined;
  /** Decides on the order of all deliveries, in place of latencies and queues. */
  readonly arrange?: Arrange | undefined;
}

interface Endpoint {
  readonly deliver: (message: NetworkMessage) => void;
  readonly queue: DeadlineQueue<NetworkMessage>;
  /** Senders that this receiver does not hear, each with the number of cuts that stand between the two. */
  readonly deaf: Map<string, number>;
  /** How many messages each sender has sent here, counted as long as there are fates to be met. */
  readonly sentBy: Map<string, number>;
  /** What takes the messages out of the air that are to join the queue later. */
  readonly inAir: Set<() => void>;
  /** Whether what arrives now is lost: nobody is there to take it. */
  down: boolean;
  /** How often somebody has come to it. */
  life: number;
  /** Undefined once the receiver is ready for everything. */
  gate: Gate | undefined;
  /**
   * Invariant: whoever is not busy has an empty queue. Busy is: delivering, or waiting for the deadline of a message
   * that was taken off the queue already: what is sent meanwhile queues up.
   */
  busy: boolean;
  cancelWait: () => void;
}

interface Gate extends Admission {
  /** What arrived meanwhile, in that order. */
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
  /** Those whose messages meet no fate. */
  readonly #spared = new Set<string>();
  /** What is in flight, where the order is arranged; else empty. */
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
      busy: false,
      cancelWait: () => {},
    });
  }

  /**
   * Adds a client under the next free client id. One that is spared meets no fate; a partition never stands before any.
   */
  openClient(deliver: (message: NetworkMessage) => void, spared = false): string {
    const id = `c${this.#nextClientId++}`;
    this.addEndpoint(id, deliver);
    if (spared) this.#spared.add(id);
    return id;
  }

  /** What is under way to `id` is lost. */
  removeEndpoint(id: string): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    endpoint.cancelWait();
    for (const takeDown of endpoint.inAir) takeDown();
    if (this.#pool.length > 0) this.#pool = this.#pool.filter(({ dest }) => dest !== id);
    this.#endpoints.delete(id);
    this.#spared.delete(id);
  }

  /**
   * From now on what arrives at `id` is lost, and so is what was held for it. What is under way may still arrive for
   * the next life.
   */
  setDown(id: string): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    endpoint.down = true;
    for (const message of endpoint.gate?.held ?? []) this.#options.onEvent?.('drop', message);
    endpoint.gate = undefined;
  }

  /**
   * A life of the node `id` has started. What is not meant for a node that is not ready is held, as for a server that
   * does not listen yet, until `open`.
   */
  admit(id: string, admission: Admission): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    endpoint.down = false;
    endpoint.life++;
    endpoint.gate = { ...admission, held: [] };
  }

  /** The node `id` is ready: it receives what was held for it, then everything else. */
  open(id: string): void {
    const endpoint = this.#endpoints.get(id);
    const gate = endpoint?.gate;
    if (endpoint === undefined || gate === undefined) return;
    // What arrives because of these messages joins them, so that the order stays.
    for (const message of gate.held) {
      if (endpoint.gate !== gate || this.#endpoints.get(id) !== endpoint) return;
      if (endpoint.deaf.has(message.src)) this.#options.onEvent?.('drop', message);
      else this.#hand(endpoint, message);
    }
    endpoint.gate = undefined;
  }

  /** From now on every message just arrives. What is in the air already stays there for its time. */
  calm(): void {
    this.#drawFate = undefined;
  }

  /** Removes everybody. What was counted stays. */
  close(): void {
    for (const id of this.#endpoints.keys()) this.removeEndpoint(id);
  }

  has(id: string): boolean {
    return this.#endpoints.has(id);
  }

  /** Whether `id` was a client that has left. */
  hadClient(id: string): boolean {
    const number = /^c(0|[1-9]\d*)$/.exec(id)?.[1];
    return number !== undefined && Number(number) < this.#nextClientId && !this.has(id);
  }

  /** Sends a message; false when there is no such receiver. */
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

  /** From now on `dest` does not hear `src`. Every cut needs a `mend` of its own. */
  cut(src: string, dest: string): void {
    const deaf = this.#endpoints.get(dest)?.deaf;
    deaf?.set(src, (deaf.get(src) ?? 0) + 1);
  }

  /** Takes one cut back. */
  mend(src: string, dest: string): void {
    const deaf = this.#endpoints.get(dest)?.deaf;
    const cuts = deaf?.get(src) ?? 0;
    if (cuts > 1) deaf?.set(src, cuts - 1);
    else deaf?.delete(src);
  }

  /** Takes every cut back. */
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

  /** How many messages met which fate. */
  fates(): Readonly<Record<MessageFault, number>> {
    return { ...this.#fates };
  }

  #meetFate(endpoint: Endpoint, message: NetworkMessage, drawFate: DrawFate): void {
    const { src, dest } = message;
    const nth = endpoint.sentBy.get(src) ?? 0;
    endpoint.sentBy.set(src, nth + 1);
    const fate = this.#spared.has(src) || this.#spared.has(dest) ? undefined : drawFate(src, dest, nth);
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
      // A client's connection ends with the process at its other end, and so does what it would have brought twice.
      // Otherwise no refusal could be believed: a node that has forgotten the first copy would refuse the second one,
      // or do what it had refused.
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
    // The queue is empty, and the message would come out of it at once.
    endpoint.busy = true;
    if (endpoint.deaf.has(message.src)) this.#options.onEvent?.('drop', message);
    else this.#deliver(endpoint, message);
    this.#deliverDue(endpoint);
  }

  #deliverDue(endpoint: Endpoint): void {
    const { scheduler, onEvent } = this.#options;
    endpoint.busy = true;
    for (let head = endpoint.queue.pop(); head !== undefined; head = endpoint.queue.pop()) {
      const message = head.value;
      // Whoever received the message before this one may have left with it.
      if (this.#endpoints.get(message.dest) !== endpoint) return;
      if (endpoint.deaf.has(message.src)) {
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
    if (message === undefined)
      throw new Error(`there are ${pending.length} messages to choose from, and none was chosen`);
    const endpoint = this.#endpoints.get(message.dest);
    // Whoever chooses may end the run instead.
    if (endpoint === undefined) return;
    this.#pool.splice(this.#pool.indexOf(message), 1);
    if (endpoint.deaf.has(message.src)) this.#options.onEvent?.('drop', message);
    else this.#deliver(endpoint, message);
  }

  #deliver(endpoint: Endpoint, message: NetworkMessage): void {
    const { gate } = endpoint;
    if (endpoint.down) this.#options.onEvent?.('drop', message);
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

const LETTER_C = 0x63;

/** Maelstrom takes every id that begins with a `c` for a client. */
export function isClient(id: string): boolean {
  return id.charCodeAt(0) === LETTER_C;
}

function involvesClient(message: NetworkMessage): boolean {
  return isClient(message.src) || isClient(message.dest);
}

/** Every message has a number of its own and is sent once, so messages are as many as sends. */
function counts({ send, receive }: MutableCounts): NetCounts {
  return { sendCount: send, recvCount: receive, msgCount: send };
}
