/**
 * What a workload's handlers work with: everything a node may do to the outside world, and nothing else.
 */

import type { Clock } from '../protocol/clock.ts';
import type { RpcError } from '../protocol/errors.ts';
import type { Body } from '../protocol/message.ts';
import type { ReplyOf, RequestInputOf, RequestOf, Rpc } from '../protocol/rpc.ts';
import type { Logger } from './environment.ts';

/**
 * The outcome of an RPC. `indefinite` (a timeout, code 0 or 13, a code nobody knows) means that it may have happened:
 * the type keeps a caller from taking it for a failure.
 */
export type RpcResult<Reply> =
  | { readonly kind: 'ok'; readonly reply: Reply }
  | { readonly kind: 'definite'; readonly error: RpcError }
  | { readonly kind: 'indefinite'; readonly error: RpcError };

/** The part of the platform's `AbortSignal` that is needed here; a real one fits. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface RpcOptions {
  /** How long to wait for the answer; {@link RPC_DEADLINE_MS} when absent. */
  readonly deadlineMs?: number;
  /** Gives up at once when aborted; the outcome is indefinite, as for a timeout. */
  readonly signal?: AbortSignalLike;
}

export const RPC_DEADLINE_MS = 1000;

export interface NodeContext {
  readonly nodeId: string;
  /** All nodes, this one among them, in the order of `init`. */
  readonly nodeIds: readonly string[];
  readonly clock: Clock;
  /** 32 random bits, unsigned. */
  readonly randomUint32: () => number;
  readonly log: Logger;
  /** Asks `dest` and waits for its answer, the deadline or the signal, whichever is first. Never rejects. */
  rpc<R extends Rpc>(
    dest: string,
    rpc: R,
    request: RequestInputOf<R>,
    options?: RpcOptions,
  ): Promise<RpcResult<ReplyOf<R>>>;
  /** Sends a message that wants no answer. */
  send(dest: string, body: Body): void;
  /** Sends to every other node. */
  broadcast(body: Body): void;
  /**
   * Resolves to `true` after `durationMs`, or to `false` as soon as the signal aborts or the node stops while it
   * sleeps.
   */
  sleep(durationMs: number, signal?: AbortSignalLike): Promise<boolean>;
  /** Puts figures of one part of the node, under its name, into every answer to `metrics`. */
  report(part: string, figures: () => Figures): void;
  /** Asked by `health`: what keeps a part of the node from serving, in words; undefined while nothing does. */
  diagnose(part: string, findTrouble: () => string | undefined): void;
  /** Calls back once when the node is told to end and can still send, but no answer will come. */
  onStop(callback: () => void): void;
}

/** Numbers by their names, units last. */
export type Figures = Readonly<Record<string, number>>;

/** Who sent the request that a handler is working on. */
export interface RequestOrigin {
  readonly src: string;
}

/** One declared RPC and the function that answers it. A plain value is answered at once, a promise when it settles. */
export interface Handler {
  readonly rpc: Rpc;
  readonly handle: (request: never, origin: RequestOrigin) => object | Promise<object>;
}

/**
 * Ties a handler to its declaration; the types of request and reply follow from it. To refuse, throw an `RpcError`.
 */
export function handler<R extends Rpc>(
  rpc: R,
  handle: (request: RequestOf<R>, origin: RequestOrigin) => ReplyOf<R> | Promise<ReplyOf<R>>,
): Handler {
  return { rpc, handle: handle as Handler['handle'] };
}
