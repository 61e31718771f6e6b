/**
 * A member of etcd for tests of failures: a real HTTP server with a store in memory, which answers as the JSON gateway
 * of etcd 3.4 does, or as a test tells it to. The conformance suite runs on it, so it is a correct store.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

// biome-ignore lint/suspicious/noExplicitAny: requests come in many shapes, and a wrong one fails the test that sent it
type Body = any;

export interface SeenRequest {
  readonly path: string;
  readonly body: Body;
  readonly headers: IncomingMessage['headers'];
}

/**
 * What is done with a request. `lose`: nothing, and the connection breaks. `lose-answer`: it is carried out, and the
 * connection breaks. `hang`: nothing, for good. An object: this is answered. A promise: it is served afterwards.
 */
export type Fate = 'serve' | 'lose' | 'lose-answer' | 'hang' | Answer | Promise<void>;

export const NO_LEADER = gatewayError(503, 14, 'etcdserver: no leader');
export const TIMED_OUT = gatewayError(
  503,
  14,
  'etcdserver: request timed out, possibly due to previous leader failure',
);
export const NO_SPACE = gatewayError(429, 8, 'etcdserver: mvcc: database space exceeded');
const DUPLICATE_KEY = gatewayError(400, 3, 'etcdserver: duplicate key given in txn request');
export const BAD_TOKEN = gatewayError(401, 16, 'etcdserver: invalid auth token');

interface Answer {
  readonly status: number;
  readonly body: object | string;
  /** The request is carried out first. */
  readonly isDone?: boolean;
}

export function gatewayError(status: number, code: number, text: string): Answer {
  return { status, body: { error: text, message: text, code } };
}

interface Entry {
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
}

/** What members share. */
export class ScriptedStore {
  readonly entries = new Map<string, Entry>();
  /** What a member knows that lags behind; only reads that allow it see it. */
  lagging: ReadonlyMap<string, Entry> | undefined;
  revision = 1;
  /** Tokens that are known. Without any, there are no users. */
  readonly tokens = new Set<string>();
}

export class ScriptedGateway {
  readonly requests: SeenRequest[] = [];
  readonly store: ScriptedStore;
  /** Decides on every request. */
  decide: (request: SeenRequest) => Fate = () => 'serve';
  readonly #server: Server;
  #port = 0;

  constructor(store = new ScriptedStore()) {
    this.store = store;
    this.#server = createServer((request, response) => void this.#receive(request, response));
  }

  static async start(store?: ScriptedStore): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway(store);
    await gateway.listen();
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get paths(): readonly string[] {
    return this.requests.map(({ path }) => path);
  }

