/** What the handlers of a workload may use: everything a node may do to the outside world, and nothing else. */

import type { Clock } from '../protocol/clock.ts';
import type { RpcError } from '../protocol/errors.ts';
import type { Body } from '../protocol/message.ts';
import type { ReplyOf, RequestInputOf, RequestOf, Rpc } from '../protocol/rpc.ts';
import type { Logger } from './environment.ts';

/**
 * The outcome of an RPC. `indefinite` (a timeout, code 0 or 13, an unknown code) means that it may have happened. The
 * type keeps a caller from treating it as a failure.
 */
export type RpcResult<Reply> =
  | { readonly kind: 'ok'; readonly reply: Reply }
  | { readonly kind: 'definite'; readonly error: RpcError }
  | { readonly kind: 'indefinite'; readonly error: RpcError };

/** The part of the platform's `AbortSignal` that is needed here. A real one fits. */
export interface AbortSignalLike {
  /** Whether it has aborted. */
  readonly aborted: boolean;
  /** Calls back when it aborts. */
  addEventListener(type: 'abort', listener: () => void): void;
  /** Takes a callback back. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** How a request to another node or a service is made. */
export interface RpcOptions {
  /** How long to wait for the reply. Default: {@link RPC_DEADLINE_MS}. */
  readonly deadlineMs?: number;
}

export const RPC_DEADLINE_MS = 1000;

/** All that a node has of the world: who it is, time, randomness, messages and a log. */
export interface NodeContext {
  /** The id of this node. */
  readonly nodeId: string;
  /** All nodes, including this one, in the order of `init`. */
  readonly nodeIds: readonly string[];
  /** The clock of this machine. */
  readonly clock: Clock;
  /** 32 random bits, unsigned. */
  readonly randomUint32: () => number;
  /** What it logs goes to stderr. */
  readonly log: Logger;
  /** Asks `dest`. Resolves with the reply, or at the deadline if that comes first. Never rejects. */
  rpc<R extends Rpc>(
    dest: string,
    rpc: R,
    request: RequestInputOf<R>,
    options?: RpcOptions,
  ): Promise<RpcResult<ReplyOf<R>>>;
  /** Sends a message that needs no reply. */
  send(dest: string, body: Body): void;
  /** Sends to every other node. */
  broadcast(body: Body): void;
  /** Resolves to `true` after `durationMs`. Resolves to `false` as soon as the signal aborts or the node stops. */
  sleep(durationMs: number, signal?: AbortSignalLike): Promise<boolean>;
  /**
   * Adds the figures of one part of the node, under its name, to every reply to `metrics`. A figure `in-flight` counts
   * what is going on; it ends at 0 when the node stops.
   */
  report(part: string, figures: () => Figures): void;
  /** `health` asks this: why a part of the node cannot serve, in words; undefined if it can. */
  diagnose(part: string, findTrouble: () => string | undefined): void;
  /** Requests that this node takes at a time. One more is answered 11. */
  readonly inFlightMax: number;
  /**
   * Calls back once when the node is about to be told to end, and before `onStop` in any case. Everything still works.
   * A request that only waits for something to happen should be answered now: those in flight are waited for.
   */
  onDrain(callback: () => void): void;
  /** Calls back once when the node is told to end. It can still send, but no reply will come. */
  onStop(callback: () => void): void;
}

/** Numbers by their names, units last. */
export type Figures = Readonly<Record<string, number>>;

/** The sender of the request that a handler is working on. */
export interface RequestOrigin {
  /** The id of the sender: a client or a node. */
  readonly src: string;
  /** The sender's number of the request: a copy of it has the same. Absent: it wants no reply. */
  readonly messageId?: number | undefined;
}

/** One declared RPC and the function that answers it. A plain value is answered at once, a promise when it settles. */
export interface Handler {
  /** The declaration. */
  readonly rpc: Rpc;
  /** The function that answers. */
  readonly handle: (request: never, origin: RequestOrigin) => object | Promise<object>;
}

/**
 * Ties a handler to its declaration, which gives the types of request and reply. To refuse, throw an `RpcError`.
 *
 * @param rpc the declaration
 * @param handle answers a checked request; its second argument tells the sender
 */
export function handler<R extends Rpc>(
  rpc: R,
  handle: (request: RequestOf<R>, origin: RequestOrigin) => ReplyOf<R> | Promise<ReplyOf<R>>,
): Handler {
  return { rpc, handle: handle as Handler['handle'] };
}
