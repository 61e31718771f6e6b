/**
 * The node runtime. A line comes in, is checked against its declaration and handled, and its reply goes out as a line.
 * It knows no workload and no process. The host gives it an {@link Environment} and the function that starts the
 * handlers.
 *
 * Its rules: every request with a `msg_id` is answered exactly once, but a copy of an earlier one may be dropped. The
 * meaning of an invalid message is never guessed. A reply is never answered. Only messages are transmitted.
 */

import { BoundedMap } from '../protocol/bounded-map.ts';
import { detached } from '../protocol/detached.ts';
import { type ErrorName, RpcError } from '../protocol/errors.ts';
import { stringifyExact, stringifyText } from '../protocol/exact-json.ts';
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
import { encodeReplyBody, replyBody } from '../protocol/rpc.ts';
import { AssertionFailure, assert } from './assertion.ts';
import { type Figures, type Handler, handler, type NodeContext, RPC_DEADLINE_MS } from './context.ts';
import type { Environment } from './environment.ts';
import { inMicroseconds, NodeMetrics, type RequestMetrics } from './metrics.ts';
import { PendingRpcs } from './pending-rpcs.ts';
import { RateLimit } from './rate-limit.ts';
import { describeMessage, excerptWithLength, originOf } from './refusal.ts';
import { Repeats } from './repeats.ts';
import { Sleepers } from './sleepers.ts';
import { Health, type HealthReply, Metrics, type MetricsReply } from './status.ts';

/** Makes the handlers once the node knows its id. A rejection refuses `init` and ends the node. */
export type StartHandlers = (context: NodeContext) => Promise<readonly Handler[]>;

export interface NodeOptions {
  /** Requests in flight at once; one more is answered 11. */
  readonly inFlightMax?: number | undefined;
  /** Requests a second for each client; one more is answered 11. Other nodes are not limited. Absent: no limit. */
  readonly rateLimitPerSecond?: number | undefined;
  /** Clients whose rate is remembered. Default: 4096. Only simulations set it. */
  readonly limitedClientsMax?: number | undefined;
}

export const IN_FLIGHT_MAX = 10_000;

/** Messages that come before `init` is done are held, up to this sum of characters. One line may have 4 Mi. */
const HELD_LENGTH_MAX = 32 * 2 ** 20;

/** Receivers whose address is kept as text, and the longest name of one. */
const ADDRESSES_MAX = 4096;
const ADDRESSED_LENGTH_MAX = 64;

interface ServedType {
  readonly handler: Handler;
  readonly requests: RequestMetrics;
  /** Undefined without a limit, and for types that must be answered even under overload. */
  readonly rateLimit: RateLimit | undefined;
}

export class Node {
  readonly #environment: Environment;
  readonly #startHandlers: StartHandlers;
  readonly #inFlightMax: number;
  readonly #rateLimit: RateLimit | undefined;
  readonly #startMs: number;
  readonly #metrics = new NodeMetrics();
  readonly #rpcs: PendingRpcs;
  readonly #repeats: Repeats;
  readonly #sleepers: Sleepers;
  readonly #served = new Map<string, ServedType>();
  #init: { readonly request: InitRequest; readonly started: Promise<void> } | undefined;
  #nodeId = '';
  #nodeIds: ReadonlySet<string> = new Set();
  /** How lines begin, by their receiver. */
  readonly #addresses = new BoundedMap<string, string>(ADDRESSES_MAX);
  #ready = false;
  /** Messages that came while the handlers were starting. */
  readonly #held: unknown[] = [];
  #heldLength = 0;
  #inFlight = 0;
  readonly #whenIdle: (() => void)[] = [];
  readonly #figures = new Map<string, () => Figures>();
  readonly #diagnoses = new Map<string, () => string | undefined>();
  readonly #onDrain: (() => void)[] = [];
  readonly #onStop: (() => void)[] = [];

  constructor(environment: Environment, startHandlers: StartHandlers, options: NodeOptions = {}) {
    this.#environment = environment;
    this.#startHandlers = startHandlers;
    this.#inFlightMax = options.inFlightMax ?? IN_FLIGHT_MAX;
    const { rateLimitPerSecond: rate, limitedClientsMax } = options;
    this.#rateLimit = rate === undefined ? undefined : new RateLimit(rate, limitedClientsMax);
    this.#startMs = environment.clock.monotonicMs();
    this.#rpcs = new PendingRpcs(environment);
    this.#repeats = new Repeats(environment.clock);
    this.#sleepers = new Sleepers(environment);
  }

