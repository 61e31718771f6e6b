/**
 * The end of a run, when everything is healed. Every node must serve again, then the final invocations are asked. A
 * system that is safe only because it does nothing does not pass.
 */

import type { OperationType } from '../history/operation.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { persist } from './recovery.ts';
import type { Workers } from './workers.ts';
import type { FinalInvocation, FinalStep, Invocation } from './workload-test.ts';

/**
 * After this many unanswered final invocations the rest is left out. The run is invalid anyway, and each would take all
 * the time that a node has to recover.
 */
const UNANSWERED_MAX = 64;

type Act = (onEnd: (type: OperationType) => void) => void;

export interface FinalPhaseOptions {
  readonly nodes: readonly string[];
  readonly workers: Workers;
  readonly scheduler: Scheduler;
  /** How long a node may take to serve, or to answer a final invocation, ms. */
  readonly recoveryMsMax: number;
  /** Makes the next operation that shows whether a node serves again. */
  readonly nextProbe: (worker: number) => Invocation;
  /** How many workers take turns in asking. Each talks to a different node. */
  readonly askers: number;
  readonly isAborted: () => boolean;
  /** How long the start of a node has held it up since a moment of the scheduler's clock, ms. */
  readonly startMsSince: (nodeId: string, sinceMs: number) => number;
  /** Undoes the faults that were injected meanwhile. */
  readonly heal: () => void;
}

export class FinalPhase {
  readonly #options: FinalPhaseOptions;
  /**
   * For each node, after how many ms it served; undefined if it never did. Also an entry for each final invocation that
   * was never ok.
   */
  readonly #recovery = new Map<string, number | undefined>();
  #injectedCount = 0;
  #unansweredCount = 0;

  constructor(options: FinalPhaseOptions) {
    this.#options = options;
  }

  get recovery(): ReadonlyMap<string, number | undefined> {
    return this.#recovery;
  }

  /** A fault was injected. Waits that it prolongs start anew. */
  excuse(): void {
    this.#injectedCount++;
  }

  /** Everything is healed now: faults injected earlier excuse nothing. */
  begin(): void {
    this.#injectedCount = 0;
  }

  /** Probes every node until it serves. */
  async probe(): Promise<void> {
    await Promise.all(this.#options.nodes.map((nodeId, index) => this.#probeNode(nodeId, index)));
  }

  /** Waits until each node has recovered from the loss of its disk. */
  async awaitDisks(hasRecovered: (nodeId: string) => boolean): Promise<void> {
    const { nodes, isAborted } = this.#options;
    const recover = async (nodeId: string) => {
      const takenMs = await this.#persist((onEnd) => onEnd(hasRecovered(nodeId) ? 'ok' : 'fail'));
      if (!isAborted() && takenMs === undefined) this.#recovery.set(`disk of ${nodeId}`, undefined);
    };
    await Promise.all(nodes.filter((nodeId) => !hasRecovered(nodeId)).map(recover));
  }

  async ask(steps: readonly FinalStep[]): Promise<void> {
    let index = 0;
    for (const step of steps) {
      const list = 'f' in step ? [step] : step;
      if ('f' in step && step.by !== 'each') await this.#ask(step, index);
      else await this.#askSideBySide(list, index);
      index += list.length;
    }
  }

  /** Each worker asks its own invocations first, then takes from those that any worker may ask. */
  async #askSideBySide(list: readonly FinalInvocation[], first: number): Promise<void> {
    const { length } = this.#options.workers;
    const numbered = list.map((invocation, offset) => ({ index: first + offset, invocation }));
    // All workers take from this one iterator.
    const shared = numbered.filter(({ invocation }) => invocation.by === undefined).values();
    const askAll = async (worker: number) => {
      const own = numbered.filter(({ invocation: { by } }) => by === 'each' || by === worker);
      for (const { index, invocation } of own) await this.#askOf(worker, invocation, index);
      for (const { index, invocation } of shared) await this.#askOf(worker, invocation, index);
    };
    await Promise.all(Array.from({ length }, (_, worker) => askAll(worker)));
  }

  #ask(invocation: FinalInvocation, index: number): Promise<void> {
    const { by } = invocation;
    return this.#askOf(typeof by === 'number' ? by : index % this.#options.askers, invocation, index);
  }

  async #askOf(worker: number, asked: FinalInvocation, index: number): Promise<void> {
    const { workers, isAborted } = this.#options;
    const { f, value, once, final, repeated } = asked;
    if (isAborted() || this.#unansweredCount >= UNANSWERED_MAX) return;
    if (repeated !== undefined) {
      await this.#askAgain(worker, repeated);
      return;
    }
    const act: Act = (onEnd) => workers.perform(worker, { f, value, ...(final && { final }) }, onEnd);
    if (once) {
      await new Promise<OperationType>(act);
      return;
    }
    const takenMs = await this.#persist(act);
    if (isAborted() || takenMs !== undefined) return;
    this.#unansweredCount++;
    this.#recovery.set(`final ${f} ${index}`, undefined);
  }

  async #askAgain(worker: number, { next, everyMs, forMs }: NonNullable<FinalInvocation['repeated']>): Promise<void> {
    const { workers, isAborted, scheduler } = this.#options;
    const endMs = scheduler.now() + forMs;
    while (!isAborted() && scheduler.now() < endMs) {
      const invocation = next(workers.clientOf(worker));
      if (invocation === undefined) return;
      await new Promise<OperationType>((onEnd) => workers.perform(worker, invocation, onEnd));
      await new Promise<void>((resolve) => scheduler.schedule(everyMs, resolve));
    }
  }

  /** A node without a worker is probed by a guest. */
  async #probeNode(nodeId: string, index: number): Promise<void> {
    const { workers, nextProbe, isAborted, scheduler, startMsSince, recoveryMsMax } = this.#options;
    const sinceMs = scheduler.now();
    const act: Act = (onEnd) =>
      index < workers.length
        ? workers.perform(index, nextProbe(index), onEnd)
        : workers.probeAsGuest(nodeId, index, nextProbe(index), onEnd);
    // A node may take as long to start again as it took at first.
    const takenMs = await this.#persist(act, () => recoveryMsMax + startMsSince(nodeId, sinceMs));
    if (!isAborted()) this.#recovery.set(nodeId, takenMs);
  }

  /** Retries until `act` ends ok. A fault that was injected meanwhile starts the time limit anew. */
  async #persist(act: Act, withinMs = () => this.#options.recoveryMsMax): Promise<number | undefined> {
    const { scheduler, isAborted, heal } = this.#options;
    for (let excused = 0; ; excused = this.#injectedCount) {
      if (excused > 0) heal();
      const takenMs = await persist(act, withinMs, { scheduler, over: isAborted });
      if (takenMs !== undefined || isAborted() || excused === this.#injectedCount) return takenMs;
    }
  }
}
