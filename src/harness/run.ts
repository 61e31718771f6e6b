/**
 * The run of one test, from `init` to the verdict: nodes, services and clients on one network, operations at the asked
 * rate, the nemesis beside them, then every checker over the history.
 *
 * The same code serves both beds. After faults there is a second phase, as in TigerBeetle's simulator: everything is
 * healed, and then every node must serve again and the last questions be answered, within a stated time. A run ends
 * early when a node does what ends a test in Maelstrom too: it exits, or does not answer `init`.
 */

import { activityChecker } from '../checkers/activity.ts';
import { availabilityChecker } from '../checkers/availability.ts';
import { type Checker, type CheckResult, compose } from '../checkers/checker.ts';
import { clientsChecker } from '../checkers/clients.ts';
import { latencyChecker } from '../checkers/latency.ts';
import { faultsChecker } from '../checkers/nemesis.ts';
import { netChecker } from '../checkers/net.ts';
import { recoveryChecker } from '../checkers/recovery.ts';
import { statsChecker } from '../checkers/stats.ts';
import { type Violation, violationsChecker } from '../checkers/violations.ts';
import { History } from '../history/history.ts';
import type { Operation, OperationType } from '../history/operation.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { SeededRandom } from '../protocol/random.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { Bed } from './bed.ts';
import { Chances } from './chances.ts';
import { Client, type ClientOptions } from './client.ts';
import { Cluster } from './cluster.ts';
import type { FaultEvent, MessageEvent } from './fault.ts';
import { type FaultPlanOptions, planFates, planFaults } from './fault-plan.ts';
import { createLatency } from './latency.ts';
import { Nemesis } from './nemesis.ts';
import { type Arrange, type DrawFate, Network, type NetworkEvent, type NetworkMessage } from './network.ts';
import { DrawnOperations, type OperationEvent, type OperationSource, RecordedOperations } from './operations.ts';
import { persist, RECOVERY_MS_MAX } from './recovery.ts';
import { INIT_TIMEOUT_MS, type RunOptions } from './run-options.ts';
import { repeatFates } from './schedule.ts';
import { findRequestFlaw, ServiceRequests } from './service-requests.ts';
import { createServices } from './services/registry.ts';
import type { Invocation, Invoke, LastQuestion, WorkloadTest } from './workload-test.ts';

/**
 * Violations beyond this number are counted by nobody: a node that prints nothing but garbage must not fill the memory.
 */
const VIOLATIONS_MAX = 10_000;
const LINE_EXCERPT_LENGTH = 500;
/**
 * After so many last questions without an answer no more are asked: each takes its time, and the run is invalid
 * already.
 */
const UNANSWERED_MAX = 64;
const NANOSECONDS_PER_MILLISECOND = 1e6;

/**
 * An operation may begin this much too early, ms: a history's own resolution. The sums of doubles do not come out even,
 * and on virtual time a wait for the rest would never end.
 */
const EARLINESS_MS_MAX = 1e-6;

export interface RunObserver {
  readonly onOperation?: (operation: Operation) => void;
  /** @param timeMs since the start of the operations; 0 before it */
  readonly onMessage?: (event: NetworkEvent, message: NetworkMessage, timeMs: number) => void;
  /** What was decided: an operation that begins, a fault that begins, a message that meets a fate. */
  readonly onBegin?: (event: OperationEvent) => void;
  readonly onFault?: (event: FaultEvent) => void;
  readonly onFate?: (event: MessageEvent) => void;
}

