/**
 * One member of the cluster, spoken to over the JSON gateway: a request is sent once, and it ends within its time
 * however the member behaves. Connections are kept alive.
 *
 * A request gets a connection only when that is ready, TLS included. So without a connection nothing was sent, and that
 * is certain.
 */

import * as http from 'node:http';
import * as https from 'node:https';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { Failure } from './failures.ts';

/** The contents of files in PEM. */
export interface EtcdTls {
  /** Certificates of the authorities that are trusted. Default: those of Node. */
  readonly ca?: string;
  /** The client's own certificate and key, where members ask for one. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that certificates of members must hold. Default: the host of the URL. */
  readonly serverName?: string;
}

export type Attempt =
  | { readonly kind: 'ok'; readonly body: unknown }
  | { readonly kind: 'failed'; readonly failure: Failure };

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** 127 values of the largest size, in base64. More is not an answer to what is asked. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

export class Gateway {
  readonly url: string;
  readonly #location: { readonly protocol: string; readonly host: string; readonly port: number };
  readonly #agent: http.Agent;

  /**
   * Throws an Error if a certificate or key is none.
   *
   * @param connectMs a connection that is not ready after this time is given up
   */
  constructor(url: string, tlsOptions: EtcdTls, connectMs: number) {
    const { protocol, hostname, port } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    this.url = url;
    const address = { host, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
    this.#location = { protocol, ...address };
    const secureContext = protocol === 'https:' ? createContext(tlsOptions) : undefined;
    const { serverName = host } = tlsOptions;
    const secure = { ...address, ...nameOf(serverName), ...(secureContext && { secureContext }) };
    this.#agent = new (secureContext ? https.Agent : http.Agent)({ keepAlive: true });
    this.#agent.createConnection = (_, onReady) => {
      const socket = secureContext ? tls.connect(secure) : net.connect(address);
      whenReady(socket, secureContext ? 'secureConnect' : 'connect', connectMs, onReady as OnReady);
      return undefined;
    };
  }

  /** Sends one request and parses the answer. Never rejects. */
  async post(path: string, body: string, token: string | undefined, timeoutMs: number): Promise<Attempt> {
    const headers = {
      'Content-Type': 'application/json',
      // Without it a member that has lost its leader keeps requests waiting.
      'Grpc-Metadata-hasleader': 'true',
      ...(token !== undefined && { Authorization: token }),
    };
    const answer = await this.#exchange('POST', path, headers, body, timeoutMs);
    return 'status' in answer ? readAnswer(answer) : { kind: 'failed', failure: answer };
  }

  /** The version of etcd at this address; undefined if there is no etcd. */
  async findVersion(timeoutMs: number): Promise<string | undefined> {
    const answer = await this.#exchange('GET', '/version', {}, '', timeoutMs);
    const version = 'status' in answer ? (parse(answer.text) as { etcdserver?: unknown } | undefined) : undefined;
    return typeof version?.etcdserver === 'string' ? version.etcdserver : undefined;
  }

  /** Lets go of all connections. */
  close(): void {
    this.#agent.destroy();
  }

  #exchange(
    method: string,
    path: string,
    headers: http.OutgoingHttpHeaders,
    body: string,
    timeoutMs: number,
  ): Promise<Answer | Failure> {
    return new Promise((resolve) => {
      const { protocol } = this.#location;
      const all = { ...headers, 'Content-Length': Buffer.byteLength(body) };
      const options = { ...this.#location, agent: this.#agent, method, path, headers: all };
      const request = (protocol === 'https:' ? https : http).request(options);
      let isSent = false;
      const end = (result: Answer | Failure) => {
        clearTimeout(timer);
        resolve(result);
      };
      const timer = setTimeout(() => {
        const reason = `no connection within ${Math.round(timeoutMs)} ms`;
        end(isSent ? { kind: 'timeout', timeoutMs } : { kind: 'not-sent', reason });
        request.destroy();
      }, timeoutMs);
      const fail = (error: NodeJS.ErrnoException) => end({ kind: isSent ? 'broken' : 'not-sent', ...reasonOf(error) });
      request.once('socket', () => {
        isSent = true;
      });
      request.on('error', fail);
      request.once('response', (response) =>
        receive(response, (text) => end({ status: response.statusCode ?? 0, text }), fail),
      );
      request.end(body);
    });
  }
}

function createContext({ ca, cert, key }: EtcdTls): tls.SecureContext {
  try {
    return tls.createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
  } catch (error) {
    const { reason, message } = error as Error & { reason?: string };
    const which = Object.entries({ ca, cert, key }).filter(([, text]) => text !== undefined);
    const names = which.map(([name]) => name).join(', ');
    throw new Error(`etcd: TLS: what was given as ${names} cannot be used: ${reason ?? message}. Each must be PEM`);
  }
}

type OnReady = (error: Error | null, socket?: Duplex) => void;

/** Calls back once: when the connection can be used, or when it is certain that it never will be. */
function whenReady(socket: net.Socket, event: string, connectMs: number, onReady: OnReady): void {
  const timer = setTimeout(
    () => socket.destroy(new Error(`no connection within ${Math.round(connectMs)} ms`)),
    connectMs,
  );
  const end = (error: Error | null) => {
    clearTimeout(timer);
    socket.removeListener('error', end);
    socket.removeListener('close', onClose);
    socket.removeListener(event, onConnect);
    if (error === null) onReady(null, socket);
    else onReady(error);
  };
  const onConnect = () => end(null);
  const onClose = () => end(new Error('the connection was closed before it was ready'));
  socket.once('error', end).once('close', onClose).once(event, onConnect);
}

/** An address is no name: TLS forbids it in the greeting, and Node compares the host itself. */
function nameOf(serverName: string): { readonly servername?: string } {
  return net.isIP(serverName) === 0 ? { servername: serverName } : {};
}

function receive(
  response: http.IncomingMessage,
  onText: (text: string) => void,
  onError: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error(`the answer has more than ${ANSWER_BYTES_MAX} bytes`));
  });
  response.once('end', () => onText(Buffer.concat(chunks).toString()));
  response.once('error', onError);
}

function readAnswer({ status, text }: Answer): Attempt {
  const body = parse(text) as
    | { readonly code?: unknown; readonly message?: unknown; readonly error?: unknown }
    | undefined;
  if (status === 200 && body !== undefined) return { kind: 'ok', body };
  const said = body?.message ?? body?.error;
  return typeof body?.code === 'number' && typeof said === 'string'
    ? { kind: 'failed', failure: { kind: 'error', status, code: body.code, text: said } }
    : { kind: 'failed', failure: { kind: 'foreign', status, text } };
}

/** The JSON object; undefined if it is none. */
function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Node gathers the errors of several addresses of one name in an AggregateError, whose own message is empty. The
 * message of an error of OpenSSL is about its source files; its `reason` is for people.
 */
function reasonOf(error: NodeJS.ErrnoException & { reason?: string }): {
  readonly reason: string;
  readonly code?: string;
} {
  const all = error instanceof AggregateError ? (error.errors as Error[]).map(({ message }) => message) : [];
  const own = error.code?.startsWith('ERR_SSL') && error.reason ? error.reason : error.message;
  const reason = all.length > 0 ? all.join(', ') : own || String(error.code);
  return error.code === undefined ? { reason } : { reason, code: error.code };
}
