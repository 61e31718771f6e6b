/**
 * The clients of a run, for services: `POST /rpc` over connections that stay open, any number of requests at once. How
 * a request ended becomes a reply by the rules of `http-rules.ts`.
 *
 * No request is sent twice. Also where a connection that was used before breaks at once, an instance may have taken the
 * request, so it is for the run to ask again.
 */

import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { stringifyRecord } from '../../protocol/exact-json.ts';
import { HTTP_RULES, type HttpRule, isDenied, replyTo, type Seen, seeAnswer } from './http-rules.ts';

const ANSWER_MS_MAX = 30_000;
/** Less than a client of a run waits, so that it gets to know. A lost SYN is sent again after a second. */
const CONNECT_MS_MAX = 3000;
const READINESS_MS_MAX = 5000;
/** As long as a line of a node may be. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const READY_PATH = '/readyz';
const RPC_PATH = '/rpc';

export interface ServiceClientOptions {
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** A request without an answer is dropped after so long, ms. Default: 30 s. */
  readonly answerMsMax?: number;
  /** A connection that has not come about after so long is given up, ms. Default: 3 s. */
  readonly connectMsMax?: number;
  /** A longer body is taken for a broken connection. Default: 64 MiB. */
  readonly bodyBytesMax?: number;
  /** Default: {@link HTTP_RULES}. */
  readonly rules?: readonly HttpRule[];
}

export class ServiceClient {
  readonly #options: ServiceClientOptions;
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https = new HttpsAgent({ keepAlive: true });
  #closed = false;

  constructor(options: ServiceClientOptions = {}) {
    this.#options = options;
  }

  /**
   * Asks an instance.
   *
   * @param url of the instance, `http://127.0.0.1:8080`; it may have a path. Undefined: it has never listened
   * @param reply called at most once, with the text of a JSON object that has a `type` and no `in_reply_to`
   */
  ask(url: string | undefined, body: Readonly<Record<string, unknown>>, reply: (body: string) => void): void {
    const { rules = HTTP_RULES, answerMsMax = ANSWER_MS_MAX } = this.#options;
    const see = (seen: Seen) => {
      const text = replyTo(seen, rules);
      if (text !== undefined) reply(text);
    };
    if (url === undefined) queueMicrotask(() => see({ kind: 'unsent', why: 'it does not listen yet' }));
    else this.#send(url, RPC_PATH, stringifyRecord(body), answerMsMax, see);
  }

  /**
   * Why an instance does not serve, in words, by its `GET /readyz`, or because it denies any request; undefined: it
   * serves. Unsettled after `close`.
   */
  findTrouble(url: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#send(url, READY_PATH, undefined, READINESS_MS_MAX, (seen) => {
        if (!isReady(seen)) {
          resolve(describeTrouble(`${url}${READY_PATH}`, seen));
          return;
        }
        // Its probes need no token.
        this.#send(url, RPC_PATH, '{}', READINESS_MS_MAX, (asked) => {
          resolve(isDenied(asked) ? describeTrouble(`${url}${RPC_PATH}`, asked) : undefined);
        });
      });
    });
  }

  /** Ends all connections. What is in flight gets no reply. */
  close(): void {
    this.#closed = true;
    this.#http.destroy();
    this.#https.destroy();
  }

  /** @param see called once, unless the client is closed before */
  #send(url: string, path: string, body: string | undefined, answerMsMax: number, see: (seen: Seen) => void): void {
    if (this.#closed) return;
    const { token, connectMsMax = CONNECT_MS_MAX, bodyBytesMax = BODY_BYTES_MAX } = this.#options;
    const address = new URL(`${url.replace(/\/+$/, '')}${path}`);
    const settings = {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    };
    const request =
      address.protocol === 'https:'
        ? requestHttps(address, { ...settings, agent: this.#https })
        : requestHttp(address, { ...settings, agent: this.#http });

    let isConnected = false;
    let isSettled = false;
    const settle = (seen: Seen) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(connectTimer);
      clearTimeout(answerTimer);
      // Otherwise the connection is kept for the next request.
      if (seen.kind !== 'answered') request.destroy();
      if (!this.#closed) see(seen);
    };
    const fail = (why: string) => settle({ kind: isConnected ? 'broken' : 'unsent', why });
    const connectTimer = setTimeout(() => fail(`it took more than ${connectMsMax} ms`), connectMsMax);
    const answerTimer = setTimeout(() => settle({ kind: 'silent' }), answerMsMax);
    const onConnected = () => {
      isConnected = true;
      clearTimeout(connectTimer);
    };
    request
      .on('socket', (socket) => {
        // Nothing is written before this process sees the connection, and nothing to a socket that is destroyed.
        if (socket.connecting) socket.once('connect', onConnected);
        else if (!socket.destroyed) onConnected();
      })
      .on('response', (response) => receive(response, bodyBytesMax, settle, fail))
      .on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
      .on('close', () => fail('it was closed without an answer'))
      .end(body);
  }
}

function receive(
  response: IncomingMessage,
  bodyBytesMax: number,
  settle: (seen: Seen) => void,
  fail: (why: string) => void,
): void {
  const { statusCode = 0, headers } = response;
  const chunks: Buffer[] = [];
  let bytes = 0;
  response
    .on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) fail(`the body has more than ${bodyBytesMax} bytes`);
      else chunks.push(chunk);
    })
    .on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    .on('end', () => settle(seeAnswer(statusCode, headers['content-type'], decode(Buffer.concat(chunks)))));
}

/** Undefined: it is not UTF-8. */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** As `serve` says it. Another server may answer 200 to everything. */
function isReady(seen: Seen): boolean {
  return seen.kind === 'answered' && seen.status === 200 && seen.json?.status === 'ready';
}

function describeTrouble(address: string, seen: Seen): string {
  switch (seen.kind) {
    case 'answered': {
      const hint = seen.status === 401 ? ' (--token FILE sends one to --url)' : '';
      if (typeof seen.json?.detail === 'string') return `${address} answers ${seen.status}: ${seen.json.detail}${hint}`;
      return `${address} answers ${seen.status}, not as snowstorm serve does: is this the address of an instance?`;
    }
    case 'silent':
      return `${address} does not answer`;
    default:
      return `${address} cannot be reached: ${seen.why}`;
  }
}
