/**
 * One instance: the node, its store, and HTTP in front of it. It starts in this order: the port, then the node. It ends
 * in the reverse order: no new connections, the requests in flight, the node, which gives its node number back, and the
 * store.
 */

import { createHash, randomBytes } from 'node:crypto';
import { MeasuredEngine } from '../../api/measured-engine.ts';
import { NodeClient } from '../../api/node-client.ts';
import { encodeOpenApi } from '../../api/openapi.ts';
import { encodePage, PAGE_SCRIPT, PAGE_STYLE } from '../../api/page.ts';
import { type Problem, unavailable } from '../../api/problems.ts';
import { encodeMetrics, type InstanceFigures } from '../../api/prometheus.ts';
import type { Route } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/routes.ts';
import { RpcRoute } from '../../api/rpc-route.ts';
import { type Answer, problemAnswer, Service } from '../../api/service.ts';
import { RPC_ROUTE, SYSTEM_ROUTES } from '../../api/system-routes.ts';
import type { EngineFigures, StoreEngine } from '../../kv/store.ts';
import { AssertionFailure } from '../../node/assertion.ts';
import type { Environment, LogFields, Logger } from '../../node/environment.ts';
import { Node, type StartHandlers } from '../../node/node.ts';
import type { Rpc } from '../../protocol/rpc.ts';
import { createRandomUint32, setSystemTimer, systemClock } from '../system.ts';
import { Access, findMissingScope } from './access.ts';
import type { Endpoint } from './endpoint.ts';
import { Front, type FrontOptions } from './front.ts';

/** How long the store may take to show that it answers, and how long that is taken for granted, ms. */
const READY_MS_MAX = 1000;
const READY_AGAIN_MS = 500;
/** A key that is never written. */
const READY_KEY = 'readiness';

/** How long the node and the store may take to end once HTTP has, ms. */
const END_MS_MAX = 2000;

export interface InstanceOptions extends Pick<FrontOptions, 'host' | 'port' | 'tls' | 'limits'> {
  readonly engine: StoreEngine;
  /** Makes the handlers on this store, which counts the calls of the engine. */
  readonly startHandlers: (store: StoreEngine) => StartHandlers;
  /** What the handlers serve. */
  readonly rpcs: readonly Rpc[];
  readonly tokens: ConstructorParameters<typeof Access>[0]['tokens'];
  readonly ratePerSecond: number | undefined;
  readonly inFlightMax: number;
  readonly version: string;
  readonly instanceId: string;
  readonly log: Logger;
  /** Whether every request is logged, or only failures. */
  readonly logsRequests: boolean;
  /** Called once if the node cannot go on. */
  readonly onCrash: (error: Error) => void;
}

export class Instance {
  readonly #options: InstanceOptions;
  readonly #engine: MeasuredEngine;
  readonly #client: NodeClient;
  readonly #node: Node;
  #front: Front | undefined;
  #readiness: { readonly atMs: number; readonly trouble: Promise<string | undefined> } | undefined;

  /** Resolves when it serves. Rejects if the port cannot be had, or if the node cannot start. */
  static async start(options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(options);
    await instance.#start();
    return instance;
  }

  private constructor(options: InstanceOptions) {
    const { engine, startHandlers, inFlightMax, log } = options;
    this.#options = options;
    this.#engine = new MeasuredEngine(engine, systemClock);
    const base = { clock: systemClock, setTimer: setSystemTimer, log };
    this.#client = new NodeClient(base);
    const environment: Environment = {
      ...base,
      randomUint32: createRandomUint32(),
      offerReply: this.#client.offerReply,
      transmit: this.#client.transmit,
      crash: (error) => this.#crash(error),
    };
    this.#node = new Node(environment, startHandlers(this.#engine), { inFlightMax });
  }

  get url(): string {
    return this.#requireFront().url;
  }

