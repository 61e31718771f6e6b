/**
 * A client, like Maelstrom's: one request at a time, with 5 s for the reply. Every reply is checked against the
 * declaration of its RPC. A request may have happened unless its error is definite.
 */

import type { OperationType } from '../history/operation.ts';
import { describeErrorCode, errorByCode, isDefinite } from '../protocol/errors.ts';
import { isExactInteger } from '../protocol/exact-json.ts';
import { findReplyProblem, type RequestInputOf, type Rpc } from '../protocol/rpc.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { Network, NetworkMessage } from './network.ts';

/** How long a client waits for a reply, ms. */
export const CLIENT_TIMEOUT_MS = 5000;

/** Jepsen's name for an error whose code is not in the table. */
const UNKNOWN_ERROR = 'unknown';

/** Stands in place of an error's name: the reply is not as declared. */
const MALFORMED_REPLY = 'malformed-reply';

type ReplyBody = Readonly<Record<string, unknown>>;

/** How a request of a client ended. */
export type ClientResult =
  | { readonly kind: 'ok'; readonly body: ReplyBody }
  | {
      readonly kind: 'error';
      readonly name: string;
      /** As sent; it need not be a number. */
      readonly code: unknown;
      readonly text: unknown;
      readonly definite: boolean;
    }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'malformed'; readonly text: string };

/** How an operation ended. */
export interface Completion {
  /** `ok`, `fail` if it did not happen, or `info` if it may have happened. */
  readonly type: Exclude<OperationType, 'invoke'>;
  /** What the history shows. */
  readonly value: unknown;
  /** Why it is not ok. */
  readonly error?: unknown;
  /** The client crashed with this operation. It is closed, and its worker goes on with a new client. */
  readonly closesClient?: true;
}

interface PendingRequest {
  readonly messageId: number;
  readonly rpc: Rpc;
  readonly resolve: (result: ClientResult) => void;
  readonly cancelTimeout: () => void;
}

export interface ClientOptions {
  readonly network: Network;
  readonly scheduler: Scheduler;
  /** The node that this client talks to. */
  readonly nodeId: string;
  /** Called for a reply that is not as declared, with the problem and the rule that it breaks. */
  readonly onMalformed: (message: NetworkMessage, text: string, rule: 'closed-reply' | 'error-code') => void;
  /** Exempt from per-message faults. Default: false. */
  readonly exempt?: boolean;
}

/** A client of one node, with one request at a time. */
export class Client {
  /** The id of the client: `c1`. */
  readonly id: string;
  /** How long it waits for a reply if a call gives no timeout, ms. */
  timeoutMs = CLIENT_TIMEOUT_MS;
  readonly #options: ClientOptions;
  #nextMessageId = 1;
  #pending: PendingRequest | undefined;
  #closed = false;
  readonly #onTimeout = () => this.#settle({ kind: 'timeout' });

  constructor(options: ClientOptions) {
    this.#options = options;
    this.id = options.network.openClient((message) => this.#receive(message), options.exempt);
  }

  /** The node that it asks. */
  get nodeId(): string {
    return this.#options.nodeId;
  }

  /**
   * Sends a request to the client's node. Never rejects. A closed client sends nothing, and its request ends as a
   * timeout.
   */
  rpc<R extends Rpc>(rpc: R, request: RequestInputOf<R>, timeoutMs = this.timeoutMs): Promise<ClientResult> {
    if (this.#pending !== undefined) throw new Error(`client ${this.id} can ask one thing at a time`);
    if (this.#closed) return Promise.resolve({ kind: 'timeout' });
    const { network, scheduler, nodeId } = this.#options;
    return new Promise((resolve) => {
      const messageId = this.#nextMessageId++;
      const cancelTimeout = scheduler.schedule(timeoutMs, this.#onTimeout);
      this.#pending = { messageId, rpc, resolve, cancelTimeout };
      network.send(this.id, nodeId, { ...request, type: rpc.type, msg_id: messageId });
    });
  }

  /** Leaves the network. A request in flight ends as a timeout. */
  close(): void {
    this.#closed = true;
    this.#options.network.removeEndpoint(this.id);
    this.#settle({ kind: 'timeout' });
  }

  #receive(message: NetworkMessage): void {
    const pending = this.#pending;
    // The reply to a request that timed out is dropped.
    if (pending === undefined || message.body.in_reply_to !== pending.messageId) return;
    const { body } = message;
    if (body.type === 'error') {
      if (!isExactInteger(body.code))
        this.#options.onMalformed(
          message,
          `${describeErrorCode(body.code)}: body.code must be an integer`,
          'error-code',
        );
      const code = typeof body.code === 'number' ? body.code : Number.NaN;
      this.#settle({
        kind: 'error',
        name: errorByCode(code)?.name ?? UNKNOWN_ERROR,
        code: body.code,
        text: body.text,
        definite: isDefinite(code),
      });
      return;
    }
    const problem = findReplyProblem(pending.rpc, body);
    if (problem === undefined) {
      this.#settle({ kind: 'ok', body });
    } else {
      this.#options.onMalformed(message, problem, 'closed-reply');
      this.#settle({ kind: 'malformed', text: problem });
    }
  }

  #settle(result: ClientResult): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    pending.cancelTimeout();
    pending.resolve(result);
  }
}

/**
 * Turns a result into the operation's completion, by Maelstrom's table. A definite error is `fail`. Any other error, a
 * timeout and a malformed reply are `info`.
 *
 * @param result how the request ended
 * @param value the invocation's value, kept unless the result is ok
 * @param valueFrom takes the completed operation's value from the reply
 */
export function completeWith(
  result: ClientResult,
  value: unknown,
  valueFrom: (body: ReplyBody) => unknown,
): Completion {
  switch (result.kind) {
    case 'ok':
      return { type: 'ok', value: valueFrom(result.body) };
    case 'error': {
      const error = [result.name, result.text, ...(result.name === UNKNOWN_ERROR ? [result.code] : [])];
      return { type: result.definite ? 'fail' : 'info', value, error };
    }
    case 'timeout':
      return { type: 'info', value, error: 'net-timeout' };
    case 'malformed':
      return { type: 'info', value, error: [MALFORMED_REPLY, result.text] };
  }
}

/**
 * The completion of an idempotent operation: `fail` where another operation would be `info`. A malformed reply stays
 * `info`.
 */
export function completeIdempotent(completion: Completion): Completion {
  const { type, error } = completion;
  const isUnreadable = Array.isArray(error) && error[0] === MALFORMED_REPLY;
  return type === 'info' && !isUnreadable ? { ...completion, type: 'fail' } : completion;
}

/**
 * The completion by a client that tells no errors apart, as Maelstrom's for g-set and the counters: `info` where
 * another operation would be `fail`.
 */
export function completeIndefinite(completion: Completion): Completion {
  return completion.type === 'fail' ? { ...completion, type: 'info' } : completion;
}

/**
 * The fields of a reply, without those of the envelope.
 *
 * @param body a whole reply
 */
export function answerIn(body: ReplyBody): ReplyBody {
  const { type: _type, in_reply_to: _inReplyTo, msg_id: _messageId, ...answer } = body;
  return answer;
}
