/**
 * The run of one test, from `init` to the verdict. Nodes, services and clients share one network. Operations begin at
 * the requested rate, and the nemesis injects faults meanwhile. Then every checker judges the history.
 *
 * The same code serves every bed. After faults there is a final phase, as in TigerBeetle's simulator. Everything is
 * healed. Then every node must serve again and the final invocations must be answered, within a stated time. A run ends
 * early for what ends a test in Maelstrom too: a node exits, or does not answer `init`.
 */

import { describeError } from '../checkers/answered-errors.ts';
import type { CheckResult } from '../checkers/checker.ts';
import type { Violation } from '../checkers/violations.ts';
import type { History } from '../history/history.ts';
import type { Operation } from '../history/operation.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { SeededRandom } from '../protocol/random.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { Bed, Engine } from './bed.ts';
import { Chances } from './chances.ts';
import { Cluster } from './cluster.ts';
import { configureTest } from './configure-test.ts';
import type { FaultEvent, MessageEvent } from './fault.ts';
import { type FaultPlanOptions, planFates, planFaults } from './fault-plan.ts';
import { FinalPhase } from './final-phase.ts';
import { createLatency } from './latency.ts';
import { Nemesis } from './nemesis.ts';
import { type Arrange, type DrawFate, Network, type NetworkEvent, type NetworkMessage } from './network.ts';
import { DrawnOperations, type OperationEvent, type OperationSource, RecordedOperations } from './operations.ts';
import { recoveryMsMax } from './recovery.ts';
import { RunLog } from './run-log.ts';
import { INIT_TIMEOUT_MS, type RunOptions } from './run-options.ts';
import { repeatFates } from './schedule.ts';
import { findRequestFlaw, ServiceRequests } from './service-requests.ts';
import { createServices } from './services/registry.ts';
import { judgeRun } from './verdict.ts';
import { Workers } from './workers.ts';
import type { WorkloadTest } from './workload-test.ts';

/**
 * An operation may begin this much too early, ms: the resolution of a history. Sums of doubles are inexact, and on
 * virtual time a wait for such a small rest would never end.
 */
const EARLINESS_MS_MAX = 1e-6;

/** The members of the store under the nodes must work together again within this time after the healing, ms. */
const ENGINE_RECOVERY_MS_MAX = 30_000;