export interface RunStatus {
  readonly phase: 'starting' | 'running' | 'recovering' | 'finishing' | 'checking';
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
  readonly #cluster: Cluster;
  readonly #nemesis: Nemesis;
  readonly #chances = new Chances({ isCalm: () => !this.#nemesis.isActive && this.#cluster.isReady });
  readonly #operations: OperationSource;
  /** What a node is asked to find out whether it serves again. */
  readonly #nextProbe: () => Invocation;
  readonly #finalRandom: SeededRandom;
  /** How many workers ask the last questions, each another node. */
  readonly #askers: number;
  readonly #invoke: Invoke;
  readonly #history = new History();
  readonly #violations: Violation[] = [];
  readonly #serviceRequests = new ServiceRequests();
  readonly #counts = { ok: 0, fail: 0, info: 0 };
  /** The numbers of the workers at leisure. */
  readonly #free: number[] = [];
  readonly #workers: Worker[] = [];
  readonly #openClients = new Set<Client>();
  readonly #recovery = new Map<string, number | undefined>();
  #phase: RunStatus['phase'] = 'starting';
  /** When the operations began, by the scheduler's clock. */
  #startMs = Number.POSITIVE_INFINITY;
  /** How long operations were begun. */
  #operationsMs = 0;
  /** Since everything was healed. */
  #injectedCount = 0;
  /**
   * The length of the history when everything was healed. What comes then is asked until it is answered, and must not
   * count.
   */
  #healedAt = Number.POSITIVE_INFINITY;
  #ending = false;
  #aborted = false;
  #cancelPump: (() => void) | undefined;
  #cancelTimeLimit: () => void = () => {};
  #whenOver: () => void = () => {};
  #failure: unknown;

