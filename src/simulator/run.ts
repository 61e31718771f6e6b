/**
 * The run of one test, from `init` to the verdict: nodes, services and clients on one network, operations at the asked rate, the nemesis
 * beside them, then every checker over the history.
 *
 * The same code serves both beds. It ends early when a node does what ends a test in Maelstrom too: it exits, or does not answer
 * `init`.
 */

import { availabilityChecker } from '../checkers/availability.ts';
import { type CheckResult, compose } from '../checkers/checker.ts';
import { latencyChecker } from '../checkers/latency.ts';
import { faultsChecker } from '../checkers/nemesis.ts';
import { netChecker } from '../checkers/net.ts';
import { statsChecker } from '../checkers/stats.ts';
import { type Violation, violationsChecker } from '../checkers/violations.ts';
import { History } from '../history/history.ts';
import type { Operation, OperationType } from '../history/operation.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { SeededRandom } from '../protocol/random.ts';
import { createServices } from '../services/registry.ts';
import type { Bed, NodeHandle } from './bed.ts';
import { Client, type ClientOptions, type ClientResult } from './client.ts';
import { Init } from './init.ts';
import { createLatency } from './latency.ts';
import { Nemesis } from './nemesis.ts';
import { Network, type NetworkEvent, type NetworkMessage } from './network.ts';
import { judgeLine } from './node-output.ts';
import { Pacing } from './pacing.ts';
import type { RunOptions } from './run-options.ts';
import type { Scheduler } from './scheduler.ts';
import type { Invocation, WorkloadTest } from './workload-test.ts';

/** How long a node may take to answer `init`, ms. */
const INIT_TIMEOUT_MS = 10_000;

/** Violations beyond this number are counted by nobody: a node that prints nothing but garbage must not fill the memory. */
const VIOLATIONS_MAX = 10_000;
const LINE_EXCERPT_LENGTH = 500;

/**
 * An operation may begin this much too early, ms: a history's own resolution. The sums of doubles do not come out even, and on virtual
 * time a wait for the rest would never end.
 */
const EARLINESS_MS_MAX = 1e-6;

export interface RunObserver {
  readonly onOperation?: (operation: Operation) => void;
  /** @param timeMs since the start of the operations; 0 before it */
  readonly onMessage?: (event: NetworkEvent, message: NetworkMessage, timeMs: number) => void;
}

export interface RunStatus {
  readonly phase: 'starting' | 'running' | 'finishing' | 'checking';
  readonly elapsedMs: number;
  readonly okCount: number;
  readonly failCount: number;
  readonly infoCount: number;
  readonly currentFault: string | undefined;
  readonly violationCount: number;
}

export interface RunOutcome {
  readonly history: History;
  /** When the operations began, by the scheduler's clock; infinite if they never did. */
  readonly startMs: number;
  readonly results: CheckResult;
}

interface Worker {
  readonly nodeId: string;
  process: number;
  client: Client;
}

export class TestRun {
  readonly #options: RunOptions;
  readonly #test: WorkloadTest;
  readonly #bed: Bed;
  readonly #scheduler: Scheduler;
  readonly #observer: RunObserver;
  readonly #network: Network;
  readonly #nemesis: Nemesis;
  readonly #pacing: Pacing;
  readonly #random: SeededRandom;
  readonly #nextInvocation: () => Invocation;
  readonly #history = new History();
  readonly #violations: Violation[] = [];
  readonly #nodes = new Map<string, NodeHandle>();
  readonly #counts = { ok: 0, fail: 0, info: 0 };
  readonly #free: Worker[] = [];
  readonly #workers: Worker[] = [];
  readonly #openClients = new Set<Client>();
  #phase: RunStatus['phase'] = 'starting';
  /** When the operations began, by the scheduler's clock. */
  #startMs = Number.POSITIVE_INFINITY;
  #ending = false;
  #aborted = false;
  #cancelPump: (() => void) | undefined;
  #cancelTimeLimit: () => void = () => {};
  #whenOver: () => void = () => {};
  #failure: unknown;

