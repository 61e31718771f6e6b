/**
 * The HTTP server: sockets, limits and the order of checks. What it serves is given to it.
 *
 * A request passes: address and headers, route, token, scope, rate, readiness, body. The first that is wrong is
 * answered with a problem. What is not even HTTP is answered on the socket, which is then closed.
 *
 * Node's strict parser refuses requests with two lengths and the like, which could be read in two ways (smuggling).
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpFigures } from '../../api/figures.ts';
import { encodeProblem, OUTCOME_UNKNOWN, type Problem, STATUS_TITLES, unavailable } from '../../api/problems.ts';
import { Router } from '../../api/router.ts';
import { mayBePhoneNumber } from '../../api/routes/fields.ts';
import { type Answer, PROBLEM_TYPE, problemAnswer } from '../../api/service.ts';
import type { LogFields } from '../../node/environment.ts';
import type { Clock } from '../../protocol/clock.ts';
import { type Access, type Caller, findMissingScope } from './access.ts';
import { BodyReader } from './body-reader.ts';
import { addressBehind, clientOf } from './client-address.ts';
import type { Endpoint } from './endpoint.ts';
import type { HttpLimits } from './limits.ts';
import { type Address, addressOf, findBodyProblem, findHeaderProblem, hasBody, mayNotEnd } from './request-line.ts';
import { continueTrace, traceIdOf } from './trace.ts';

/** How often Node looks for connections that are too slow, ms. */
const CHECK_MS = 500;
const HANDSHAKE_MS_MAX = 5000;
/** How long a client may go on sending after it was refused, before its connection is cut, ms. */
const LINGER_MS = 1000;

/** What no route has is counted under this name. */
const NO_ROUTE = 'none';

const HEADERS = ['X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store'] as const;

/** What some path or other has. */
const ANY_METHOD = 'GET, HEAD, POST, DELETE, OPTIONS';

/** Texts that a client may choose for itself and see again. */
const REQUEST_NAME = /^[\w.:+/=-]{1,128}$/;

export interface FrontOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly limits: HttpLimits;
  readonly endpoints: readonly Endpoint[];
  readonly access: Access;
  /** How many proxies in front append to `X-Forwarded-For`. */
  readonly trustedProxies: number;
  readonly clock: Clock;
  /** Which answers are logged, and how. What is not logged costs nothing. */
  readonly logs: (status: number) => boolean;
  readonly log: (status: number, fields: LogFields) => void;
}

/** One request and what is known of it so far. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly beganAtMs: number;
  /** For problems: the path, or its beginning. */
  instance: string;
  /** The path of the table. */
  route: string;
  client: string;
  /** Made when it is first asked for, from that of the client. */
  traceparent: string | undefined;
  /** Whether its body is still being received. */
  isReading: boolean;
  isAnswered: boolean;
  /** Whether its connection is closed after the answer. */
  isLast: boolean;
  /** Whether its answer is sent, or its connection gone. */
  hasEnded: boolean;
}

export class Front {
  readonly url: string;
  readonly figures = new HttpFigures();
  readonly #options: FrontOptions;
  readonly #server: Server;
  readonly #router: Router<Endpoint>;
  readonly #bodies: BodyReader;
  /** The requests of a connection that are not answered whole, in their order; at least the last one. */
  readonly #exchanges = new WeakMap<Duplex, Exchange[]>();
  /** At the other end of a connection. */
  readonly #clients = new WeakMap<Socket, string>();
  #state: 'starting' | 'serving' | 'draining' = 'starting';
  #inFlight = 0;
  #connections = 0;
  #onIdle: (() => void) | undefined;

  /** Resolves when it listens; rejects with the error of the system if it cannot. Requests get 503 until `open`. */
  static async listen(options: FrontOptions): Promise<Front> {
    const { limits, tls, host, port } = options;
    const settings = {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: limits.keepAliveMs,
      insecureHTTPParser: false,
      // Node would answer without a reason. `findHeaderProblem` looks for it.
      requireHostHeader: false,
      noDelay: true,
    };
    const server =
      tls === undefined
        ? createServer(settings)
        : createTlsServer({ ...settings, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_MS_MAX });
    server.timeout = limits.unreadMs;
    server.maxConnections = limits.connectionsMax;
    // Node would leave out headers beyond a number without a word. Their bytes are limited, and they are counted.
    server.maxHeadersCount = 0;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return new Front(options, server);
  }