  constructor(
    options: RunOptions,
    test: WorkloadTest,
    bed: Bed,
    scheduler: Scheduler,
    observer: RunObserver = {},
    arrange?: Arrange,
  ) {
    this.#options = options;
    this.#test = test;
    this.#bed = bed;
    this.#scheduler = scheduler;
    this.#observer = observer;
    const random = new SeededRandom(options.seed);
    const services = createServices(random.fork('services'));
    const { schedule } = options;
    this.#nextProbe = test.createGenerator(random.fork('probes'));
    this.#invoke = test.createInvoke();
    this.#askers = Math.min(options.concurrency, options.nodes.length);
    this.#finalRandom = random.fork('final');
    this.#operations =
      schedule === undefined
        ? new DrawnOperations(options.ratePerSecond, test.createGenerator(random.fork('generator')), random)
        : new RecordedOperations(schedule.operations);
    const plan: FaultPlanOptions = {
      faults: options.faults,
      faultValues: options.faultValues ?? {},
      intervalMs: options.nemesisIntervalMs,
      nodes: options.nodes,
      services: [...services.keys()],
      random: random.fork('nemesis'),
    };
    this.#network = new Network({
      scheduler,
      drawLatencyMs: createLatency(options.latencyDistribution, options.latencyMeanMs, random.fork('latency')),
      arrange,
      drawFate: this.#observed(schedule === undefined ? planFates(plan) : repeatFates(schedule.messages)),
      onEvent: (event, message) => {
        if (event === 'drop' || event === 'delay') this.#chances.disturb();
        this.#observer.onMessage?.(event, message, this.#elapsedMs());
      },
    });
    this.#cluster = new Cluster({
      nodes: options.nodes,
      bed,
      network: this.#network,
      scheduler,
      initTimeoutMs: options.initTimeoutMs ?? INIT_TIMEOUT_MS,
      latenessExcused: options.faults.some((fault) => fault !== 'partition'),
      violate: (violation) => this.report(violation),
      onExit: () => this.abort(),
      onReady: () => this.#chances.disturb(),
    });
    this.#nemesis = new Nemesis({
      target: this.#cluster,
      scheduler: {
        now: () => this.#elapsedMs(),
        schedule: (delayMs, callback) => scheduler.schedule(delayMs, callback),
      },
      plan: schedule === undefined ? planFaults(plan) : schedule.faults.map((event) => [event]),
      endMs: options.timeLimitMs,
      record: ({ process, type, f, value }) => {
        this.#chances.disturb();
        this.#record(process, type, f, value);
      },
      onBegin: (event) => this.#observer.onFault?.(event),
    });
    for (const [id, service] of services) {
      this.#network.addEndpoint(id, ({ src, body }) => {
        const reply = service.handle(src, body);
        this.#judgeRequest(id, src, body, reply !== undefined);
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

  /** Does one fault more, now. */
  inject(event: FaultEvent): void {
    this.#injectedCount++;
    this.#nemesis.inject(event);
  }

  /** Makes the run invalid: a rule was broken that holds for every workload. */
  report({ line, ...violation }: Violation): void {
    if (this.#violations.length >= VIOLATIONS_MAX) return;
    const time = Math.round(this.#elapsedMs() * NANOSECONDS_PER_MILLISECOND);
    const excerpt = line === undefined ? {} : { line: line.slice(0, LINE_EXCERPT_LENGTH) };
    this.#violations.push({ time, ...violation, ...excerpt });
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
    this.#cluster.ignore();
    for (const client of this.#openClients) this.#closeClient(client);
    this.#pump();
  }

  /** Carries the test out. Rejects only for errors of the simulator's own. */
  async run(): Promise<RunOutcome> {
    try {
      const allReady = await this.#cluster.start();
      // A node that was killed while it started has broken no rule; its next life is told who it is by itself.
      if ((allReady || this.#violations.length === 0) && !this.#ending) {
        await this.#runOperations();
        await this.#recover();
        await this.#cluster.judgeHeldOutput();
        await this.#findLeaks();
      }
    } finally {
      this.#phase = 'finishing';
      this.#cancelPump?.();
      this.#cancelTimeLimit();
      this.#nemesis.rest();
      await this.#cluster.stop();
      for (const client of this.#openClients) this.#closeClient(client);
      this.#network.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#phase = 'checking';
    return { history: this.#history, startMs: this.#startMs, results: this.#check() };
  }

  #runOperations(): Promise<void> {
    const { concurrency, nodes, timeLimitMs } = this.#options;
    for (let thread = 0; thread < concurrency; thread++) {
      const nodeId = nodes[thread % nodes.length] as string;
      this.#workers.push({ nodeId, process: thread, client: this.#openClient(nodeId) });
      this.#free.push(thread);
    }
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
      if (this.#operationsMs === 0) this.#operationsMs = this.#elapsedMs();
      if (this.#free.length === this.#workers.length) this.#whenOver();
      return;
    }
    // What is sent to a node may end the run within the call.
    while (!this.#ending) {
      const dueMs = this.#operations.dueMs(this.#free);
      if (dueMs === undefined) return;
      const nowMs = this.#elapsedMs();
      const waitMs = dueMs - nowMs;
      if (waitMs > EARLINESS_MS_MAX) {
        this.#cancelPump = this.#scheduler.schedule(waitMs, () => this.#pump());
        return;
      }
      const { worker, invocation } = this.#operations.take(nowMs, this.#free);
      this.#observer.onBegin?.({ atMs: nowMs, worker, ...invocation });
      this.#perform(worker, invocation, () => {
        this.#free.push(worker);
        this.#pump();
      });
    }
  }

  /** Carries one operation out, and tells how it ended. */
  #perform(number: number, invocation: Invocation, onEnd: (type: OperationType) => void): void {
    const worker = this.#workers[number] as Worker;
    const { process } = worker;
    const mark = this.#phase === 'running' ? this.#chances.begin(invocation.f) : undefined;
    this.#record(process, 'invoke', invocation.f, invocation.value);
    this.#invoke(worker.client, invocation).then(
      (completion) => {
        this.#counts[completion.type]++;
        this.#chances.end(invocation.f, mark);
        this.#record(process, completion.type, invocation.f, completion.value, completion.error);
        if (completion.type === 'info') this.#replaceProcess(worker);
        onEnd(completion.type);
      },
      (error: unknown) => {
        this.#failure ??= error;
        this.abort();
        this.#whenOver();
        onEnd('info');
      },
    );
  }

  /** Whether the harness was to break anything. */
  get #isFaulty(): boolean {
    const { faults, schedule } = this.#options;
    return faults.length > 0 || (schedule?.faults.length ?? 0) > 0;
  }

  /** Undoes every fault; then every node must serve again, and the last questions be answered. */
  async #recover(): Promise<void> {
    const { ok, fail, info } = this.#counts;
    // Where nothing was asked, nothing is: such a run shows nothing, and must not look as if it did.
    const faulty = ok + fail + info > 0 && this.#isFaulty;
    if (this.#aborted || (!faulty && this.#test.createFinalInvocations === undefined)) return;
    this.#phase = 'recovering';
    this.#healedAt = this.#history.length;
    // Before anything is healed: a node that goes on is at its next step, where it may be hit again, at once.
    this.#injectedCount = 0;
    this.#nemesis.heal();
    this.#cluster.setClocks();
    this.#network.calm();
    await this.#cluster.restarted();
    if (faulty) await Promise.all(this.#options.nodes.map((nodeId, number) => this.#probe(nodeId, number)));
    if (this.#aborted) return;
    await this.#askLast(this.#test.createFinalInvocations?.(this.#finalRandom, this.#askers, this.#history) ?? []);
  }

  /** Asks the last questions: each until it is answered, those of a list by all workers side by side. */
  async #askLast(questions: readonly LastQuestion[]): Promise<void> {
    let [number, unansweredCount] = [0, 0];
    const ask = async (worker: number, index: number, invocation: Invocation) => {
      if (this.#aborted || unansweredCount >= UNANSWERED_MAX) return;
      const takenMs = await this.#persist((onEnd) => this.#perform(worker, invocation, onEnd));
      if (this.#aborted || takenMs !== undefined) return;
      unansweredCount++;
      this.#recovery.set(`final ${invocation.f} ${index}`, undefined);
    };
    for (const question of questions) {
      const list = 'f' in question ? [question] : question;
      const first = number;
      number += list.length;
      if ('f' in question) {
        await ask(first % this.#askers, first, question);
        continue;
      }
      const waiting = list.entries();
      const askAll = async (worker: number) => {
        for (const [index, invocation] of waiting) await ask(worker, first + index, invocation);
      };
      await Promise.all(this.#workers.map((_, worker) => askAll(worker)));
    }
  }

  /** Asks a node until it serves. Where there are fewer workers than nodes a guest asks, who is in no history. */
  async #probe(nodeId: string, number: number): Promise<void> {
    const takenMs = await this.#persist((onEnd) =>
      number < this.#workers.length ? this.#perform(number, this.#nextProbe(), onEnd) : this.#askAsGuest(nodeId, onEnd),
    );
    if (!this.#aborted) this.#recovery.set(nodeId, takenMs);
  }

  #askAsGuest(nodeId: string, onEnd: (type: OperationType) => void): void {
    const client = this.#openClient(nodeId);
    const end = (type: OperationType) => {
      this.#closeClient(client);
      onEnd(type);
    };
    this.#invoke(client, this.#nextProbe()).then(
      ({ type }) => end(type),
      () => end('info'),
    );
  }

  /** Tries until `act` ends ok; with a fault injected meanwhile the time for it begins anew once that is undone. */
  async #persist(act: (onEnd: (type: OperationType) => void) => void): Promise<number | undefined> {
    const pollable = { scheduler: this.#scheduler, over: () => this.#aborted };
    for (let excused = 0; ; excused = this.#injectedCount) {
      if (excused > 0) this.#nemesis.heal();
      const takenMs = await persist(act, RECOVERY_MS_MAX, pollable);
      if (takenMs !== undefined || this.#aborted || excused === this.#injectedCount) return takenMs;
    }
  }

  /** Nodes that are told to come to an end must not hold on to anything. */
  async #findLeaks(): Promise<void> {
    if (this.#aborted) return;
    this.#phase = 'finishing';
    // A node that is still paused could not come to an end.
    this.#nemesis.heal();
    for (const { node, text } of (await this.#bed.findLeaks?.()) ?? []) this.report({ node, rule: 'leak', text });
  }

  /**
   * A service keeps silent where it does not understand. From our own nodes that is a breach; of strangers it is noted.
   */
  #judgeRequest(service: string, node: string, body: Readonly<Record<string, unknown>>, isAnswered: boolean): void {
    const flaw = findRequestFlaw(service, body);
    if (flaw === undefined) return;
    if (isAnswered || this.#bed.findFlaw === undefined) this.#serviceRequests.note(node, service, flaw, body);
    else {
      const text = `${node} sent ${service} a request ${flaw}`;
      this.report({ node, rule: 'schema', text, line: stringifyExact(body) });
    }
  }

  /** Nobody knows what the process did, so it is never used again. */
  #replaceProcess(worker: Worker): void {
    worker.process += this.#options.concurrency;
    if (this.#test.reusableClients || this.#aborted || (this.#ending && this.#phase === 'running')) return;
    this.#closeClient(worker.client);
    worker.client = this.#openClient(worker.nodeId);
  }

  #openClient(nodeId: string): Client {
    const client = new Client({
      network: this.#network,
      scheduler: this.#scheduler,
      nodeId,
      onMalformed: this.#reportMalformed(nodeId),
    });
    this.#openClients.add(client);
    return client;
  }

  #reportMalformed(nodeId: string): ClientOptions['onMalformed'] {
    return ({ body }, problem, rule) => {
      const what = rule === 'closed-reply' ? 'a reply that is not as declared: ' : '';
      this.report({ node: nodeId, rule, text: `${nodeId} sent ${what}${problem}`, line: stringifyExact(body) });
    };
  }

  #closeClient(client: Client): void {
    this.#openClients.delete(client);
    client.close();
  }

  #observed(drawFate: DrawFate | undefined): DrawFate | undefined {
    const { onFate } = this.#observer;
    if (drawFate === undefined || onFate === undefined) return drawFate;
    return (src, dest, nth) => {
      const fate = drawFate(src, dest, nth);
      if (fate !== undefined) onFate(fate);
      return fate;
    };
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
    const { nodes, concurrency, availability, latencyMeanMs } = this.#options;
    const hitMessageCount = Object.values(this.#network.fates()).reduce((sum, count) => sum + count, 0);
    const recovery: Record<string, Checker> =
      this.#recovery.size === 0 ? {} : { recovery: recoveryChecker(() => this.#recovery) };
    const { createWorkCounter } = this.#test;
    const activity: Record<string, Checker> =
      createWorkCounter === undefined ? {} : { activity: activityChecker(createWorkCounter, () => this.#healedAt) };
    const checker = compose({
      stats: statsChecker(
        () => this.#healedAt,
        (f) => !this.#isFaulty || this.#chances.has(f),
      ),
      ...activity,
      availability: availabilityChecker(() => this.#healedAt),
      clients: clientsChecker(() => ({
        end: this.#healedAt,
        durationMs: this.#operationsMs,
        askedRatePerSecond: this.#options.schedule === undefined ? this.#options.ratePerSecond : undefined,
      })),
      net: netChecker(() => this.#network.statistics()),
      latency: latencyChecker(),
      faults: faultsChecker(() => this.#network.fates()),
      protocol: violationsChecker(() => this.#violations),
      ...(this.#serviceRequests.count === 0 ? {} : { services: { check: () => this.#serviceRequests.result() } }),
      ...recovery,
      workload: this.#test.checker(),
    });
    return checker.check(
      {
        nodes,
        concurrency,
        ...(availability === undefined ? {} : { availability }),
        hitMessageCount,
        latencyMeanMs,
      },
      this.#history,
    );
  }
}