  /** On the port that it had before, if it had one. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** From now on connections are refused. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** This fate for the next request that matches, then all is served again. */
  next(fate: Fate, matches: (request: SeenRequest) => boolean = () => true): void {
    const before = this.decide;
    this.decide = (request) => {
      if (!matches(request)) return before(request);
      this.decide = before;
      return fate;
    };
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const path = request.url ?? '';
    const seen = { path, body: text === '' ? {} : JSON.parse(text), headers: request.headers };
    if (request.method === 'POST') this.requests.push(seen);
    const fate = this.decide(seen);
    if (fate === 'hang') return;
    if (fate === 'lose') return void request.socket.destroy();
    if (fate instanceof Promise) await fate;
    const told = typeof fate === 'object' && 'status' in fate ? fate : undefined;
    const answer = told === undefined || told.isDone ? this.#serve(seen) : told;
    if (fate === 'lose-answer') return void request.socket.destroy();
    const { status, body } = told ?? answer;
    response
      .writeHead(status, { 'Content-Type': 'application/json' })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  #serve({ path, body, headers }: SeenRequest): Answer {
    const { tokens } = this.store;
    if (path === '/version') return { status: 200, body: { etcdserver: '3.4.23', etcdcluster: '3.4.0' } };
    if (path === '/v3/auth/authenticate') return { status: 200, body: { header: {}, token: this.#newToken() } };
    if (tokens.size > 0 && !tokens.has(headers.authorization ?? '')) return BAD_TOKEN;
    const header = () => ({ header: { revision: String(this.store.revision) } });
    switch (path) {
      case '/v3/kv/range':
        return { status: 200, body: { ...this.#range(body), ...header() } };
      case '/v3/kv/txn': {
        const keys = keysPut(body);
        if (new Set(keys).size < keys.length) return DUPLICATE_KEY;
        const next = this.store.revision + 1;
        const answer = this.#txn(body, next);
        return { status: 200, body: { ...answer, ...header() } };
      }
      case '/v3/kv/compaction':
        return { status: 200, body: header() };
      default:
        return { status: 404, body: 'Not Found\n' };
    }
  }

  #newToken(): string {
    const token = `token.${this.store.tokens.size + 1}`;
    this.store.tokens.add(token);
    return token;
  }

  #range({ key, range_end: end, limit = '0', keys_only: keysOnly = false, serializable = false }: Body): object {
    const { entries, lagging = entries } = this.store;
    const bytes = (name: string) => Buffer.from(name, 'base64');
    const found = [...(serializable ? lagging : entries)]
      .filter(([name]) => {
        if (end === undefined) return name === key;
        return Buffer.compare(bytes(name), bytes(key)) >= 0 && Buffer.compare(bytes(name), bytes(end)) < 0;
      })
      .sort(([one], [other]) => Buffer.compare(bytes(one), bytes(other)));
    const kept = Number(limit) > 0 ? found.slice(0, Number(limit)) : found;
    const kvs = kept.map(([name, { value, modRevision }]) => ({
      key: name,
      mod_revision: String(modRevision),
      ...(value !== '' && !keysOnly && { value }),
    }));
    return {
      ...(kvs.length > 0 && { kvs, count: String(found.length) }),
      ...(kept.length < found.length && { more: true }),
    };
  }

  #txn({ compare = [], success = [], failure = [] }: Body, next: number): object {
    const succeeded = compare.every((guard: Body) => this.#holds(guard));
    const responses = (succeeded ? success : failure).map((operation: Body) => this.#operate(operation, next));
    return { ...(succeeded && { succeeded }), ...(responses.length > 0 && { responses }) };
  }

  #holds({ key, target, result, create_revision: created, mod_revision: modified, value }: Body): boolean {
    const entry = this.store.entries.get(key);
    if (target === 'VALUE') return entry?.value === value;
    const [actual = 0, expected] =
      target === 'CREATE' ? [entry?.createRevision, created] : [entry?.modRevision, modified];
    return result === 'GREATER' ? actual > Number(expected) : String(actual) === expected;
  }

  #operate(
    { request_put: put, request_delete_range: gone, request_range: range, request_txn: txn }: Body,
    next: number,
  ): object {
    const header = { revision: String(next) };
    if (range !== undefined) return { response_range: { header, ...this.#range(range) } };
    if (txn !== undefined) return { response_txn: { header: {}, ...this.#txn(txn, next) } };
    this.store.revision = next;
    if (gone !== undefined) {
      const deleted = this.store.entries.delete(gone.key);
      return { response_delete_range: { header, ...(deleted && { deleted: '1' }) } };
    }
    const createRevision = this.store.entries.get(put.key)?.createRevision ?? next;
    this.store.entries.set(put.key, { value: put.value ?? '', createRevision, modRevision: next });
    return { response_put: { header } };
  }
}

/** The keys that a transaction changes, with all that is nested in it. */
function keysPut({ success = [], failure = [] }: Body): readonly string[] {
  return [...success, ...failure].flatMap(({ request_put: put, request_delete_range: gone, request_txn: txn }: Body) =>
    txn === undefined ? ((put ?? gone)?.key ?? []) : keysPut(txn),
  );
}