  private constructor(options: FrontOptions, server: Server) {
    const { port } = server.address() as AddressInfo;
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.url = `http${options.tls === undefined ? '' : 's'}://${host}:${port}`;
    this.#options = options;
    this.#server = server;
    this.#router = new Router(options.endpoints);
    this.#bodies = new BodyReader(options.limits);
    server.on('request', (request, response) => this.#take(request, response, false));
    server.on('checkContinue', (request, response) => this.#take(request, response, true));
    server.on('checkExpectation', (request, response) => this.#take(request, response, false));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuseSocket(error, socket));
    server.on('connect', (_request, socket) => {
      if (this.#unfinishedOn(socket).length > 0) socket.destroy();
      else this.#answerSocket(socket, NO_TUNNEL);
    });
    server.on('connection', (socket) => {
      this.#connections++;
      socket.once('close', () => this.#connections--);
    });
  }

  get connections(): number {
    return this.#connections;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get bodyBytesHeld(): number {
    return this.#bodies.heldBytes;
  }

  get state(): 'starting' | 'serving' | 'draining' {
    return this.#state;
  }

  /** From now on requests are served. */
  open(): void {
    if (this.#state === 'starting') this.#state = 'serving';
  }

  /**
   * Accepts no more connections, closes idle ones, and tells the others to close after their next answer. Resolves when
   * no request is in flight, or after `withinMs`.
   */
  async drain(withinMs: number): Promise<void> {
    this.#state = 'draining';
    this.#server.close();
    this.#server.closeIdleConnections();
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends what is left, at once. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#onIdle?.();
  }

  #take(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const exchange: Exchange = {
      request,
      response,
      beganAtMs: this.#options.clock.monotonicMs(),
      instance: '',
      route: NO_ROUTE,
      client: '',
      traceparent: undefined,
      isReading: false,
      isAnswered: false,
      isLast: false,
      hasEnded: false,
    };
    this.#remember(exchange);
    this.#inFlight++;
    response.once('close', () => this.#end(exchange));
    response.on('error', () => {});
    try {
      const problem = this.#findCrowd(request.socket) ?? this.#admit(exchange, expectsContinue);
      if (problem !== undefined) this.#refuse(exchange, problem);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  /** Node reads all requests that came in one packet, however large the answers are that wait to be sent. */
  #findCrowd(socket: Socket): Problem | undefined {
    const { pipelinedMax } = this.#options.limits;
    if ((this.#exchanges.get(socket)?.length ?? 0) <= pipelinedMax) return undefined;
    return unavailable(`${pipelinedMax} requests of this connection are not answered yet`);
  }

  /** Checks a request up to its body. Undefined: it is answered, or will be. */
  #admit(exchange: Exchange, expectsContinue: boolean): Problem | undefined {
    const { request } = exchange;
    const { limits, access } = this.#options;
    const { method = '' } = request;
    const address = addressOf(request, limits);
    if ('status' in address) return address;
    exchange.instance = address.path;
    const headerProblem = findHeaderProblem(request, limits);
    if (headerProblem !== undefined) return headerProblem;
    const match = this.#router.find(method, address.path);
    if (match.kind === 'none') {
      if (address.path === '*' && method === 'OPTIONS') return this.#tellMethods(exchange, ANY_METHOD);
      return { status: 404, code: 'no_route', detail: 'there is no such address; / lists all' };
    }
    if (match.kind === 'malformed')
      return { status: 400, code: 'address_invalid', detail: 'an escape in the path is broken or not text' };
    if (match.kind === 'method') {
      exchange.route = match.path;
      if (method === 'OPTIONS') return this.#tellMethods(exchange, match.allow);
      const detail = `${method} is not a method of ${match.path}; it has ${match.allow}`;
      return { status: 405, code: 'method_not_allowed', detail, headers: { Allow: match.allow } };
    }
    const { route: endpoint, pathFields } = match;
    exchange.route = endpoint.path;
    const client = this.#clientOf(request);
    const caller = endpoint.isOpen
      ? { client, scopes: undefined }
      : access.identify(request.headers.authorization, client);
    if ('status' in caller) return caller;
    exchange.client = caller.client;
    const refusal =
      findMissingScope(caller, endpoint.scope) ?? (endpoint.isLimited ? access.limit(caller.client) : undefined);
    if (refusal !== undefined) return refusal;
    if (!endpoint.isSystem) {
      if (this.#state === 'starting') return unavailable('the instance is starting');
      if (this.#inFlight > limits.inFlightMax)
        return unavailable(`${limits.inFlightMax} requests are in flight already`);
    }
    const serve = (body: string) => this.#serve(exchange, endpoint, caller, pathFields, address, body);
    if (hasBody(request)) return this.#receive(exchange, expectsContinue, serve);
    serve('');
    return undefined;
  }

  /** Serves a request when its body is there. */
  #receive(exchange: Exchange, expectsContinue: boolean, serve: (body: string) => void): Problem | undefined {
    const { request, response } = exchange;
    const problem = findBodyProblem(request, this.#options.limits);
    if (problem !== undefined) return problem;
    if (expectsContinue) response.writeContinue();
    exchange.isReading = true;
    this.#bodies.read(request, (body) => {
      exchange.isReading = false;
      if (exchange.isAnswered) return;
      if (typeof body !== 'string') this.#refuse(exchange, body);
      else serve(body);
    });
    return undefined;
  }

  #serve(
    exchange: Exchange,
    endpoint: Endpoint,
    caller: Caller,
    pathFields: Readonly<Record<string, string>>,
    { query, path }: Address,
    body: string,
  ): void {
    const key = exchange.request.headers['idempotency-key'];
    const idempotencyKey = typeof key === 'string' ? key : undefined;
    let answer: Answer | Promise<Answer>;
    try {
      answer = endpoint.answer({ pathFields, query, body, idempotencyKey }, path, caller, () =>
        traceIdOf(traceparentOf(exchange)),
      );
    } catch (error) {
      this.#fail(exchange, error);
      return;
    }
    if (answer instanceof Promise)
      answer.then(
        (late) => this.#send(exchange, late),
        (error: unknown) => this.#fail(exchange, error),
      );
    else this.#send(exchange, answer);
  }

  #tellMethods(exchange: Exchange, allow: string): undefined {
    this.#send(exchange, { status: 204, type: '', body: '', headers: { Allow: allow } });
    return undefined;
  }

  #refuse(exchange: Exchange, problem: Problem): void {
    const { request } = exchange;
    if (!request.complete && mayNotEnd(request, this.#options.limits)) this.#closeSlowly(exchange);
    this.#send(exchange, problemAnswer(problem, exchange.instance));
  }

  /** An error of this program. */
  #fail(exchange: Exchange, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.log(500, { route: exchange.route, stack });
    const detail =
      'the request failed for an unknown reason. It may have happened: ask again with the same request id.';
    this.#send(exchange, problemAnswer({ status: 500, code: OUTCOME_UNKNOWN, detail }, exchange.instance));
  }

  #send(exchange: Exchange, { status, type, body, headers, code }: Answer): void {
    if (exchange.isAnswered) return;
    exchange.isAnswered = true;
    const { request, response, beganAtMs, route } = exchange;
    const ms = this.#options.clock.monotonicMs() - beganAtMs;
    const method = STANDARD_METHODS.has(request.method ?? '') ? (request.method as string) : 'other';
    this.figures.count(method, route, status, ms);
    if (this.#options.logs(status)) this.#log(exchange, status, ms, code);
    if (response.destroyed) return;
    const fields: string[] = [...HEADERS];
    if (status !== 204) fields.push('Content-Type', type, 'Content-Length', String(Buffer.byteLength(body)));
    for (const name in headers) fields.push(name, headers[name] as string);
    const name = request.headers['x-request-id'];
    if (typeof name === 'string' && REQUEST_NAME.test(name)) fields.push('X-Request-Id', name);
    if (exchange.isLast || this.#state === 'draining') fields.push('Connection', 'close');
    response.writeHead(status, fields).end(body);
  }

  #log(exchange: Exchange, status: number, ms: number, code: Answer['code']): void {
    const { request, route, client } = exchange;
    const { headers, method } = request;
    const { 'x-request-id': name } = headers;
    this.#options.log(status, {
      method,
      route,
      status,
      ...(code !== undefined && { code }),
      ms: Math.round(ms * 1000) / 1000,
      client: client || this.#clientOf(request),
      traceparent: traceparentOf(exchange),
      ...(typeof name === 'string' && REQUEST_NAME.test(name) && !mayBePhoneNumber(name) && { request_name: name }),
    });
  }

  #end(exchange: Exchange): void {
    if (exchange.hasEnded) return;
    exchange.hasEnded = true;
    this.#inFlight--;
    if (this.#inFlight > 0) return;
    this.#onIdle?.();
  }

  #clientOf({ socket, headers }: IncomingMessage): string {
    const { trustedProxies } = this.#options;
    const forwardedFor = headers['x-forwarded-for'];
    const own = socket.remoteAddress ?? 'unknown';
    if (trustedProxies > 0 && typeof forwardedFor === 'string')
      return clientOf(addressBehind(own, forwardedFor, trustedProxies));
    let client = this.#clients.get(socket);
    if (client === undefined) {
      client = clientOf(own);
      this.#clients.set(socket, client);
    }
    return client;
  }

  /**
   * The client is still sending. If its connection were cut at once, the system would throw the answer away. So it is
   * read on, within bounds, and cut then.
   */
  #closeSlowly(exchange: Exchange): void {
    const { request } = exchange;
    const { socket } = request;
    exchange.isLast = true;
    socket.destroySoon = () => lingerThenCut(socket);
    request.resume();
  }

  /** What Node could not read as a request, or not in time. */
  #refuseSocket(error: NodeJS.ErrnoException, socket: Duplex): void {
    const last = this.#exchanges.get(socket)?.at(-1);
    const isItsBody = last !== undefined && !last.request.complete;
    const unfinished = this.#unfinishedOn(socket);
    // An answer now would be taken for that of a request before this one, or be its second.
    const isMistakable = isItsBody ? !last.isReading || unfinished.length > 1 : unfinished.length > 0;
    if (!socket.writable || error.code === 'ECONNRESET' || isMistakable) {
      socket.destroy();
      return;
    }
    if (isItsBody) last.isAnswered = true;
    this.#answerSocket(socket, problemOfParser(error, this.#options.limits));
  }

