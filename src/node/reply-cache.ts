/**
 * Requests that must be carried out once, although the network may deliver them twice: the duplicate request cache of a
 * server (Juszczak 1989). A copy, also one long after the answer, shares the outcome of the first. It has the sender,
 * the `msg_id` and the content of the first.
 *
 * What is kept is bounded in time, in number and in size. A limit never makes a copy be carried out again:
 *
 * - Where the outcomes have too many characters, the oldest is dropped. Its request stays known, and a copy of it gets
 *   error 13: it was carried out, and how it ended is not known any more.
 * - Where the requests are too many, the oldest is forgotten. From then on its sender gets error 13 for every request
 *   with its `msg_id` or a smaller one that is not known, for it may be a copy. The numbers of a client grow, so its
 *   new requests are not among them.
 * - Where even the senders of forgotten requests are too many, a new request gets error 11. It is not carried out.
 *
 * `repeats.ts` does this for all requests, in work and refused. This is for those whose second execution would do harm.
 * It ends with the process, and so does every connection on which a copy may come.
 */

import type { Clock } from '../protocol/clock.ts';
import { detached } from '../protocol/detached.ts';
import { RpcError } from '../protocol/errors.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { hash53 } from '../protocol/hash.ts';
import type { RequestOrigin } from './context.ts';
import { RecentMap } from './recent-map.ts';

export interface ReplyCacheLimits {
  /** How long a request is known after its end, ms: longer than messages are under way. */
  readonly windowMs: number;
  /** So many, the newest, are known for longer: a node may stand still while a copy waits in its input. */
  readonly countMin: number;
  /** Requests that are known and have ended. */
  readonly count: number;
  /** Characters of all outcomes, as JSON. */
  readonly length: number;
  /** Senders whose requests were forgotten within their time. */
  readonly senders: number;
}

/** 2^17 is reached at 8,738 requests a second. */
export const REPLY_CACHE_LIMITS: ReplyCacheLimits = {
  windowMs: 15_000,
  countMin: 4096,
  count: 2 ** 17,
  length: 2 ** 23,
  senders: 4096,
};

/** Senders and contents are shortened at this length, characters. */
const KEPT_LENGTH_MAX = 128;

/** A request that was carried out, or is being. */
export interface KnownRequest {
  readonly src: string;
  readonly messageId: number;
  readonly content: string;
}

/** The highest `msg_id` of the forgotten requests of a sender. */
interface Floor {
  readonly messageId: number;
  readonly untilMs: number;
}

export class ReplyCache<Reply extends object> {
  readonly #clock: Clock;
  readonly #senders: number;
  readonly #running = new Map<string, { readonly request: KnownRequest; readonly outcome: Promise<Reply> }>();
  readonly #ended: RecentMap<KnownRequest>;
  readonly #outcomes: RecentMap<Promise<Reply>>;
  /** By sender, those whose time ends first at the beginning. */
  readonly #floors = new Map<string, Floor>();

  constructor(clock: Clock, limits: ReplyCacheLimits = REPLY_CACHE_LIMITS) {
    const { windowMs, countMin, count: countMax, length: lengthMax, senders } = limits;
    this.#clock = clock;
    this.#senders = senders;
    const bounds = { windowMs, countMin, countMax };
    this.#ended = new RecentMap<KnownRequest>(clock, bounds, (request, untilMs) => this.#raiseFloor(request, untilMs));
    this.#outcomes = new RecentMap<Promise<Reply>>(clock, { ...bounds, lengthMax });
  }

  /** How many requests are known that have ended. */
  get size(): number {
    return this.#ended.size;
  }

  /**
   * The outcome of the request: that of its first copy, or else what `execute` makes now. What `execute` throws, and
   * does not reject with, is not remembered: nothing has begun then. Rejects with error 13 for what may be a copy whose
   * outcome was dropped, and with error 11 if there is no room to remember the request.
   *
   * @param content tells a copy from another request with the same number
   */
  share({ src: sender, messageId }: RequestOrigin, content: string, execute: () => Promise<Reply>): Promise<Reply> {
    if (messageId === undefined) return execute();
    const request = { src: shortened(sender), messageId, content: shortened(content) };
    const key = keyOf(request);
    const known = this.#running.get(key)?.outcome ?? this.#outcomes.get(key);
    if (known !== undefined) return known;
    const refusal = this.#findRefusal(request, key);
    if (refusal !== undefined) return Promise.reject(refusal);
    let outcome: Promise<Reply>;
    try {
      outcome = execute();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#running.set(key, { request, outcome });
    outcome.then(
      (reply) => this.#end(key, request, outcome, stringifyExact(reply).length),
      (error: unknown) => this.#end(key, request, outcome, String(error).length),
    );
    return outcome;
  }

  /** Notes a request that an earlier life has carried out. */
  remember({ src, messageId, content }: KnownRequest, reply: Reply): void {
    const request = { src: shortened(src), messageId, content: shortened(content) };
    this.#end(keyOf(request), request, Promise.resolve(reply), stringifyExact(reply).length);
  }

  /** All that are known, those that have ended first, oldest first. */
  *all(): IterableIterator<KnownRequest> {
    yield* this.#ended.values();
    for (const { request } of this.#running.values()) yield request;
  }

  #end(key: string, request: KnownRequest, outcome: Promise<Reply>, length: number): void {
    this.#running.delete(key);
    this.#ended.set(key, request);
    this.#outcomes.set(key, outcome, length);
  }

  #findRefusal({ src, messageId }: KnownRequest, key: string): RpcError | undefined {
    if (this.#ended.get(key) !== undefined)
      return RpcError.of('crash', 'this request was carried out before, and its outcome is not kept any more');
    this.#forgetFloors();
    const floor = this.#floors.get(src);
    if (floor !== undefined && messageId <= floor.messageId)
      return RpcError.of(
        'crash',
        `this may be a copy: of this sender only requests above ${floor.messageId} are still remembered`,
      );
    const next = this.#ended.next;
    if (next === undefined || this.#floors.size < this.#senders || this.#floors.has(next.src)) return undefined;
    return RpcError.of('temporarily-unavailable', `${this.size} requests are remembered; no more fit in their time`);
  }

  #raiseFloor({ src, messageId }: KnownRequest, untilMs: number): void {
    const known = this.#floors.get(src);
    this.#floors.delete(src);
    this.#floors.set(src, { messageId: Math.max(messageId, known?.messageId ?? messageId), untilMs });
  }

  #forgetFloors(): void {
    if (this.#floors.size === 0) return;
    const nowMs = this.#clock.monotonicMs();
    for (const [src, { untilMs }] of this.#floors) {
      if (untilMs > nowMs) return;
      this.#floors.delete(src);
    }
  }
}

/** A text, or its length and a hash: long ones must not stay in memory. */
function shortened(text: string): string {
  return text.length <= KEPT_LENGTH_MAX ? detached(text) : `#${text.length} ${hash53(text)}`;
}

function keyOf({ src, messageId, content }: KnownRequest): string {
  return `${messageId} ${src.length} ${src} ${content}`;
}
