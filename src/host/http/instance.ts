/**
 * One instance: the node, its store, and HTTP in front of it. It starts in this order: the port, then the node. It ends
 * in the reverse order: no new connections, the requests in flight (at once, if they only wait), the node, which gives
 * its node number back, and the store.
 */

import { MeasuredEngine } from '../../api/measured-engine.ts';
import { NodeClient } from '../../api/node-client.ts';
import type { InstanceFigures } from '../../api/prometheus.ts';
import { auditDocuments } from '../../audit/begin-chain.ts';
import type { ChainHash } from '../../audit/entry.ts';
import { AuditExpiry } from '../../audit/expiry.ts';
import { AuditTrail } from '../../audit/trail.ts';
import type { StoreEngine } from '../../kv/store.ts';
import { AssertionFailure } from '../../node/assertion.ts';
import type { Environment, Logger } from '../../node/environment.ts';
import { Node, type StartHandlers } from '../../node/node.ts';
import type { Rpc } from '../../protocol/rpc.ts';
import { createRandomUint32, setSystemTimer, systemClock } from '../system.ts';
import { Access, type AccessOptions } from './access.ts';
import { bounded } from './bounded.ts';
import { createEndpoints, type EndpointsOptions } from './endpoints.ts';
import { Front, type FrontOptions } from './front.ts';
import { newUuid } from './names.ts';
import { StoreReadiness } from './readiness.ts';

/** How long the node and the store may each take to end once HTTP has, ms. */
const END_MS_MAX = 2000;

export interface InstanceOptions
  extends Pick<FrontOptions, 'host' | 'port' | 'tls' | 'limits' | 'trustedProxies'>,
    Pick<AccessOptions, 'tokens' | 'ratePerSecond' | 'personal' | 'hashesSubjects'> {
  /** It is closed when the instance has ended. */
  readonly engine: StoreEngine;
  /** Makes the handlers on this store, which counts the calls of the engine. */
  readonly startHandlers: (store: StoreEngine) => StartHandlers;
  /** How changes are audited; undefined: they are not. */
  readonly audit?: AuditSettings | undefined;
  /** What the handlers serve. */
  readonly rpcs: readonly Rpc[];
  readonly version: string;
  /** The node's id: unique for ever. */
  readonly instanceId: string;
  readonly log: Logger;
  /** Whether every request is logged, or only failures. */
  readonly logsRequests: boolean;
  /** Called if the node cannot go on. */
  readonly onCrash: () => void;
}

export interface AuditSettings {
  readonly hash: ChainHash;
  /** How long entries are kept, ms; undefined: for ever. */
  readonly retainMs: number | undefined;
}

export class Instance {
  readonly #options: InstanceOptions;
  readonly #engine: MeasuredEngine;
  readonly #readiness: StoreReadiness;
  readonly #client: NodeClient;
  readonly #node: Node;
  readonly #trail: AuditTrail | undefined;
  readonly #expiry: AuditExpiry | undefined;
  #isEnding = false;
  #front: Front | undefined;

  /** Resolves when it serves. Rejects if the port cannot be had, or if the node cannot start. */
  static async start(options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(options);
    await instance.#start();
    return instance;
  }