  #remember(exchange: Exchange): void {
    const { socket } = exchange.request;
    let exchanges = this.#exchanges.get(socket);
    if (exchanges === undefined) {
      const own: Exchange[] = [];
      exchanges = own;
      this.#exchanges.set(socket, own);
      // An answer that waits for the one before it is not told that the connection is gone.
      socket.once('close', () => {
        for (const open of own.splice(0)) this.#end(open);
      });
    }
    // Answers are written in the order of their requests.
    while (exchanges[0]?.response.writableFinished) exchanges.shift();
    exchanges.push(exchange);
  }

  /** Those whose answers are not all handed to the socket. What is written to it now comes after the others. */
  #unfinishedOn(socket: Duplex): Exchange[] {
    const isWritten = ({ response }: Exchange) =>
      response.writableFinished || (response.writableEnded && response.socket === socket);
    return (this.#exchanges.get(socket) ?? []).filter((exchange) => !isWritten(exchange));
  }

  #answerSocket(socket: Duplex, problem: Problem): void {
    this.figures.count('other', NO_ROUTE, problem.status, 0);
    if (this.#options.logs(problem.status))
      this.#options.log(problem.status, { route: NO_ROUTE, status: problem.status, reason: problem.detail });
    const body = encodeProblem(problem, '');
    const lines = [
      `HTTP/1.1 ${problem.status} ${STATUS_TITLES[problem.status]}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      ...Object.entries(problem.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    lingerThenCut(socket);
  }
}

function traceparentOf(exchange: Exchange): string {
  const { traceparent } = exchange.request.headers;
  exchange.traceparent ??= continueTrace(typeof traceparent === 'string' ? traceparent : undefined);
  return exchange.traceparent;
}

const NO_TUNNEL: Problem = {
  status: 405,
  code: 'method_not_allowed',
  detail: 'this server is no proxy',
  headers: { Allow: ANY_METHOD },
};

const STANDARD_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

function lingerThenCut(socket: Duplex): void {
  socket.on('error', () => {});
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

function problemOfParser({ code = '', message }: NodeJS.ErrnoException, limits: HttpLimits): Problem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return {
      status: 431,
      code: 'headers_too_large',
      detail: `address and headers have more than ${limits.headerBytesMax} bytes`,
    };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, code: 'too_slow', detail: 'the request did not arrive in time' };
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return { status: 413, code: 'body_too_large', detail: 'the extensions of chunks are too large' };
  return { status: 400, code: 'not_http', detail: `this is not a request of HTTP/1.1: ${message}` };
}
