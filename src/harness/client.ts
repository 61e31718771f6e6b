/**
 * A client as Maelstrom has it: one request at a time, 5 s for the answer, and every answer judged by the declaration
 * of its RPC. What is not a definite error may have happened.
 */

import type { OperationType } from '../history/operation.ts';
import { describeErrorCode, errorByCode, isDefinite } from '../protocol/errors.ts';
import { isExactInteger } from '../protocol/exact-json.ts';
import { findReplyProblem, type RequestInputOf, type Rpc } from '../protocol/rpc.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { Network, NetworkMessage } from './network.ts';

/** How long a client waits for an answer, ms. */
export const CLIENT_TIMEOUT_MS = 5000;

/** Jepsen's name for an error whose code is not in the table. */
const UNKNOWN_ERROR = 'unknown';

/** In the place of an error's name: an answer that is not as declared. */
const MALFORMED_REPLY = 'malformed-reply';

type ReplyBody = Readonly<Record<string, unknown>>;

export type ClientResult =
  | { readonly kind: 'ok'; readonly body: ReplyBody }
  | {
      readonly kind: 'error';
      readonly name: string;
      /** As it was sent, which may be no number at all. */
      readonly code: unknown;
      readonly text: unknown;
      readonly definite: boolean;
    }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'malformed'; readonly text: string };

/** How an operation ended. */
export interface Completion {
  readonly type: Exclude<OperationType, 'invoke'>;
  readonly value: unknown;
  readonly error?: unknown;
  /** Whether the client crashed with it: it is closed, and the worker goes on with a new one. */
  readonly closesClient?: true;
}

interface Waiting {
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
  /** Told of an answer that is not as declared, what is wrong with it, and which rule that breaks. */
  readonly onMalformed: (message: NetworkMessage, text: string, rule: 'closed-reply' | 'error-code') => void;
  /** Whether the faults of single messages pass this client by. */
  readonly spared?: boolean;
}

export class Client {
  readonly id: string;
  /** How long it waits for an answer where a call does not say, ms. */
  timeoutMs = CLIENT_TIMEOUT_MS;
  readonly #options: ClientOptions;
  #nextMessageId = 1;
  #waiting: Waiting | undefined;
  #closed = false;
  readonly #onTimeout = () => this.#settle({ kind: 'timeout' });

  constructor(options: ClientOptions) {
    this.#options = options;
    this.id = options.network.openClient((message) => this.#receive(message), options.spared);
  }

  get nodeId(): string {
    return this.#options.nodeId;
  }

  /**
   * Asks the client's node. Never rejects. A client that has left asks nobody, and what it wanted ends as a timeout.
   */
  rpc<R extends Rpc>(rpc: R, request: RequestInputOf<R>, timeoutMs = this.timeoutMs): Promise<ClientResult> {
    if (this.#waiting !== undefined) throw new Error(`client ${this.id} can ask one thing at a time`);
    if (this.#closed) return Promise.resolve({ kind: 'timeout' });
    const { network, scheduler, nodeId } = this.#options;
    return new Promise((resolve) => {
      const messageId = this.#nextMessageId++;
      const cancelTimeout = scheduler.schedule(timeoutMs, this.#onTimeout);
      this.#waiting = { messageId, rpc, resolve, cancelTimeout };
      network.send(this.id, nodeId, { ...request, type: rpc.type, msg_id: messageId });
    });
  }

  /** Leaves the network; what is still waited for ends as a timeout. */
  close(): void {
    this.#closed = true;
    this.#options.network.removeEndpoint(this.id);
    this.#settle({ kind: 'timeout' });
  }

  #receive(message: NetworkMessage): void {
    const waiting = this.#waiting;
    // An answer to a request that was given up on is not for anybody.
    if (waiting === undefined || message.body.in_reply_to !== waiting.messageId) return;
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
    const problem = findReplyProblem(waiting.rpc, body);
    if (problem === undefined) {
      this.#settle({ kind: 'ok', body });
    } else {
      this.#options.onMalformed(message, problem, 'closed-reply');
      this.#settle({ kind: 'malformed', text: problem });
    }
  }

  #settle(result: ClientResult): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting.cancelTimeout();
    waiting.resolve(result);
  }
}

/**
 * Turns a result into the operation's completion, by Maelstrom's table: a definite error is `fail`, any other one, a
 * timeout and a malformed answer are `info`.
 *
 * @param value the invocation's value, kept where there is no better one
 * @param valueFrom the completed operation's value, out of the reply
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

/** The completion of an idempotent operation: it failed, where another one may have happened. */
export function completeIdempotent(completion: Completion): Completion {
  const { type, error } = completion;
  const isUnreadable = Array.isArray(error) && error[0] === MALFORMED_REPLY;
  return type === 'info' && !isUnreadable ? { ...completion, type: 'fail' } : completion;
}

/** What a reply says, without what makes it a reply. */
export function answerIn(body: ReplyBody): ReplyBody {
  const { type: _type, in_reply_to: _inReplyTo, msg_id: _messageId, ...answer } = body;
  return answer;
}