  /** This node's id; empty before `init`. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** What is going on now; all zero when the node is idle. */
  get load(): { inFlight: number; pendingRpcs: number; sleepers: number } {
    return { inFlight: this.#inFlight, pendingRpcs: this.#rpcs.count, sleepers: this.#sleepers.count };
  }

  /** What the node has done so far, as `metrics` reports it. */
  readMetrics(): MetricsReply {
    const { clock, traffic } = this.#environment;
    const { messagesIn, messagesOut, messagesRefused } = this.#metrics;
    const bytes = traffic?.();
    return {
      uptime_ms: inMicroseconds(clock.monotonicMs() - this.#startMs),
      in_flight: this.#inFlight,
      messages_in: messagesIn,
      messages_out: messagesOut,
      messages_refused: messagesRefused,
      ...(bytes && { bytes_in: bytes.bytesIn, bytes_out: bytes.bytesOut }),
      rpcs: this.#rpcs.figures,
      requests: this.#metrics.readRequests(),
      parts: Object.fromEntries([...this.#figures].map(([part, readFigures]) => [part, readFigures()])),
    };
  }

  /** Counts and logs a line that the line reader did not accept. */
  refuseLine(reason: string, line: string): void {
    this.#metrics.messagesIn++;
    this.#metrics.messagesRefused++;
    this.#environment.log.warn(reason, { line });
  }

  /** Takes one line, without its newline. Never throws because of its content. */
  receiveLine(line: string): void {
    let message: unknown;
    try {
      message = parseLine(line);
    } catch (error) {
      this.#metrics.messagesIn++;
      this.#metrics.messagesRefused++;
      this.#environment.log.warn('a line is not JSON and was ignored', {
        reason: error instanceof Error ? error.message : String(error),
        line: excerptWithLength(line),
      });
      return;
    }
    if (nestsTooDeep(line)) {
      this.#metrics.messagesIn++;
      this.#refuse(message, 'body', `message: nested deeper than ${NESTING_DEPTH_MAX} levels`);
      return;
    }
    this.receive(message);
  }

  /** Takes one message, as parsed. */
  receive(message: unknown): void {
    this.#metrics.messagesIn++;
    this.#take(message);
  }

  #take(message: unknown): void {
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
      this.#refuse(message, 'dest', `dest: this is ${this.#nodeId}, not ${excerptWithLength(dest)}`);
    } else if (body.in_reply_to !== undefined) {
      // Also while the handlers start: they may be waiting for this reply.
      this.#receiveReply(src, body.in_reply_to, body);
    } else if (this.#ready) {
      this.#receiveRequest(message, src, body);
    } else if (this.#held.length < this.#inFlightMax && this.#heldLength < HELD_LENGTH_MAX) {
      this.#held.push(message);
      this.#heldLength += stringifyExact(message).length;
    } else {
      this.#refuse(message, 'body.type', `${body.type} came before init was done`, 'temporarily-unavailable');
    }
  }

  /** Resolves once no request is in flight. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** It will soon be told to stop. Until then it serves, but no request should wait for what may happen later. */
  drain(): void {
    for (const callback of this.#onDrain.splice(0)) callback();
  }

  /** No reply will come any more. Settles pending RPCs as indefinite and wakes every sleeper, so that handlers end. */
  stop(reason: string): void {
    this.drain();
    for (const callback of this.#onStop.splice(0)) callback();
    this.#rpcs.cancelAll(reason);
    this.#sleepers.wakeAll();
  }

  #receiveReply(src: string, inReplyTo: number, body: Body): void {
    if (this.#rpcs.answer(src, inReplyTo, body)) return;
    this.#environment.log.debug('a reply that no RPC waits for was dropped', { src, in_reply_to: inReplyTo });
  }

  #receiveRequest(message: unknown, src: string, body: Message['body']): void {
    const served = this.#served.get(body.type);
    if (served === undefined) {
      const text = `body.type: ${excerptWithLength(body.type)} is not supported by this node`;
      this.#refuse(message, 'body.type', text, 'not-supported', this.#metrics.unknown);
      return;
    }
    const { rateLimit } = served;
    const waitMs = rateLimit === undefined ? 0 : this.#waitMs(rateLimit, src);
    if (waitMs > 0) {
      const text = `${excerptWithLength(src)} may send ${rateLimit?.ratePerSecond} requests/s; try again in ${waitMs} ms`;
      this.#turnAway(served, src, body.msg_id, served.handler.rpc.request.safeParse(body).data, text);
    } else this.#handle(served, message, src, body.msg_id, body);
  }

  /** How long `src` has to wait before its next request; 0: not at all. */
  #waitMs(rateLimit: RateLimit, src: string): number {
    return this.#nodeIds.has(src) ? 0 : rateLimit.take(src, this.#environment.clock.monotonicMs());
  }

