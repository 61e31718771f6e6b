/**
 * The workers of a run. Each has a client of one node and does one operation at a time. After an operation of unknown
 * outcome, a worker goes on under a new process number, because the old process may still be busy.
 */

import type { OperationType } from '../history/operation.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { Chances } from './chances.ts';
import { Client, type ClientOptions, type Completion, completeIdempotent } from './client.ts';
import type { Network } from './network.ts';
import type { RunLog } from './run-log.ts';
import type { Invocation, Invoke, WorkloadTest } from './workload-test.ts';

interface Worker {
  readonly nodeId: string;
  process: number;
  /** The number that it goes on with, unless it lends it to a guest. */
  nextProcess: number;
  client: Client;
  /** Its client has ended, and is replaced before the worker asks again. */
  isOver: boolean;
}

export interface WorkersOptions {
  readonly nodes: readonly string[];
  readonly concurrency: number;
  readonly test: WorkloadTest;
  readonly network: Network;
  readonly scheduler: Scheduler;
  readonly log: RunLog;
  readonly chances: Chances;
  /** Whether operations of the main phase are still begun. */
  readonly isRunning: () => boolean;
  /** Whether a closed client is replaced by a new one. */
  readonly goesOn: () => boolean;
  /** Called if the workload itself threw, which is an error of the test. */
  readonly onFailure: (error: unknown) => void;
}

export class Workers {
  /** Indices of idle workers. */
  readonly idle: number[] = [];
  readonly #options: WorkersOptions;
  readonly #invoke: Invoke;
  readonly #workers: Worker[] = [];
  readonly #openClients = new Set<Client>();
  readonly #counts = { ok: 0, fail: 0, info: 0 };

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#invoke = options.test.createInvoke();
  }

  get length(): number {
    return this.#workers.length;
  }

  /** Completions of all phases. */
  get counts(): Readonly<Record<Completion['type'], number>> {
    return this.#counts;
  }

  get completedCount(): number {
    return this.#counts.ok + this.#counts.fail + this.#counts.info;
  }

  /**
   * The number under which a worker asks next; of a worker that there is not yet, the one it begins with. The number
   * beyond the last worker is that of a guest.
   */
  processOf(worker: number): number {
    if (this.length === 0) return worker;
    return this.#workers[worker]?.process ?? this.#lenderTo(worker).nextProcess;
  }

  clientOf(worker: number): Client {
    return (this.#workers[worker] as Worker).client;
  }

  get areIdle(): boolean {
    return this.idle.length === this.#workers.length;
  }

  /** Opens a client for each worker. */
  open(): void {
    const { concurrency, nodes } = this.#options;
    for (let worker = 0; worker < concurrency; worker++) {
      const nodeId = nodes[worker % nodes.length] as string;
      const nextProcess = worker + concurrency;
      this.#workers.push({ nodeId, process: worker, nextProcess, client: this.#openClient(nodeId), isOver: false });
      this.idle.push(worker);
    }
  }

  /** Performs one operation, and calls `onEnd` with how it ended. */
  perform(index: number, invocation: Invocation, onEnd: (type: OperationType) => void): void {
    const { log, chances, isRunning, onFailure } = this.#options;
    const worker = this.#workers[index] as Worker;
    if (worker.isOver) this.#replaceClient(worker);
    const { process } = worker;
    const { f, final } = invocation;
    const mark = isRunning() ? chances.begin(worker.nodeId, f) : undefined;
    log.record(process, 'invoke', f, invocation.value, undefined, final);
    this.#ask(worker.client, invocation).then(
      (completion) => {
        const { type, value, error } = completion;
        this.#counts[type]++;
        if (isRunning()) chances.end(worker.nodeId, f, mark, completion);
        log.record(process, type, f, value, error, final);
        if (type === 'info') worker.process = this.#takeProcess(worker);
        if (completion.closesClient || (type === 'info' && !this.#options.test.reusableClients))
          this.#endClient(worker);
        onEnd(type);
      },
      (error: unknown) => {
        onFailure(error);
        onEnd('info');
      },
    );
  }

  /** Asks a node with a temporary client. @param exempt whether single messages of it have no fault */
  async askAsGuest(nodeId: string, ask: (client: Client) => Promise<Completion>, exempt = false): Promise<Completion> {
    const client = this.#openClient(nodeId, exempt);
    try {
      return await ask(client);
    } finally {
      this.#closeClient(client);
    }
  }

  /**
   * Performs one operation on a node without a worker. It may change something, so it is in the history: under a
   * process of its own.
   *
   * @param index that of a worker of this node, if there were one
   */
  probeAsGuest(nodeId: string, index: number, invocation: Invocation, onEnd: (type: OperationType) => void): void {
    const { log, onFailure } = this.#options;
    const { f } = invocation;
    const process = this.#takeProcess(this.#lenderTo(index));
    log.record(process, 'invoke', f, invocation.value);
    this.askAsGuest(nodeId, (client) => this.#ask(client, invocation)).then(
      ({ type, value, error }) => {
        this.#counts[type]++;
        log.record(process, type, f, value, error);
        onEnd(type);
      },
      (error: unknown) => {
        onFailure(error);
        onEnd('info');
      },
    );
  }

  /** Closes every client. Operations in flight become `info`. */
  close(): void {
    for (const client of this.#openClients) this.#closeClient(client);
  }

  #ask(client: Client, invocation: Invocation): Promise<Completion> {
    const { timeoutMs, idempotent } = this.#options.test;
    if (timeoutMs !== undefined) client.timeoutMs = timeoutMs(invocation.f);
    const asked = this.#invoke(client, invocation);
    // An additional promise would change the order of operations that end at the same moment.
    return idempotent?.has(invocation.f) ? asked.then(completeIdempotent) : asked;
  }

  #lenderTo(guest: number): Worker {
    return this.#workers[guest % this.length] as Worker;
  }

  #takeProcess(worker: Worker): number {
    const process = worker.nextProcess;
    worker.nextProcess += this.#options.concurrency;
    return process;
  }

  /** At the end of the operations the worker may never ask again, so it gets no new client yet. */
  #endClient(worker: Worker): void {
    worker.isOver = true;
    if (this.#options.goesOn()) this.#replaceClient(worker);
  }

  #replaceClient(worker: Worker): void {
    this.#closeClient(worker.client);
    worker.client = this.#openClient(worker.nodeId);
    worker.isOver = false;
  }

  #openClient(nodeId: string, exempt = false): Client {
    const { network, scheduler } = this.#options;
    const client = new Client({ network, scheduler, nodeId, exempt, onMalformed: this.#reportMalformed(nodeId) });
    this.#openClients.add(client);
    return client;
  }

  #closeClient(client: Client): void {
    this.#openClients.delete(client);
    client.close();
  }

  #reportMalformed(nodeId: string): ClientOptions['onMalformed'] {
    return ({ body }, problem, rule) => {
      const what = rule === 'closed-reply' ? 'a reply that is not as declared: ' : '';
      const text = `${nodeId} sent ${what}${problem}`;
      this.#options.log.report({ node: nodeId, rule, text, line: stringifyExact(body) });
    };
  }
}
