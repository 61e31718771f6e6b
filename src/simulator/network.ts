/**
 * The network between nodes, clients and services, as Maelstrom simulates it (`maelstrom.net`): every receiver has one queue ordered by
 * deadline, takes its head, drops it if a partition stands between the two *at that moment*, and else waits for its deadline, so that
 * a slow message holds up those behind it. Messages from and to clients are never delayed.
 */

import type { NetCounts, NetStatistics } from '../checkers/net.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import type { LatencyDistribution } from './latency.ts';
import type { Scheduler } from './scheduler.ts';

export interface NetworkMessage {
  /** The network's own number, in the order of sending. */
  readonly id: number;
  readonly src: string;
  readonly dest: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type NetworkEvent = 'send' | 'receive' | 'drop';

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  /** Draws the delay of one message, ms. */
  readonly drawLatencyMs: LatencyDistribution;
  /** Told of everything that happens to a message. */
  readonly onEvent?: (event: NetworkEvent, message: NetworkMessage) => void;
}

interface Endpoint {
  readonly deliver: (message: NetworkMessage) => void;
  readonly queue: DeadlineQueue<NetworkMessage>;
  /** Senders that this receiver does not hear. */
  readonly deaf: Set<string>;
  /** Delivering, or waiting for the deadline of a message that was taken off the queue already: what is sent meanwhile queues up. */
  busy: boolean;
  cancelWait: () => void;
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
  #nextMessageId = 0;
  #nextClientId = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  addEndpoint(id: string, deliver: (message: NetworkMessage) => void): void {
    if (this.#endpoints.has(id)) throw new Error(`${id} is on the network already`);
    this.#endpoints.set(id, {
      deliver,
      queue: new DeadlineQueue(),
      deaf: new Set(),
      busy: false,
      cancelWait: () => {},
    });
  }

  /** Adds a client under the next free client id. */
  openClient(deliver: (message: NetworkMessage) => void): string {
    const id = `c${this.#nextClientId++}`;
    this.addEndpoint(id, deliver);
    return id;
  }

  /** What is under way to `id` is lost. */
  removeEndpoint(id: string): void {
    this.#endpoints.get(id)?.cancelWait();
    this.#endpoints.delete(id);
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
    const { scheduler, drawLatencyMs, onEvent } = this.#options;
    const message: NetworkMessage = { id: this.#nextMessageId++, src, dest, body };
    const withClient = involvesClient(message);
    (withClient ? this.#clients : this.#servers).send++;
    onEvent?.('send', message);
    endpoint.queue.push(scheduler.now() + (withClient ? 0 : drawLatencyMs()), message);
    if (!endpoint.busy) this.#deliverDue(endpoint);
    return true;
  }

  /** From now on `dest` does not hear `src`. */
  drop(src: string, dest: string): void {
    this.#endpoints.get(dest)?.deaf.add(src);
  }

  /** Everybody hears everybody again. */
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

  #deliver(endpoint: Endpoint, message: NetworkMessage): void {
    (involvesClient(message) ? this.#clients : this.#servers).receive++;
    this.#options.onEvent?.('receive', message);
    endpoint.deliver(message);
  }
}

/** Maelstrom takes every id that begins with a `c` for a client. */
export function isClient(id: string): boolean {
  return id.startsWith('c');
}

function involvesClient(message: NetworkMessage): boolean {
  return isClient(message.src) || isClient(message.dest);
}

/** Every message has a number of its own and is sent once, so messages are as many as sends. */
function counts({ send, receive }: MutableCounts): NetCounts {
  return { sendCount: send, recvCount: receive, msgCount: send };
}
