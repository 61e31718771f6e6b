/**
 * The bed of services: a node is an instance of `snowstorm serve`, as a process of this machine or wherever its URL
 * leads. Clients ask it over HTTP. Only `init` comes as a line. The bed answers it itself when the instance is ready.
 */

import type { Bed, Engine, NodeEvents, NodeHandle, RecordMessage } from '../../harness/bed.ts';
import type { LogOptions } from '../processes/logged-process.ts';
import { type Life, type LifePlace, NodeLives } from '../processes/node-lives.ts';
import { InstanceProcess } from './instance-process.ts';
import { ReadinessWatch } from './readiness-watch.ts';
import { ServiceClient, type ServiceClientOptions } from './service-client.ts';

export interface ServiceBedOptions {
  readonly instances: InstanceCommand | ExternalInstances;
  readonly client?: ServiceClientOptions;
  /** The store under the instances, if it can be disturbed. */
  readonly engine?: Engine;
  /** See `Bed.observe`. */
  readonly observe?: (record: RecordMessage) => void;
}

/** How instances are started on this machine. The system chooses the port of the first life; later lives keep it. */
export interface InstanceCommand extends LogOptions {
  /** By its full path. */
  readonly program: string;
  /** The first arguments, before `--listen HOST:PORT`: `serve` is the last of them. */
  readonly args: readonly string[];
  /** Those that follow, such as the store and the workload. */
  readonly argsOf: (nodeId: string) => readonly string[];
}

/** Instances that were started by others. They can be asked, but neither killed nor paused. */
export interface ExternalInstances {
  /** By node id. */
  readonly urls: ReadonlyMap<string, string>;
}

/** A store on this machine elects and is written to in real time, beside everything else that runs here. */
const RECOVERY_MS_MAX = 30_000;

export class ServiceBed implements Bed {
  readonly recoveryMsMax = RECOVERY_MS_MAX;
  readonly engine?: Engine;
  readonly observe?: (record: RecordMessage) => void;
  readonly #instances: InstanceCommand | ExternalInstances;
  readonly #client: ServiceClient;
  readonly #lives: NodeLives<StartedNode> | undefined;
  /** Where nodes listen. A node that never did is not in it. */
  readonly #urls: Map<string, string>;

  constructor({ instances, client, engine, observe }: ServiceBedOptions) {
    this.#instances = instances;
    this.#client = new ServiceClient(client);
    this.#lives = 'urls' in instances ? undefined : new NodeLives(instances.logFolder);
    this.#urls = new Map('urls' in instances ? instances.urls : []);
    if (engine !== undefined) this.engine = engine;
    if (observe !== undefined) this.observe = observe;
  }

  startNode(nodeId: string, events: NodeEvents): NodeHandle {
    const instances = this.#instances;
    if ('urls' in instances) return new ExternalNode(nodeId, this.#urls, this.#client, events);
    return (this.#lives as NodeLives<StartedNode>).begin(nodeId, (place) => {
      const { program, args, argsOf } = instances;
      const init = new InitAnswer(nodeId, events.onLine);
      const instance = new InstanceProcess(place, {
        nodeId,
        program,
        args: (listen) => [...args, '--listen', listen, ...argsOf(nodeId)],
        log: instances,
        url: this.#urls.get(nodeId),
        client: this.#client,
        onListening: (url) => this.#urls.set(nodeId, url),
        onReady: () => init.answer(),
        onExit: events.onExit,
      });
      return new StartedNode(place, instance, init);
    });
  }

  ask(nodeId: string, body: Readonly<Record<string, unknown>>, reply: (body: string) => void): void {
    this.#client.ask(this.#urls.get(nodeId), body, reply);
  }

  /** Kills all processes that still run, and ends all connections. */
  async close(): Promise<void> {
    await this.#lives?.close();
    this.#client.close();
  }
}

class StartedNode implements NodeHandle, Life {
  readonly number: number;
  readonly #instance: InstanceProcess;
  readonly #init: InitAnswer;

  constructor({ number }: LifePlace, instance: InstanceProcess, init: InitAnswer) {
    this.number = number;
    this.#instance = instance;
    this.#init = init;
  }

  get over(): boolean {
    return this.#instance.over;
  }

  deliver(line: string): void {
    this.#init.ask(line);
  }

  findTrouble(): string | undefined {
    return this.#instance.findTrouble();
  }

  pause(): void {
    this.#instance.pause();
  }

  resume(): void {
    this.#instance.resume();
  }

  kill(): Promise<void> {
    this.#init.stop();
    return this.#instance.kill();
  }
}

class ExternalNode implements NodeHandle {
  readonly #init: InitAnswer;
  readonly #watch: ReadinessWatch;

  constructor(nodeId: string, urls: ReadonlyMap<string, string>, client: ServiceClient, events: NodeEvents) {
    this.#init = new InitAnswer(nodeId, events.onLine);
    const url = () => urls.get(nodeId);
    this.#watch = new ReadinessWatch(client, url, () => this.#init.answer());
  }

  deliver(line: string): void {
    this.#init.ask(line);
  }

  findTrouble(): string | undefined {
    return this.#watch.trouble;
  }

  pause(): never {
    throw new Error('an instance that was started by others cannot be paused');
  }

  resume(): never {
    throw new Error('an instance that was started by others cannot be resumed');
  }

  /** Leaves the instance as it is: it is no longer asked whether it is ready. */
  async kill(): Promise<void> {
    this.#init.stop();
    this.#watch.stop();
  }
}

/** Answers the `init` of one life when that was asked and the instance is ready. */
class InitAnswer {
  readonly #nodeId: string;
  readonly #onLine: (line: string) => void;
  #asked: { readonly src: string; readonly body: { readonly msg_id: number } } | undefined;
  #isReady = false;
  #stopped = false;

  constructor(nodeId: string, onLine: (line: string) => void) {
    this.#nodeId = nodeId;
    this.#onLine = onLine;
  }

  /** @param line the message `init`: nothing else comes as a line */
  ask(line: string): void {
    this.#asked = JSON.parse(line);
    // An answer may not come before the call has returned.
    queueMicrotask(() => this.#send());
  }

  /** The instance is ready. */
  answer(): void {
    this.#isReady = true;
    this.#send();
  }

  /** The life is over: it is not answered any more. */
  stop(): void {
    this.#stopped = true;
  }

  #send(): void {
    const asked = this.#asked;
    if (asked === undefined || !this.#isReady || this.#stopped) return;
    this.#asked = undefined;
    const body = { type: 'init_ok', in_reply_to: asked.body.msg_id };
    this.#onLine(JSON.stringify({ src: this.#nodeId, dest: asked.src, body }));
  }
}