  #handle(
    served: ServedType,
    message: unknown,
    src: string,
    messageId: number | undefined,
    body: Readonly<Record<string, unknown>>,
  ): void {
    const { handler, requests } = served;
    const request = handler.rpc.request.safeParse(body);
    if (!request.success) {
      const { field, text } = describeIssue(request.error, 'body');
      this.#refuse(message, field, text, 'malformed-request', requests);
      return;
    }
    const { type } = handler.rpc;
    const repeat = messageId === undefined ? undefined : this.#repeats.find(src, messageId, type, request.data);
    if (repeat instanceof RpcError) {
      this.#answerFailure(served, src, messageId, repeat);
      return;
    }
    if (this.#inFlight >= this.#inFlightMax) {
      this.#turnAway(served, src, messageId, request.data, `${this.#inFlight} requests are in flight already`);
      return;
    }
    let outcome: object | Promise<object>;
    try {
      outcome = repeat ?? handler.handle(request.data as never, { src, messageId });
    } catch (error) {
      requests.latency.record(0);
      this.#answerFailure(served, src, messageId, error);
      return;
    }
    if (!(outcome instanceof Promise)) {
      // Too short for a clock to measure; reading it would take longer.
      requests.latency.record(0);
      this.#answer(served, src, messageId, outcome);
      return;
    }
    // The line may be long. It must not stay in memory until the request is answered.
    const client = detached(src);
    if (messageId !== undefined) this.#repeats.watch(client, messageId, type, request.data, outcome as Promise<object>);
    const { clock } = this.#environment;
    const beginMs = clock.monotonicMs();
    requests.inFlight++;
    const end = () => {
      requests.inFlight--;
      requests.latency.record(clock.monotonicMs() - beginMs);
    };
    this.#track(
      outcome.then(
        (reply) => {
          end();
          this.#answer(served, client, messageId, reply);
        },
        (error: unknown) => {
          end();
          this.#answerFailure(served, client, messageId, error);
        },
      ),
    );
  }

  /**
   * Answers error 11, because there is too much to do. The copy of a request that was let in is dropped.
   *
   * @param request its checked fields; undefined if they are not as declared
   */
  #turnAway(
    served: ServedType,
    src: string,
    messageId: number | undefined,
    request: object | undefined,
    text: string,
  ): void {
    const error = RpcError.of('temporarily-unavailable', text);
    if (messageId !== undefined && request !== undefined) {
      // Its answer tells what happened. An error would deny that.
      if (!this.#repeats.turnAway(detached(src), messageId, served.handler.rpc.type, request, error)) return;
    }
    this.#answerFailure(served, src, messageId, error);
  }

  /** Counts a request as in flight until `work` is done. `work` never rejects. */
  #track(work: Promise<void>): void {
    this.#inFlight++;
    void work.then(() => this.#finish());
  }

  #finish(): void {
    this.#inFlight--;
    if (this.#inFlight > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #answer(served: ServedType, src: string, messageId: number | undefined, reply: object): void {
    const { rpc } = served.handler;
    if (messageId === undefined) {
      served.requests.ok++;
      return;
    }
    const wrong = rpc.reply.findError(reply);
    if (wrong !== undefined) {
      const problem = new Error(`the reply is not as declared: ${describeIssue(wrong, '').text}`);
      this.#answerFailure(served, src, messageId, problem);
      return;
    }
    const fields = reply as Readonly<Record<string, unknown>>;
    if (this.#environment.offerReply?.(src, replyBody(rpc, messageId, fields))) {
      served.requests.ok++;
      this.#metrics.messagesOut++;
      return;
    }
    let line: string;
    try {
      line = `${this.#address(src)}${encodeReplyBody(rpc, messageId, fields)}}`;
    } catch (error) {
      this.#answerFailure(served, src, messageId, error);
      return;
    }
    served.requests.ok++;
    this.#transmit(line);
  }

  #answerFailure({ handler, requests }: ServedType, src: string, messageId: number | undefined, error: unknown): void {
    if (error instanceof AssertionFailure) {
      this.#environment.crash(error);
      return;
    }
    const answer = error instanceof RpcError ? error : this.#describeCrash(handler.rpc.type, src, error);
    requests.countError(answer.code);
    this.#answerError(src, messageId, answer);
  }

  /** Logs an unexpected error and makes an answer of it. */
  #describeCrash(type: string, src: string, error: unknown): RpcError {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#environment.log.error(`the handler of ${type} failed`, { src, stack });
    const reason = error instanceof Error ? error.message : String(error);
    return RpcError.of('crash', `the handler of ${type} failed: ${reason}`);
  }

  #answerError(src: string, messageId: number | undefined, error: RpcError): void {
    if (messageId === undefined) return;
    const body = { type: 'error', in_reply_to: messageId, code: error.code, text: error.message };
    if (!this.#isTaken(src, body)) this.#transmit(`${this.#address(src)}${JSON.stringify(body)}}`);
  }

  /** Whether the environment took a message as a value. */
  #isTaken(dest: string, body: Body): boolean {
    if (!this.#environment.offerMessage?.(dest, body)) return false;
    this.#metrics.messagesOut++;
    return true;
  }

  #transmit(line: string): void {
    this.#metrics.messagesOut++;
    this.#environment.transmit(line);
  }

  /** The beginning of a line to `dest`, up to its body. */
  #address(dest: string): string {
    const known = this.#addresses.get(dest);
    if (known !== undefined) return known;
    const address = `{"src":${stringifyText(this.#nodeId)},"dest":${stringifyText(dest)},"body":`;
    if (dest.length <= ADDRESSED_LENGTH_MAX) this.#addresses.set(detached(dest), detached(address));
    return address;
  }

  /** Logs what is wrong with a message. Answers it if it is a request with a valid sender. */
  #refuse(
    message: unknown,
    field: string,
    text: string,
    name: ErrorName = 'malformed-request',
    requests?: RequestMetrics,
  ): void {
    const { code } = RpcError.of(name);
    this.#metrics.messagesRefused++;
    requests?.countError(code);
    this.#environment.log.warn('a message was refused', { field, reason: text, received: describeMessage(message) });
    const origin = originOf(message);
    if (origin === undefined) return;
    const { src, dest, messageId } = origin;
    const body = { type: 'error', in_reply_to: messageId, code, text };
    this.#transmit(encodeMessage(this.#nodeId || dest, src, body));
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
      this.#refuse(message, 'dest', `dest: init for ${request.node_id} was sent to ${excerptWithLength(dest)}`);
      return;
    }
    if (this.#init === undefined) {
      this.#nodeId = request.node_id;
      this.#nodeIds = new Set(request.node_ids);
      this.#init = { request, started: this.#start(request) };
    } else if (!sameMembership(this.#init.request, request)) {
      const { node_id, node_ids } = this.#init.request;
      const text = `this node is ${node_id} of ${excerptWithLength(node_ids.join(', '))} already, and stays so`;
      this.#environment.log.warn('a second init with other content was refused', {
        received: describeMessage(message),
      });
      this.#answerError(src, request.msg_id, RpcError.of('precondition-failed', text));
      return;
    }
    this.#track(
      this.#init.started.then(
        () => {
          this.#transmit(`${this.#address(src)}{"type":"init_ok","in_reply_to":${request.msg_id}}}`);
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
    for (const given of await this.#startHandlers(this.#context(request))) this.#serve(given, this.#rateLimit);
    this.#serve(handler(Metrics, () => this.readMetrics()));
    this.#serve(handler(Health, () => this.#readHealth()));
    this.#ready = true;
  }

  #serve(handler: Handler, rateLimit?: RateLimit): void {
    const { type } = handler.rpc;
    assert(!this.#served.has(type), `two handlers for ${type}`);
    this.#served.set(type, { handler, requests: this.#metrics.declare(type), rateLimit });
  }

  /** What `health` says of each part of this node that is in trouble, in words; undefined: all are well. */
  findSickness(): string | undefined {
    const { status, troubles } = this.#readHealth();
    if (status === 'ok') return undefined;
    return Object.entries(troubles)
      .map(([part, trouble]) => `${part}: ${trouble}`)
      .join('; ');
  }

  #readHealth(): HealthReply {
    const found = [...this.#diagnoses].map(([part, findTrouble]) => [part, findTrouble()] as const);
    const troubles = found.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
    return { status: troubles.length === 0 ? 'ok' : 'degraded', troubles: Object.fromEntries(troubles) };
  }

  #receiveHeld(): void {
    for (const message of this.#held.splice(0)) this.#take(message);
    this.#environment.holdInput?.(false);
  }

  #context({ node_id: nodeId, node_ids: nodeIds }: InitRequest): NodeContext {
    const { clock, randomUint32, log } = this.#environment;
    const send: NodeContext['send'] = (dest, body) => {
      if (!this.#isTaken(dest, body)) this.#transmit(encodeMessage(nodeId, dest, body));
    };
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
        // A start that sends an RPC needs the reply, which comes the same way as all lines.
        if (!this.#ready) this.#environment.holdInput?.(false);
        return this.#rpcs.ask(dest, rpc, options.deadlineMs ?? RPC_DEADLINE_MS, (messageId) =>
          send(dest, { ...request, type: rpc.type, msg_id: messageId }),
        );
      },
      sleep: (durationMs, signal) => this.#sleepers.sleep(durationMs, signal),
      report: (part, figures) => this.#figures.set(part, figures),
      diagnose: (part, findTrouble) => this.#diagnoses.set(part, findTrouble),
      inFlightMax: this.#inFlightMax,
      onDrain: (callback) => this.#onDrain.push(callback),
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
