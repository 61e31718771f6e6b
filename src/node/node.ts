/**
 * The node runtime: a line goes in, is checked against its declaration, handled, and its reply goes out as a line. It knows no
 * workload and no process; whoever holds it gives it an {@link Environment} and the function that starts the handlers.
 *
 * Rules it keeps: every request with a `msg_id` is answered exactly once; a message that cannot be understood is never guessed at;
 * a reply is never answered; nothing but messages is transmitted.
 */

import { RpcError } from '../protocol/errors.ts';
import {
  type Body,
  describeIssue,
  Envelope,
  encodeMessage,
  InitRequest,
  isMessage,
  type Message,
  NESTING_DEPTH_MAX,
  nestsTooDeep,
  parseLine,
} from '../protocol/message.ts';
import { encodeReplyBody, type Rpc, replyBody } from '../protocol/rpc.ts';
import { AssertionFailure, assert } from './assertion.ts';
import { type Figures, type Handler, type NodeContext, RPC_DEADLINE_MS } from './context.ts';
import type { Environment } from './environment.ts';
import { PendingRpcs } from './pending-rpcs.ts';
import { describeMessage, excerpt, originOf } from './refusal.ts';
import { Sleepers } from './sleepers.ts';

/** Makes the handlers of a node that has learnt who it is. A rejection refuses `init` and ends the node. */
export type StartHandlers = (context: NodeContext) => Promise<readonly Handler[]>;

export interface NodeOptions {
  /** Requests being worked on at once; one more is answered 11. */
  readonly inFlightMax?: number;
}

export const IN_FLIGHT_MAX = 10_000;

/** Encoded addresses are kept; a stranger who invents names must not fill the memory. */
const ADDRESSES_MAX = 4096;
const KEPT_ADDRESS_LENGTH_MAX = 256;

export class Node {
  readonly #environment: Environment;
  readonly #startHandlers: StartHandlers;
  readonly #inFlightMax: number;
  readonly #rpcs: PendingRpcs;
  readonly #sleepers: Sleepers;
  readonly #handlers = new Map<string, Handler>();
  readonly #addresses = new Map<string, string>();
  #init: { readonly request: InitRequest; readonly started: Promise<void> } | undefined;
  #nodeId = '';
  #ready = false;
  /** Messages that came while the handlers were starting. */
  #held: unknown[] = [];
  #inFlight = 0;
  #whenIdle: (() => void)[] = [];
  readonly #figures = new Map<string, () => Figures>();
  readonly #diagnoses = new Map<string, () => string | undefined>();
  #onStop: (() => void)[] = [];

  constructor(environment: Environment, startHandlers: StartHandlers, options: NodeOptions = {}) {
    this.#environment = environment;
    this.#startHandlers = startHandlers;
    this.#inFlightMax = options.inFlightMax ?? IN_FLIGHT_MAX;
    this.#rpcs = new PendingRpcs(environment);
    this.#sleepers = new Sleepers(environment);
  }