export interface RunObserver {
  readonly onOperation?: (operation: Operation) => void;
  /** @param timeMs since the start of the operations; 0 before it */
  readonly onMessage?: (event: NetworkEvent, message: NetworkMessage, timeMs: number) => void;
  /** Called for each decision: an operation begins, a fault begins, a message has a fate. */
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

export class TestRun {
  readonly #options: RunOptions;
  readonly #test: WorkloadTest;
  readonly #bed: Bed;
  readonly #scheduler: Scheduler;
  readonly #observer: RunObserver;
  readonly #log: RunLog;
  readonly #network: Network;
  readonly #cluster: Cluster;
  readonly #nemesis: Nemesis;
  readonly #chances: Chances;
  readonly #serviceRequests = new ServiceRequests();
  readonly #operations: OperationSource;
  readonly #workers: Workers;
  readonly #finalPhase: FinalPhase;
  readonly #finalRandom: SeededRandom;
  /** How many workers take turns with the final invocations. Each talks to a different node. */
  readonly #askers: number;
  #phase: RunStatus['phase'] = 'starting';
  /** How long operations were begun, ms. */
  #operationsMs = 0;
  /** The length of the history when everything was healed. Later operations are retried until they are ok. */
  #healedAt = Number.POSITIVE_INFINITY;
  #ending = false;
  #aborted = false;
  #cancelPump: (() => void) | undefined;
  #cancelTimeLimit: () => void = () => {};
  #whenOver: () => void = () => {};
  #whenAborted: () => void = () => {};
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
    this.#test = configureTest(test, options);
    this.#bed = bed;
    this.#scheduler = scheduler;
    this.#observer = observer;
    this.#log = new RunLog(scheduler, observer.onOperation);
    this.#askers = Math.min(options.concurrency, options.nodes.length);
    const recoveryWithinMs = recoveryMsMax(options.latencyMeanMs, bed.recoveryMsMax);
    this.#chances = new Chances({
      isCalm: () => !this.#nemesis.isActive && this.#cluster.isReady,
      nowMs: () => this.#log.elapsedMs(),
      recoveryMsMax: recoveryWithinMs,
    });
    const random = new SeededRandom(options.seed);
    this.#finalRandom = random.fork('final');
    const services = createServices(random.fork('services'));
    const plan: FaultPlanOptions = {
      faults: options.faults,
      faultValues: options.faultValues ?? {},
      intervalMs: options.nemesisIntervalMs,
      nodes: options.nodes,
      services: bed.engine?.members ?? [...services.keys()],
      members: bed.engine?.members ?? [],
      hasPeerLinks: bed.engine?.hasPeerLinks ?? false,
      losesOneDisk: this.#losesOneDisk,
      random: random.fork('nemesis'),
    };
    this.#network = this.#createNetwork(plan, random, arrange);
    this.#cluster = this.#createCluster();
    this.#nemesis = this.#createNemesis(plan);
    // This order matters: a generator may draw when it is made.
    const { createProbes = this.#test.createGenerator } = this.#test;
    const nextProbe = createProbes(random.fork('probes'));
    this.#workers = this.#createWorkers();
    this.#operations = this.#createOperations(random);
    this.#finalPhase = new FinalPhase({
      nodes: options.nodes,
      workers: this.#workers,
      scheduler,
      recoveryMsMax: recoveryWithinMs,
      nextProbe: (worker) =>
        nextProbe({ worker, process: this.#workers.processOf(worker), atMs: this.#log.elapsedMs() }),
      askers: this.#askers,
      isAborted: () => this.#aborted,
      startMsSince: (nodeId, sinceMs) => this.#cluster.startMsSince(nodeId, sinceMs),
      heal: () => this.#nemesis.heal(),
    });
    bed.observe?.((src, dest, body) => this.#network.note(src, dest, body));
    for (const [id, service] of services) {
      this.#network.addEndpoint(id, ({ src, body }) => {
        const reply = service.handle(src, body);
        this.#judgeRequest(id, src, body, reply !== undefined);
        if (reply !== undefined) this.#network.send(id, src, { ...reply, in_reply_to: body.msg_id ?? null });
      });
    }
  }

  status(): RunStatus {
    const { ok, fail, info } = this.#workers.counts;
    return {
      phase: this.#phase,
      elapsedMs: this.#log.elapsedMs(),
      okCount: ok,
      failCount: fail,
      infoCount: info,
      currentFault: this.#nemesis.currentFault,
      violationCount: this.#log.violationCount,
    };
  }

  /** Injects an additional fault now. */
  inject(event: FaultEvent): void {
    this.#finalPhase.excuse();
    this.#nemesis.inject(event);
  }

  /** Makes the run invalid: a rule that holds for every workload was broken. */
  report(violation: Violation): void {
    this.#log.report(violation);
  }

  /** Begins no further operations; those in flight may finish. Before the operations begin, it ends the run at once. */
  stop(): void {
    if (this.#phase === 'starting') {
      this.abort();
      return;
    }
    this.#ending = true;
    this.#nemesis.rest();
    this.#pump();
  }

  /** Ends the run at once. Operations in flight become `info`. */
  abort(): void {
    this.#ending = true;
    this.#aborted = true;
    this.#cluster.ignore();
    this.#workers.close();
    this.#pump();
    this.#whenAborted();
  }

  /** Runs the test. Rejects only for errors of the harness or of the workload. */
  async run(): Promise<RunOutcome> {
    try {
      const allReady = await this.#cluster.start();
      // A node killed while it started has broken no rule. The cluster sends `init` to its next life.
      if ((allReady || this.#log.violations.length === 0) && !this.#ending) await this.#runPhases();
    } finally {
      this.#phase = 'finishing';
      this.#cancelPump?.();
      this.#cancelTimeLimit();
      this.#nemesis.rest();
      await this.#cluster.stop();
      this.#workers.close();
      this.#network.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#phase = 'checking';
    return { history: this.#log.history, startMs: this.#log.startMs, results: this.#judge() };
  }

  async #runPhases(): Promise<void> {
    if (this.#test.setUp !== undefined && !(await this.#setUp(this.#test.setUp))) return;
    await this.#runOperations();
    await this.#recover();
    await this.#cluster.judgeHeldOutput();
    await this.#findLeaks();
  }

  /** Resolves to whether every node was set up. Faults begin with the operations, those of messages too. */
  async #setUp(setUp: NonNullable<WorkloadTest['setUp']>): Promise<boolean> {
    const ends = await Promise.all(
      this.#options.nodes.map(async (nodeId) => ({ nodeId, end: await this.#workers.askAsGuest(nodeId, setUp, true) })),
    );
    if (this.#ending) return false;
    for (const { nodeId, end } of ends) {
      if (end.type === 'ok') continue;
      const reason = describeError(end.error);
      this.report({ node: nodeId, rule: 'setup', text: `${nodeId} could not be set up before the test: ${reason}` });
    }
    return ends.every(({ end }) => end.type === 'ok');
  }

  #runOperations(): Promise<void> {
    this.#workers.open();
    this.#log.begin();
    this.#phase = 'running';
    return new Promise((resolve) => {
      this.#whenOver = resolve;
      this.#cancelTimeLimit = this.#scheduler.schedule(this.#options.timeLimitMs, () => this.stop());
      this.#nemesis.start();
      this.#pump();
    });
  }

  /** Begins every operation that is due while workers are idle, and schedules its next call. */
  #pump(): void {
    if (this.#phase !== 'running') return;
    this.#cancelPump?.();
    this.#cancelPump = undefined;
    if (this.#ending) {
      this.#cancelTimeLimit();
      if (this.#operationsMs === 0) this.#operationsMs = this.#log.elapsedMs();
      if (this.#workers.areIdle) this.#whenOver();
      return;
    }
    const { idle } = this.#workers;
    // Sending to a node may end the run within the call.
    while (!this.#ending) {
      const dueMs = this.#operations.dueMs(idle);
      if (dueMs === undefined) return;
      const nowMs = this.#log.elapsedMs();
      const waitMs = dueMs - nowMs;
      if (waitMs > EARLINESS_MS_MAX) {
        this.#cancelPump = this.#scheduler.schedule(waitMs, () => this.#pump());
        return;
      }
      const { worker, invocation } = this.#operations.take(nowMs, idle);
      this.#observer.onBegin?.({ atMs: nowMs, worker, ...invocation });
      this.#workers.perform(worker, invocation, () => {
        idle.push(worker);
        this.#pump();
      });
    }
  }

  get #losesOneDisk(): boolean {
    return this.#test.survivesDiskLoss === 'one-at-a-time';
  }

  /** Whether faults were planned. */
  get #isFaulty(): boolean {
    const { faults, schedule } = this.#options;
    return faults.length > 0 || (schedule?.faults.length ?? 0) > 0;
  }

  /** Undoes every fault; then every node must serve again, and the final invocations are asked. */
  async #recover(): Promise<void> {
    // A run without operations shows nothing. Probes must not make it look as if it did.
    const faulty = this.#workers.completedCount > 0 && this.#isFaulty;
    const { createFinalInvocations, calmMs } = this.#test;
    if (this.#aborted || (!faulty && createFinalInvocations === undefined)) return;
    this.#phase = 'recovering';
    this.#healedAt = this.#log.history.length;
    // Must come before the healing: a resumed node takes its next step at once, and a fault may be injected there.
    this.#finalPhase.begin();
    this.#nemesis.heal();
    this.#cluster.setClocks();
    this.#network.calm();
    await this.#cluster.restarted();
    // A wait for nothing would change the order of what happens at the same moment.
    if (this.#bed.engine !== undefined) await this.#recoveryOf(this.#bed.engine);
    if (faulty) {
      await this.#finalPhase.probe();
      this.#cluster.judgeUnready((id) => this.#finalPhase.recovery.get(id) !== undefined);
      if (this.#losesOneDisk) await this.#finalPhase.awaitDisks((id) => this.#cluster.hasRecovered(id));
    }
    if (calmMs !== undefined && !this.#aborted)
      await new Promise<void>((resolve) => this.#scheduler.schedule(calmMs, resolve));
    if (this.#aborted || createFinalInvocations === undefined) return;
    await this.#finalPhase.ask(createFinalInvocations(this.#finalRandom, this.#askers, this.#log.history));
  }

  /** The store under the nodes must recover before the nodes are asked: its recovery is not theirs. */
  async #recoveryOf(engine: Engine): Promise<void> {
    if (this.#aborted) return;
    const aborted = new Promise<void>((resolve) => {
      this.#whenAborted = resolve;
    });
    const healthy = engine.healthy(ENGINE_RECOVERY_MS_MAX).catch((error: Error) => {
      if (!this.#aborted) this.report({ node: 'engine', rule: 'engine', text: error.message });
    });
    await Promise.race([healthy, aborted]);
  }

  /** A node that is told to end must leave nothing behind. */
  async #findLeaks(): Promise<void> {
    if (this.#aborted) return;
    this.#phase = 'finishing';
    // A node that is still paused could not end.
    this.#nemesis.heal();
    for (const { node, text } of (await this.#bed.findLeaks?.()) ?? []) this.report({ node, rule: 'leak', text });
  }

  /**
   * Services do not answer requests that they do not understand. From our own nodes such a request is a violation; from
   * other nodes it is noted.
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

  #createNetwork(plan: FaultPlanOptions, random: SeededRandom, arrange: Arrange | undefined): Network {
    const { schedule, latencyDistribution, latencyMeanMs } = this.#options;
    return new Network({
      scheduler: this.#scheduler,
      drawLatencyMs: createLatency(latencyDistribution, latencyMeanMs, random.fork('latency')),
      arrange,
      drawFate: this.#observed(schedule === undefined ? planFates(plan) : repeatFates(schedule.messages)),
      onEvent: (event, message) => {
        if (event === 'drop' || event === 'delay') this.#chances.disturb();
        this.#observer.onMessage?.(event, message, this.#log.elapsedMs());
      },
    });
  }

  #createCluster(): Cluster {
    const { nodes, initTimeoutMs = INIT_TIMEOUT_MS, faults } = this.#options;
    return new Cluster({
      nodes,
      bed: this.#bed,
      network: this.#network,
      scheduler: this.#scheduler,
      initTimeoutMs,
      latenessExcused: faults.some((fault) => fault !== 'partition'),
      losesOneDisk: this.#losesOneDisk,
      violate: (violation) => this.report(violation),
      onExit: () => this.abort(),
      onReady: () => this.#chances.disturb(),
    });
  }

  #createNemesis(plan: FaultPlanOptions): Nemesis {
    const { schedule, timeLimitMs } = this.#options;
    return new Nemesis({
      target: this.#cluster,
      scheduler: {
        now: () => this.#log.elapsedMs(),
        schedule: (delayMs, callback) => this.#scheduler.schedule(delayMs, callback),
      },
      plan: schedule === undefined ? planFaults(plan) : schedule.faults.map((event) => [event]),
      endMs: timeLimitMs,
      record: ({ process, type, f, value }) => {
        this.#chances.disturb();
        this.#log.record(process, type, f, value);
      },
      onBegin: (event) => this.#observer.onFault?.(event),
    });
  }

  #createWorkers(): Workers {
    const { nodes, concurrency } = this.#options;
    return new Workers({
      nodes,
      concurrency,
      test: this.#test,
      network: this.#network,
      scheduler: this.#scheduler,
      log: this.#log,
      chances: this.#chances,
      isRunning: () => this.#phase === 'running' && !this.#aborted,
      goesOn: () => !this.#aborted && !(this.#ending && this.#phase === 'running'),
      onFailure: (error) => {
        this.#failure ??= error;
        this.abort();
        this.#whenOver();
      },
    });
  }

  #createOperations(random: SeededRandom): OperationSource {
    const { schedule, ratePerSecond } = this.#options;
    if (schedule !== undefined) return new RecordedOperations(schedule.operations);
    const next = this.#test.createGenerator(random.fork('generator'));
    return new DrawnOperations(ratePerSecond, next, random, (worker) => this.#workers.processOf(worker));
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

  #judge(): CheckResult {
    return judgeRun({
      options: this.#options,
      test: this.#test,
      log: this.#log,
      network: this.#network,
      chances: this.#chances,
      serviceRequests: this.#serviceRequests,
      recovery: this.#finalPhase.recovery,
      haveOwnNames: this.#bed.ask !== undefined,
      isFaulty: this.#isFaulty,
      healedAt: this.#healedAt,
      operationsMs: this.#operationsMs,
    });
  }
}