  constructor(options: RunOptions, test: WorkloadTest, bed: Bed, scheduler: Scheduler, observer: RunObserver = {}) {
    this.#options = options;
    this.#test = test;
    this.#bed = bed;
    this.#scheduler = scheduler;
    this.#observer = observer;
    const random = new SeededRandom(options.seed);
    this.#random = random.fork('workers');
    this.#pacing = new Pacing(Math.max(options.ratePerSecond, Number.MIN_VALUE), random.fork('pacing'));
    this.#nextInvocation = test.createGenerator(random.fork('generator'));
    this.#network = new Network({
      scheduler,
      drawLatencyMs: createLatency(options.latencyDistribution, options.latencyMeanMs, random.fork('latency')),
      onEvent: (event, message) => this.#observer.onMessage?.(event, message, this.#elapsedMs()),
    });
    this.#nemesis = new Nemesis({
      network: this.#network,
      scheduler: {
        now: () => this.#elapsedMs(),
        schedule: (delayMs, callback) => scheduler.schedule(delayMs, callback),
      },
      random: random.fork('nemesis'),
      nodes: options.nodes,
      faults: options.faults,
      intervalMs: options.nemesisIntervalMs,
      endMs: options.timeLimitMs,
      record: ({ process, type, f, value }) => this.#record(process, type, f, value),
    });
    for (const [id, service] of createServices(random.fork('services'))) {
      this.#network.addEndpoint(id, ({ src, body }) => {
        const reply = service.handle(src, body);
        if (reply !== undefined) this.#network.send(id, src, { ...reply, in_reply_to: body.msg_id ?? null });
      });
    }
  }

  status(): RunStatus {
    const { ok, fail, info } = this.#counts;
    return {
      phase: this.#phase,
      elapsedMs: this.#elapsedMs(),
      okCount: ok,
      failCount: fail,
      infoCount: info,
      currentFault: this.#nemesis.currentFault,
      violationCount: this.#violations.length,
    };
  }

  /** Begins no further operations; those under way may finish. Before the first one there is nothing to wait for. */
  stop(): void {
    if (this.#phase === 'starting') {
      this.abort();
      return;
    }
    this.#ending = true;
    this.#nemesis.rest();
    this.#pump();
  }

  /** Ends at once: what is under way becomes `info`. */
  abort(): void {
    this.#ending = true;
    this.#aborted = true;
    for (const client of this.#openClients) this.#closeClient(client);
    this.#pump();
  }

  /** Carries the test out. Rejects only for errors of the simulator's own. */
  async run(): Promise<RunOutcome> {
    try {
      const allReady = await this.#startNodes();
      if (allReady && !this.#ending) await this.#runOperations();
    } finally {
      this.#phase = 'finishing';
      this.#cancelPump?.();
      this.#cancelTimeLimit();
      this.#nemesis.stop();
      await Promise.all([...this.#nodes.values()].map((node) => node.kill()));
      this.#network.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#phase = 'checking';
    return { history: this.#history, startMs: this.#startMs, results: this.#check() };
  }

  async #startNodes(): Promise<boolean> {
    const { nodes } = this.#options;
    for (const nodeId of nodes) {
      this.#network.addEndpoint(nodeId, ({ id, src, dest, body }) =>
        this.#nodes.get(nodeId)?.deliver(stringifyExact({ id, src, dest, body })),
      );
      const node = this.#bed.startNode(nodeId, {
        onLine: this.#whileListening((line) => this.#receiveLine(nodeId, line)),
        onUnreadable: this.#whileListening((reason, beginning) =>
          this.#violate(nodeId, 'unreadable', `${nodeId} printed output that cannot be read: ${reason}`, beginning),
        ),
        onExit: this.#whileListening((how) => this.#nodeExited(nodeId, how)),
      });
      this.#nodes.set(nodeId, node);
      if (this.#aborted) return false;
    }
    return (await Promise.all(nodes.map((nodeId) => this.#initNode(nodeId)))).every((ready) => ready);
  }

  /** What a node does while it is killed is the killing's fault: half a line, for instance. */
  #whileListening<Args extends unknown[]>(listener: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      if (this.#phase === 'starting' || this.#phase === 'running') listener(...args);
    };
  }

  async #initNode(nodeId: string): Promise<boolean> {
    const client = this.#openClient(nodeId, () => {});
    const result = await client.rpc(Init, { node_id: nodeId, node_ids: [...this.#options.nodes] }, INIT_TIMEOUT_MS);
    this.#closeClient(client);
    if (result.kind === 'ok') return true;
    // Nobody waited for the answer any longer; a node that exited has been reported already, with its last words.
    if (this.#aborted && result.kind === 'timeout') return false;
    this.#violate(nodeId, 'init', `${nodeId} ${describeInitFailure(result)}`);
    return false;
  }

  #runOperations(): Promise<void> {
    const { concurrency, nodes, timeLimitMs } = this.#options;
    for (let thread = 0; thread < concurrency; thread++) {
      const nodeId = nodes[thread % nodes.length] as string;
      this.#workers.push({ nodeId, process: thread, client: this.#openClient(nodeId) });
    }
    this.#free.push(...this.#workers);
    this.#startMs = this.#scheduler.now();
    this.#phase = 'running';
    return new Promise((resolve) => {
      this.#whenOver = resolve;
      this.#cancelTimeLimit = this.#scheduler.schedule(timeLimitMs, () => this.stop());
      this.#nemesis.start();
      this.#pump();
    });
  }

  /** Begins every operation that is due, as far as there are free workers, and sees to it that it is called again. */
  #pump(): void {
    if (this.#phase !== 'running') return;
    this.#cancelPump?.();
    this.#cancelPump = undefined;
    if (this.#ending) {
      this.#cancelTimeLimit();
      if (this.#free.length === this.#workers.length) this.#whenOver();
      return;
    }
    if (this.#options.ratePerSecond === 0) return;
    // What is sent to a node may end the run within the call.
    while (this.#free.length > 0 && !this.#ending) {
      const nowMs = this.#elapsedMs();
      const waitMs = this.#pacing.dueMs - nowMs;
      if (waitMs > EARLINESS_MS_MAX) {
        this.#cancelPump = this.#scheduler.schedule(waitMs, () => this.#pump());
        return;
      }
      this.#pacing.begun(nowMs);
      this.#begin(this.#takeFreeWorker());
    }
  }

  #takeFreeWorker(): Worker {
    const free = this.#free;
    const index = this.#random.integer(free.length);
    const worker = free[index] as Worker;
    free[index] = free[free.length - 1] as Worker;
    free.pop();
    return worker;
  }

  #begin(worker: Worker): void {
    const invocation = this.#nextInvocation();
    const { process } = worker;
    this.#record(process, 'invoke', invocation.f, invocation.value);
    this.#test.invoke(worker.client, invocation).then(
      (completion) => {
        this.#counts[completion.type]++;
        this.#record(process, completion.type, invocation.f, completion.value, completion.error);
        if (completion.type === 'info') this.#replaceProcess(worker);
        this.#free.push(worker);
        this.#pump();
      },
      (error: unknown) => {
        this.#failure ??= error;
        this.abort();
        this.#whenOver();
      },
    );
  }

  /** Nobody knows what the process did, so it is never used again. */
  #replaceProcess(worker: Worker): void {
    worker.process += this.#options.concurrency;
    if (this.#test.reusableClients || this.#ending) return;
    this.#closeClient(worker.client);
    worker.client = this.#openClient(worker.nodeId);
  }

  #openClient(nodeId: string, onMalformed = this.#reportMalformed(nodeId)): Client {
    const client = new Client({ network: this.#network, scheduler: this.#scheduler, nodeId, onMalformed });
    this.#openClients.add(client);
    return client;
  }

  #reportMalformed(nodeId: string): ClientOptions['onMalformed'] {
    return ({ body }, problem) => {
      const text = `${nodeId} sent a reply that is not as declared: ${problem}`;
      this.#violate(nodeId, 'closed-reply', text, stringifyExact(body));
    };
  }

  #closeClient(client: Client): void {
    this.#openClients.delete(client);
    client.close();
  }

  #receiveLine(nodeId: string, line: string): void {
    const judged = judgeLine(nodeId, line);
    if (!('message' in judged)) {
      this.#violate(nodeId, judged.rule, judged.text, line);
      return;
    }
    const { src, dest, body } = judged.message;
    if (this.#network.send(src, dest, body)) return;
    const text = this.#network.hadClient(dest)
      ? `${nodeId} sent a message to the client ${JSON.stringify(dest)}, which is closed: it answered twice, or later than the client waits`
      : `${nodeId} sent a message to ${JSON.stringify(dest)}, which does not exist`;
    this.#violate(nodeId, 'unknown-dest', text, line);
  }

  #nodeExited(nodeId: string, how: string): void {
    this.#network.removeEndpoint(nodeId);
    this.#violate(nodeId, 'exit', `${nodeId} ended by itself: ${how}`);
    this.abort();
  }

  #violate(node: string, rule: string, text: string, line?: string): void {
    if (this.#violations.length >= VIOLATIONS_MAX) return;
    this.#violations.push(
      line === undefined ? { node, rule, text } : { node, rule, text, line: line.slice(0, LINE_EXCERPT_LENGTH) },
    );
  }

  #record(process: Operation['process'], type: OperationType, f: string, value: unknown, error?: unknown): void {
    const time = Math.round(this.#elapsedMs() * 1e6);
    const index = this.#history.length;
    // Two shapes and no more: this is written twice an operation, and read by whoever observes it.
    const operation: Operation =
      error === undefined ? { index, time, type, process, f, value } : { index, time, type, process, f, value, error };
    this.#history.append(operation);
    this.#observer.onOperation?.(operation);
  }

  /** Since the operations began; 0 before that. */
  #elapsedMs(): number {
    return Math.max(0, this.#scheduler.now() - this.#startMs);
  }

  #check(): CheckResult {
    const { nodes, concurrency, availability } = this.#options;
    const checker = compose({
      stats: statsChecker(),
      availability: availabilityChecker(),
      net: netChecker(() => this.#network.statistics()),
      latency: latencyChecker(),
      faults: faultsChecker(),
      protocol: violationsChecker(() => this.#violations),
      workload: this.#test.checker(),
    });
    return checker.check(
      { nodes, concurrency, ...(availability === undefined ? {} : { availability }) },
      this.#history,
    );
  }
}

function describeInitFailure(result: Exclude<ClientResult, { kind: 'ok' }>): string {
  switch (result.kind) {
    case 'timeout':
      return `did not answer init within ${INIT_TIMEOUT_MS / 1000} s`;
    case 'error':
      return `answered init with the error ${result.name}${describeErrorText(result.text)}`;
    case 'malformed':
      return `answered init with something else: ${result.text}`;
  }
}

function describeErrorText(text: unknown): string {
  if (text === undefined) return '';
  return `: ${typeof text === 'string' ? text : stringifyExact(text)}`;
}
