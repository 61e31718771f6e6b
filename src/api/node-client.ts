/**
 * The client through which HTTP requests reach the node. It gives every request a `msg_id` of its own, and the reply
 * finds its request by `in_reply_to`. It is one end of the node's wire: the host puts `offerReply` and `transmit` into
 * the node's environment.
 */

import type { Environment } from '../node/environment.ts';
import type { Node } from '../node/node.ts';
import { type Body, parseLine } from '../protocol/message.ts';
import type { WireError } from './problems.ts';

/** By this name the node knows every client. */
const CLIENT_ID = 'c-http';

/**
 * The node answers within its own deadlines. This one is far beyond them: if it passes, something is wrong, but no
 * client waits for ever.
 */
const ANSWER_MS_MAX = 30_000;

export type NodeReply =
  | { readonly kind: 'ok'; readonly body: Body }
  | { readonly kind: 'error'; readonly error: WireError };

interface Waiting {
  readonly beganAtMs: number;
  /** Undefined while the node is being called: an answer may come before the call returns. */
  settle: ((reply: NodeReply) => void) | undefined;
  reply: NodeReply | undefined;
}

export class NodeClient {
  readonly #environment: Pick<Environment, 'clock' | 'setTimer' | 'log'>;
  /** By `msg_id`, oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  #node: Pick<Node, 'receive'> | undefined;
  #nodeId = '';
  #messageId = 0;
  #hasTimer = false;

  constructor(environment: Pick<Environment, 'clock' | 'setTimer' | 'log'>) {
    this.#environment = environment;
  }

  /** Tells the node its id, and resolves when it serves. Rejects if it cannot. */
  async start(node: Pick<Node, 'receive'>, nodeId: string): Promise<void> {
    this.#node = node;
    this.#nodeId = nodeId;
    const reply = await this.#send({ type: 'init', node_id: nodeId, node_ids: [nodeId] }, false);
    if (reply.kind === 'error') throw new Error(reply.error.text);
  }

  /** How many requests wait for the node. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Asks the node. What it can answer at once, it answers at once. Never rejects. @param body without `msg_id` */
  ask(body: Body): NodeReply | Promise<NodeReply> {
    return this.#send(body, true);
  }

  /** `Environment.offerReply` */
  readonly offerReply = (dest: string, body: Body): boolean => {
    if (dest !== CLIENT_ID) return false;
    this.#settle(body.in_reply_to, { kind: 'ok', body });
    return true;
  };

  /** `Environment.transmit`: errors, and the reply to `init`. */
  readonly transmit = (line: string): void => {
    const { dest, body } = parseLine(line) as { readonly dest: string; readonly body: Body };
    if (dest !== CLIENT_ID) {
      this.#environment.log.warn('a message to another node was dropped: instances meet in the store only', { dest });
      return;
    }
    const { type, in_reply_to: inReplyTo, code, text } = body;
    if (type !== 'error') this.#settle(inReplyTo, { kind: 'ok', body });
    else this.#settle(inReplyTo, { kind: 'error', error: { code: code as number, text: text as string } });
  };

  #send(body: Body, hasDeadline: boolean): NodeReply | Promise<NodeReply> {
    const messageId = ++this.#messageId;
    const waiting: Waiting = {
      beganAtMs: hasDeadline ? this.#environment.clock.monotonicMs() : Number.POSITIVE_INFINITY,
      settle: undefined,
      reply: undefined,
    };
    this.#waiting.set(messageId, waiting);
    this.#node?.receive({ src: CLIENT_ID, dest: this.#nodeId, body: { ...body, msg_id: messageId } });
    if (waiting.reply !== undefined) return waiting.reply;
    if (hasDeadline && !this.#hasTimer) this.#setTimer();
    return new Promise((resolve) => {
      waiting.settle = resolve;
    });
  }

  #settle(messageId: unknown, reply: NodeReply): void {
    const waiting = this.#waiting.get(messageId as number);
    if (waiting === undefined) return;
    this.#waiting.delete(messageId as number);
    if (waiting.settle === undefined) waiting.reply = reply;
    else waiting.settle(reply);
  }

  /** One timer for all. */
  #setTimer(): void {
    this.#hasTimer = true;
    this.#environment.setTimer(ANSWER_MS_MAX / 10, () => {
      this.#hasTimer = false;
      const endMs = this.#environment.clock.monotonicMs() - ANSWER_MS_MAX;
      for (const [messageId, { beganAtMs }] of this.#waiting) {
        if (beganAtMs <= endMs)
          this.#settle(messageId, { kind: 'error', error: { code: 0, text: 'the node did not answer in time' } });
      }
      if (this.#waiting.size > 0) this.#setTimer();
    });
  }
}