  private constructor(options: InstanceOptions) {
    const { engine, startHandlers, limits, log } = options;
    this.#options = options;
    this.#engine = new MeasuredEngine(engine, systemClock);
    this.#readiness = new StoreReadiness(this.#engine, systemClock);
    const base = { clock: systemClock, setTimer: setSystemTimer, log };
    this.#client = new NodeClient(base);
    const environment: Environment = {
      ...base,
      randomUint32: createRandomUint32(),
      offerReply: this.#client.offerReply,
      transmit: this.#client.transmit,
      crash: (error) => this.#crash(error),
    };
    this.#node = new Node(environment, startHandlers(this.#engine), { inFlightMax: limits.inFlightMax });
    const { audit, instanceId } = options;
    if (audit === undefined) return;
    const context = { ...environment, sleep: (ms: number) => this.#sleep(ms) };
    const { hash, retainMs } = audit;
    const newChain = () => newUuid(systemClock.wallMs());
    this.#trail = new AuditTrail({ kv: this.#engine, context, hash, instance: instanceId, newChain });
    if (retainMs !== undefined) this.#expiry = new AuditExpiry({ engine: this.#engine, context, hash, retainMs });
  }

  get url(): string {
    return this.#requireFront().url;
  }

  /** Ends it. Requests in flight have `withinMs` to finish. */
  async stop(reason: string, withinMs: number): Promise<void> {
    const front = this.#requireFront();
    const drained = front.drain(withinMs);
    // What waits for something to happen would hold the end for all of that time, and be cut off then.
    this.#node.drain();
    await drained;
    front.close();
    await bounded(this.#trail?.close() ?? Promise.resolve(), END_MS_MAX);
    this.#isEnding = true;
    this.#node.stop(reason);
    await bounded(this.#node.idle(), END_MS_MAX);
    // The node number is given back by a call whose end is not waited for. It begins before the next turn of the event
    // loop.
    await new Promise((resolve) => setImmediate(resolve));
    await bounded(this.#engine.close(), END_MS_MAX);
  }

  /** Closes all connections at once, so that a stop in progress goes on. */
  hurry(): void {
    this.#front?.close();
  }

  async #start(): Promise<void> {
    const {
      host,
      port,
      tls,
      limits,
      trustedProxies,
      tokens,
      ratePerSecond,
      personal,
      hashesSubjects,
      log,
      logsRequests,
      ...options
    } = this.#options;
    // Not 503: under overload that would be a line for every request.
    const isFailure = (status: number) => status === 500 || status === 504;
    const endpoints = createEndpoints({
      client: this.#client,
      rpcs: options.rpcs,
      personal,
      audit: this.#auditParts(),
      version: options.version,
      figures: () => this.#figures(),
      findTrouble: () => this.#findTrouble(),
    });
    this.#front = await Front.listen({
      host,
      port,
      tls,
      limits,
      endpoints,
      trustedProxies,
      access: new Access({ tokens, ratePerSecond, clock: systemClock, personal, hashesSubjects }),
      clock: systemClock,
      logs: (status) => logsRequests || isFailure(status),
      log: (status, fields) => (isFailure(status) ? log.warn('a request failed', fields) : log.info('request', fields)),
    });
    try {
      await this.#client.start(this.#node, options.instanceId);
    } catch (error) {
      this.#front.close();
      throw error;
    }
    this.#expiry?.start();
    this.#front.open();
  }

  #auditParts(): EndpointsOptions['audit'] {
    const trail = this.#trail;
    if (trail === undefined) return undefined;
    const context = { clock: systemClock, randomUint32: createRandomUint32(), sleep: (ms: number) => this.#sleep(ms) };
    return { trail, reader: { engine: this.#engine, documents: auditDocuments({ kv: this.#engine, context }) } };
  }

  /** Resolves to whether the instance goes on. */
  #sleep(ms: number): Promise<boolean> {
    return new Promise((resolve) => setSystemTimer(ms, () => resolve(!this.#isEnding)));
  }

  #figures(): InstanceFigures {
    const front = this.#requireFront();
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return {
      instance: this.#options.instanceId,
      version: this.#options.version,
      store: this.#engine.name,
      ready: front.state === 'serving',
      http: front.figures,
      connections: front.connections,
      inFlight: front.inFlight,
      bodyBytesHeld: front.bodyBytesHeld,
      node: this.#readMetrics(),
      storeCalls: this.#engine.calls,
      engine: this.#engine.figures(),
      process: { residentBytes: rss, heapBytes: heapUsed, cpuSeconds: (user + system) / 1e6 },
    };
  }

  #readMetrics(): InstanceFigures['node'] {
    const metrics = this.#node.readMetrics();
    if (this.#trail === undefined) return metrics;
    const audit = { ...this.#trail.figures(), ...(this.#expiry && { 'removed-pages': this.#expiry.removedCount }) };
    return { ...metrics, parts: { ...metrics.parts, audit } };
  }

  async #findTrouble(): Promise<string | undefined> {
    const { state } = this.#requireFront();
    if (state === 'starting') return 'the instance is starting';
    return state === 'draining' ? 'the instance is ending' : this.#readiness.findTrouble();
  }

  #crash(error: Error): void {
    const reason = error instanceof AssertionFailure ? (error.stack ?? error.message) : error.message;
    this.#options.log.error('the node cannot go on', { reason });
    this.#options.onCrash();
  }

  #requireFront(): Front {
    if (this.#front === undefined) throw new Error('the instance does not listen yet');
    return this.#front;
  }
}