  /** This node's id; empty before `init`. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** What is going on right now; all zero when the node is at rest. */
  get load(): { inFlight: number; pendingRpcs: number; sleepers: number } {
    return { inFlight: this.#inFlight, pendingRpcs: this.#rpcs.count, sleepers: this.#sleepers.count };
  }

  /** Takes one line, without its newline. Never throws for what is in it. */
  receiveLine(line: string): void {
    let message: unknown;
    try {
      message = parseLine(line);
    } catch (error) {
      this.#environment.log.warn('a line is not JSON and was ignored', {
        reason: error instanceof Error ? error.message : String(error),
        line: excerpt(line),
      });
      return;
    }
    if (nestsTooDeep(line)) {
      this.#refuse(message, 'body', `message: nested deeper than ${NESTING_DEPTH_MAX} levels`);
      return;
    }
    this.receive(message);
  }

  /** Takes one message, as parsed. */
  receive(message: unknown): void {
    if (!isMessage(message)) {
      const { field, text } = describeIssue(Envelope.safeParse(message).error, '');
      this.#refuse(message, field, text);
      return;
    }
    const { src, dest, body } = message;
    if (body.type === 'init') {
      this.#receiveInit(message, src, dest);
    } else if (this.#init === undefined) {
      this.#refuse(message, 'body.type', `${body.type} came before init`, 'temporarily-unavailable');
    } else if (dest !== this.#nodeId) {
      this.#refuse(message, 'dest', `dest: this is ${this.#nodeId}, not ${excerpt(dest)}`);
    } else if (body.in_reply_to !== undefined) {
      // Also while the handlers start: they may be waiting for just this.
      this.#receiveReply(src, body.in_reply_to, body);
    } else if (this.#ready) {
      this.#receiveRequest(message, src, body);
    } else if (this.#held.length < this.#inFlightMax) {
      this.#held.push(message);
    } else {
      this.#refuse(message, 'body.type', `${body.type} came before init was done`, 'temporarily-unavailable');
    }
  }

  /** Resolves once no request is being worked on. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** No answer will come any more: settles what waits for one as indefinite and wakes every sleeper, so that handlers come to an end. */
  stop(reason: string): void {
    const callbacks = this.#onStop;
    this.#onStop = [];
    for (const callback of callbacks) callback();
    this.#rpcs.cancelAll(reason);
    this.#sleepers.wakeAll();
  }

  #receiveReply(src: string, inReplyTo: number, body: Body): void {
    if (this.#rpcs.answer(src, inReplyTo, body)) return;
    this.#environment.log.debug('a reply that nobody waits for was dropped', { src, in_reply_to: inReplyTo });
  }

  #receiveRequest(message: unknown, src: string, body: Message['body']): void {
    const handler = this.#handlers.get(body.type);
    if (handler === undefined) {
      const text = `body.type: ${excerpt(body.type)} is not supported by this node`;
      this.#refuse(message, 'body.type', text, 'not-supported');
    } else this.#handle(handler, message, src, body.msg_id, body);
  }

  #handle(
    handler: Handler,
    message: unknown,
    src: string,
    messageId: number | undefined,
    body: Readonly<Record<string, unknown>>,
  ): void {
    const request = handler.rpc.request.safeParse(body);
    if (!request.success) {
      const { field, text } = describeIssue(request.error, 'body');
      this.#refuse(message, field, text);
      return;
    }
    if (this.#inFlight >= this.#inFlightMax) {
      this.#answerError(
        src,
        messageId,
        RpcError.of('temporarily-unavailable', `${this.#inFlight} requests are in flight already`),
      );
      return;
    }
    let outcome: object | Promise<object>;
    try {
      outcome = handler.handle(request.data as never, { src });
    } catch (error) {
      this.#answerFailure(handler.rpc, src, messageId, error);
      return;
    }
    if (!(outcome instanceof Promise)) {
      this.#answer(handler.rpc, src, messageId, outcome);
      return;
    }
    this.#track(
      outcome.then(
        (reply) => this.#answer(handler.rpc, src, messageId, reply),
        (error: unknown) => this.#answerFailure(handler.rpc, src, messageId, error),
      ),
    );
  }

  /** Counts a request as in flight until `work`, which never rejects, is done. */
  #track(work: Promise<void>): void {
    this.#inFlight++;
    void work.then(() => this.#finish());
  }

  #finish(): void {
    this.#inFlight--;
    if (this.#inFlight > 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  #answer(rpc: Rpc, src: string, messageId: number | undefined, reply: object): void {
    if (messageId === undefined) return;
    const checked = rpc.reply.safeParse(reply);
    if (!checked.success) {
      const problem = new Error(`the reply is not as declared: ${describeIssue(checked.error, '').text}`);
      this.#answerFailure(rpc, src, messageId, problem);
      return;
    }
    const fields = reply as Readonly<Record<string, unknown>>;
    const { offerReply, transmit } = this.#environment;
    if (offerReply?.(src, replyBody(rpc, messageId, fields))) return;
    let line: string;
    try {
      line = `${this.#address(src)}${encodeReplyBody(rpc, messageId, fields)}}`;
    } catch (error) {
      this.#answerFailure(rpc, src, messageId, error);
      return;
    }
    transmit(line);
  }

  #answerFailure(rpc: Rpc, src: string, messageId: number | undefined, error: unknown): void {
    if (error instanceof RpcError) {
      this.#answerError(src, messageId, error);
    } else if (error instanceof AssertionFailure) {
      this.#environment.crash(error);
    } else {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#environment.log.error(`the handler of ${rpc.type} failed`, { src, stack });
      const reason = error instanceof Error ? error.message : String(error);
      this.#answerError(src, messageId, RpcError.of('crash', `the handler of ${rpc.type} failed: ${reason}`));
    }
  }

  #answerError(src: string, messageId: number | undefined, error: RpcError): void {
    if (messageId === undefined) return;
    const body = { type: 'error', in_reply_to: messageId, code: error.code, text: error.message };
    this.#environment.transmit(`${this.#address(src)}${JSON.stringify(body)}}`);
  }

  /** The beginning of a line to `dest`, up to its body. */
  #address(dest: string): string {
    let text = this.#addresses.get(dest);
    if (text === undefined) {
      text = `{"src":${JSON.stringify(this.#nodeId)},"dest":${JSON.stringify(dest)},"body":`;
      if (text.length > KEPT_ADDRESS_LENGTH_MAX) return text;
      if (this.#addresses.size >= ADDRESSES_MAX) this.#addresses.clear();
      this.#addresses.set(dest, text);
    }
    return text;
  }

  /** Says what is wrong with a message, and answers it if it is a request from somebody who can be answered. */
  #refuse(
    message: unknown,
    field: string,
    text: string,
    name: 'malformed-request' | 'temporarily-unavailable' | 'not-supported' = 'malformed-request',
  ): void {
    this.#environment.log.warn('a message was refused', { field, reason: text, received: describeMessage(message) });
    const origin = originOf(message);
    if (origin === undefined) return;
    const { src, dest, messageId } = origin;
    const body = { type: 'error', in_reply_to: messageId, code: RpcError.of(name).code, text };
    this.#environment.transmit(encodeMessage(this.#nodeId || dest, src, body));
  }

  #receiveInit(message: unknown, src: string, dest: string): void {
    const parsed = InitRequest.safeParse((message as { body: unknown }).body);
    if (!parsed.success) {
      const { field, text } = describeIssue(parsed.error, 'body');
      this.#refuse(message, field, text);
      return;
    }
    const request = parsed.data;
    if (dest !== request.node_id) {
      this.#refuse(message, 'dest', `dest: init for ${request.node_id} was sent to ${excerpt(dest)}`);
      return;
    }
    if (this.#init === undefined) {
      this.#nodeId = request.node_id;
      this.#init = { request, started: this.#start(request) };
    } else if (!sameMembership(this.#init.request, request)) {
      const { node_id, node_ids } = this.#init.request;
      const text = `this node is ${node_id} of ${excerpt(node_ids.join(', '))} already, and stays so`;
      this.#environment.log.warn('a second init with other content was refused', {
        received: describeMessage(message),
      });
      this.#answerError(src, request.msg_id, RpcError.of('precondition-failed', text));
      return;
    }
    this.#track(
      this.#init.started.then(
        () => {
          this.#environment.transmit(`${this.#address(src)}{"type":"init_ok","in_reply_to":${request.msg_id}}}`);
          this.#receiveHeld();
        },
        (error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          this.#answerError(src, request.msg_id, RpcError.of('abort', `cannot start: ${reason}`));
          this.#environment.crash(error instanceof Error ? error : new Error(reason));
        },
      ),
    );
  }

  async #start(request: InitRequest): Promise<void> {
    this.#environment.holdInput?.(true);
    for (const handler of await this.#startHandlers(this.#context(request))) {
      assert(!this.#handlers.has(handler.rpc.type), `two handlers for ${handler.rpc.type}`);
      this.#handlers.set(handler.rpc.type, handler);
    }
    this.#ready = true;
  }

  #receiveHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.receive(message);
    this.#environment.holdInput?.(false);
  }

  #context({ node_id: nodeId, node_ids: nodeIds }: InitRequest): NodeContext {
    const { clock, randomUint32, log, transmit } = this.#environment;
    const send: NodeContext['send'] = (dest, body) => transmit(encodeMessage(nodeId, dest, body));
    return {
      nodeId,
      nodeIds,
      clock,
      randomUint32,
      log,
      send,
      broadcast: (body) => {
        for (const dest of nodeIds) if (dest !== nodeId) send(dest, body);
      },
      rpc: (dest, rpc, request, options = {}) => {
        // A start that asks somebody needs the answer, which comes by the same way as everything else.
        if (!this.#ready) this.#environment.holdInput?.(false);
        return this.#rpcs.ask(dest, rpc, options.deadlineMs ?? RPC_DEADLINE_MS, options.signal, (messageId) =>
          send(dest, { ...request, type: rpc.type, msg_id: messageId }),
        );
      },
      sleep: (durationMs, signal) => this.#sleepers.sleep(durationMs, signal),
      report: (part, figures) => this.#figures.set(part, figures),
      diagnose: (part, findTrouble) => this.#diagnoses.set(part, findTrouble),
      onStop: (callback) => this.#onStop.push(callback),
    };
  }
}

function sameMembership(one: InitRequest, other: InitRequest): boolean {
  return (
    one.node_id === other.node_id &&
    one.node_ids.length === other.node_ids.length &&
    one.node_ids.every((nodeId, index) => nodeId === other.node_ids[index])
  );
}
