/**
 * The RPCs that wait for their reply. Each is settled exactly once: by its reply, its deadline or the end of the node.
 * A later reply is dropped. A settled RPC leaves nothing in memory.
 */

import { RpcError } from '../protocol/errors.ts';
import { describeIssue, ErrorBody } from '../protocol/message.ts';
import type { Rpc } from '../protocol/rpc.ts';
import type { RpcResult } from './context.ts';
import type { Environment } from './environment.ts';

interface PendingRpc {
  readonly rpc: Rpc;
  readonly dest: string;
  readonly settle: (result: RpcResult<never>) => void;
}

/**
 * Every life of a node numbers its messages from one of 2^32 places, 2^20 apart. So a reply to an RPC of an earlier
 * life does not pass for a reply to one of this life: 100 lives draw the same place once in 870,000 times. All places
 * are below 2^52, so a life may go on past the next ones.
 */
const PLACES_APART = 2 ** 20;

export class PendingRpcs {
  readonly #environment: Environment;
  readonly #pending = new Map<number, PendingRpc>();
  #nextId: number;
  #asked = 0;
  #answered = 0;
  #timeouts = 0;
  /** Why no RPC is sent any more. */
  #endReason: string | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#nextId = environment.randomUint32() * PLACES_APART + 1;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** How many were sent, and how they ended. */
  get figures(): { asked: number; answered: number; timeouts: number; pending: number } {
    return { asked: this.#asked, answered: this.#answered, timeouts: this.#timeouts, pending: this.count };
  }

  /** Registers an RPC. Calls `transmit` with the `msg_id` to send. */
  ask(dest: string, rpc: Rpc, deadlineMs: number, transmit: (messageId: number) => void): Promise<RpcResult<never>> {
    if (this.#endReason !== undefined) return Promise.resolve(indefinite(`${rpc.type} to ${dest}: ${this.#endReason}`));
    return new Promise((resolve) => {
      const messageId = this.#nextId++;
      const cancelTimer = this.#environment.setTimer(deadlineMs, () => {
        this.#timeouts++;
        settle(indefinite(`${rpc.type} to ${dest}: no answer in ${deadlineMs} ms`));
      });
      const settle = (result: RpcResult<never>) => {
        this.#pending.delete(messageId);
        cancelTimer();
        resolve(result);
      };
      this.#pending.set(messageId, { rpc, dest, settle });
      this.#asked++;
      transmit(messageId);
    });
  }

  /** Takes a reply. False if no RPC waits for it: it is late, a duplicate, or from a node that was not asked. */
  answer(src: string, inReplyTo: number, body: Readonly<Record<string, unknown>>): boolean {
    const pending = this.#pending.get(inReplyTo);
    if (pending === undefined || pending.dest !== src) return false;
    this.#answered++;
    pending.settle(interpretReply(src, pending.rpc, body));
    return true;
  }

  /** Settles all RPCs as indefinite, later ones too: the node is stopping. */
  cancelAll(reason: string): void {
    this.#endReason = reason;
    for (const { rpc, dest, settle } of [...this.#pending.values()])
      settle(indefinite(`${rpc.type} to ${dest}: ${reason}`));
  }
}

function interpretReply(src: string, rpc: Rpc, body: Readonly<Record<string, unknown>>): RpcResult<never> {
  if (body.type === 'error') {
    const answer = ErrorBody.safeParse(body);
    if (!answer.success) return malformed(src, rpc, describeIssue(answer.error, 'body').text);
    const error = new RpcError(answer.data.code, answer.data.text ?? '');
    return { kind: error.definite ? 'definite' : 'indefinite', error };
  }
  if (body.type !== rpc.replyType) return malformed(src, rpc, `type is ${JSON.stringify(body.type)}`);
  const reply = rpc.reply.safeParse(body);
  return reply.success
    ? { kind: 'ok', reply: reply.data as never }
    : malformed(src, rpc, describeIssue(reply.error, 'body').text);
}

/** A node that answers nonsense may have done anything. */
function malformed(src: string, rpc: Rpc, text: string): RpcResult<never> {
  return {
    kind: 'indefinite',
    error: RpcError.of('crash', `${src} answered ${rpc.type} with a malformed reply: ${text}`),
  };
}

function indefinite(text: string): RpcResult<never> {
  return { kind: 'indefinite', error: RpcError.of('timeout', text) };
}