  /** Ends it. Requests in flight have `withinMs` to finish. */
  async stop(reason: string, withinMs: number): Promise<void> {
    const front = this.#requireFront();
    await front.drain(withinMs);
    front.close();
    this.#node.stop(reason);
    await bounded(this.#node.idle(), END_MS_MAX);
    // The node number is given back by a call that nobody waits for. It is made when the queue of promises is empty.
    await new Promise((resolve) => setImmediate(resolve));
    await bounded(this.#engine.close(), END_MS_MAX);
  }

  /** Closes all connections at once, so that a stop in progress goes on. */
  hurry(): void {
    this.#front?.close();
  }

  async #start(): Promise<void> {
    const { host, port, tls, limits, tokens, ratePerSecond, log, logsRequests, instanceId } = this.#options;
    const access = new Access({ tokens, ratePerSecond, clock: systemClock });
    const logRequest = (status: number, fields: LogFields) => {
      if (status === 500 || status === 504) log.warn('a request failed', fields);
      else if (logsRequests) log.info('request', fields);
    };
    const endpoints = this.#endpoints();
    this.#front = await Front.listen({ host, port, tls, limits, endpoints, access, clock: systemClock, logRequest });
    try {
      await this.#client.start(this.#node, instanceId);
    } catch (error) {
      this.#front.close();
      throw error;
    }
    this.#front.open();
  }

  #endpoints(): Endpoint[] {
    const { rpcs } = this.#options;
    const types = new Set(rpcs.map(({ type }) => type));
    const routes = ROUTES.filter(({ rpc }) => types.has(rpc.type));
    const service = new Service({
      client: this.#client,
      digest: (text) => `sha256-${createHash('sha256').update(text).digest('hex')}`,
      newRequestId: newUuid,
    });
    const rpcRoute = new RpcRoute(this.#client, rpcs);
    const answers = this.#systemAnswers(routes);
    const system = SYSTEM_ROUTES.filter((route) => route !== RPC_ROUTE).map(({ method, path, type, limited }) => {
      const answer = answers[path] as () => Answer | Promise<Answer>;
      const send = (body: Answer): Answer => (body.type === '' ? { ...body, type } : body);
      const endpoint: Endpoint = {
        method,
        path,
        scope: undefined,
        isOpen: true,
        isLimited: limited,
        isSystem: true,
        answer: () => {
          const given = answer();
          return given instanceof Promise ? given.then(send) : send(given);
        },
      };
      return endpoint;
    });
    const rpc: Endpoint = {
      ...RPC_ROUTE,
      scope: undefined,
      isOpen: false,
      isLimited: true,
      isSystem: false,
      answer: ({ body }, path, caller) => {
        const read = rpcRoute.read(body);
        if ('answer' in read) return read.answer;
        const missing = findMissingScope(caller, read.scope);
        return missing === undefined ? rpcRoute.answer(read.body) : problemAnswer(missing, path);
      },
    };
    return [...system, rpc, ...routes.map((route) => endpointOf(route, service))];
  }

  /** By path. An empty type stands for that of the table. */
  #systemAnswers(routes: readonly Route[]): Readonly<Record<string, () => Answer | Promise<Answer>>> {
    const { version } = this.#options;
    const openApi = encodeOpenApi(routes, version);
    const page = encodePage(routes, version);
    const text = (body: string, headers = {}): Answer => ({ status: 200, type: '', body, headers });
    return {
      '/healthz': () => text('{"status":"ok"}'),
      '/readyz': async () => {
        const trouble = await this.#findTrouble();
        return trouble === undefined ? text('{"status":"ready"}') : problemAnswer(notReady(trouble), '/readyz');
      },
      '/metrics': () => text(encodeMetrics(this.#figures())),
      '/state': async () => text(JSON.stringify({ trouble: await this.#findTrouble(), ...this.#state() })),
      '/openapi.json': () => text(openApi),
      '/': () => text(page, { 'Content-Security-Policy': PAGE_POLICY }),
    };
  }

  #state(): object {
    const { http: _http, storeCalls, ...figures } = this.#figures();
    const calls = Object.entries(storeCalls).map(([call, { outcomes }]) => [call, Object.fromEntries(outcomes)]);
    return { ...figures, store_calls: Object.fromEntries(calls) };
  }

  #figures(): InstanceFigures {
    const front = this.#requireFront();
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const engine: EngineFigures = this.#engine.figures();
    return {
      instance: this.#options.instanceId,
      version: this.#options.version,
      store: this.#engine.name,
      ready: front.state === 'serving',
      http: front.figures,
      connections: front.connections,
      inFlight: front.inFlight,
      bodyBytesHeld: front.bodyBytesHeld,
      node: this.#node.readMetrics(),
      storeCalls: this.#engine.calls,
      engine,
      process: { residentBytes: rss, heapBytes: heapUsed, cpuSeconds: (user + system) / 1e6 },
    };
  }

  /** Why it does not serve. The store is asked at most once in a while, however many ask. */
  #findTrouble(): Promise<string | undefined> {
    const { state } = this.#requireFront();
    if (state === 'starting') return Promise.resolve('the instance is starting');
    if (state === 'draining') return Promise.resolve('the instance is ending');
    const nowMs = systemClock.monotonicMs();
    if (this.#readiness === undefined || nowMs - this.#readiness.atMs > READY_AGAIN_MS)
      this.#readiness = { atMs: nowMs, trouble: this.#askStore() };
    return this.#readiness.trouble;
  }

  async #askStore(): Promise<string | undefined> {
    const { name } = this.#engine;
    const read = await bounded(this.#engine.read(READY_KEY), READY_MS_MAX);
    if (read === undefined) return `the store ${name} did not answer within ${READY_MS_MAX / 1000} s`;
    return read.kind === 'failed' ? `the store ${name} does not answer: ${read.error.message}` : undefined;
  }

  #crash(error: Error): void {
    const reason = error instanceof AssertionFailure ? (error.stack ?? error.message) : error.message;
    this.#options.log.error('the node cannot go on', { reason });
    this.#options.onCrash(error);
  }

  #requireFront(): Front {
    if (this.#front === undefined) throw new Error('the instance does not listen yet');
    return this.#front;
  }
}

function endpointOf(route: Route, service: Service): Endpoint {
  return {
    method: route.method,
    path: route.path,
    scope: route.scope,
    isOpen: false,
    isLimited: true,
    isSystem: false,
    answer: (raw, path) => service.answer(route, raw, path),
  };
}

function notReady(trouble: string): Problem {
  return { ...unavailable(trouble), code: 'not_ready' };
}

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing but the page's own script and style runs, and it can ask this server only. */
const PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(PAGE_SCRIPT)}`,
  `style-src ${hashOf(PAGE_STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const NAME_BITS = 64;

/** A name that no other instance has: `i-` and 64 random bits in base 32. */
export function newInstanceId(): string {
  let bits = randomBytes(NAME_BITS / 8).readBigUInt64BE();
  let name = '';
  for (let rest = NAME_BITS; rest > 0; rest -= 5) {
    name += BASE32[Number(bits & 31n)];
    bits >>= 5n;
  }
  return `i-${name}`;
}

/** A UUID of version 7 (RFC 9562): the time in ms, then random bits. */
function newUuid(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(systemClock.wallMs(), 0, 6);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The result, or undefined after `withinMs`. */
async function bounded<T>(work: Promise<T>, withinMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, withinMs, undefined);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
