/**
 * The second phase of a run, when everything is healed: every node must serve again, then the final invocations are
 * asked. A system that is safe because it does nothing does not pass.
 */

import type { OperationType } from '../history/operation.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { persist, RECOVERY_MS_MAX } from './recovery.ts';
import type { Workers } from './workers.ts';
import type { FinalInvocation, FinalStep, Invocation } from './workload-test.ts';

/** After so many final invocations without an answer the rest is left out: the run is invalid, and each takes 10 s. */
const UNANSWERED_MAX = 64;

type Act = (onEnd: (type: OperationType) => void) => void;

export interface FinalPhaseOptions {
  readonly nodes: readonly string[];
  readonly workers: Workers;
  readonly scheduler: Scheduler;
  /** What a node is asked to find out whether it serves again. */
  readonly nextProbe: () => Invocation;
  /** How many workers ask in turn, each another node. */
  readonly askers: number;
  readonly isAborted: () => boolean;
  /** Undoes faults that were injected meanwhile. */
  readonly heal: () => void;
}

export class FinalPhase {
  readonly #options: FinalPhaseOptions;
  /** How long it took each node to serve and each final invocation that failed, ms; undefined: never. */
  readonly #recovery = new Map<string, number | undefined>();
  #injectedCount = 0;
  #unansweredCount = 0;

  constructor(options: FinalPhaseOptions) {
    this.#options = options;
  }

  get recovery(): ReadonlyMap<string, number | undefined> {
    return this.#recovery;
  }

  /** A fault was injected, which excuses what takes longer because of it. */
  excuse(): void {
    this.#injectedCount++;
  }

  /** Everything is healed now. */
  begin(): void {
    this.#injectedCount = 0;
  }

  /** Asks every node until it serves. */
  async probe(): Promise<void> {
    await Promise.all(this.#options.nodes.map((nodeId, index) => this.#probeNode(nodeId, index)));
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

  /** Without a worker of its own each is asked by the next one that is idle. */
  async #askSideBySide(list: readonly FinalInvocation[], first: number): Promise<void> {
    const { length } = this.#options.workers;
    const own = new Map<number, [number, FinalInvocation][]>();
    const shared: [number, FinalInvocation][] = [];
    for (const [offset, invocation] of list.entries()) {
      const entry: [number, FinalInvocation] = [first + offset, invocation];
      if (invocation.by === undefined) shared.push(entry);
      else
        for (let worker = 0; worker < length; worker++)
          if (invocation.by === 'each' || invocation.by === worker)
            own.set(worker, [...(own.get(worker) ?? []), entry]);
    }
    const waiting = shared.values();
    const askAll = async (worker: number) => {
      for (const [index, invocation] of own.get(worker) ?? []) await this.#askOf(worker, invocation, index);
      for (const [index, invocation] of waiting) await this.#askOf(worker, invocation, index);
    };
    await Promise.all(Array.from({ length }, (_, worker) => askAll(worker)));
  }

  #ask(invocation: FinalInvocation, index: number): Promise<void> {
    const { by } = invocation;
    return this.#askOf(typeof by === 'number' ? by : index % this.#options.askers, invocation, index);
  }

  async #askOf(worker: number, { f, value, once }: FinalInvocation, index: number): Promise<void> {
    const { workers, isAborted } = this.#options;
    if (isAborted() || this.#unansweredCount >= UNANSWERED_MAX) return;
    const act: Act = (onEnd) => workers.perform(worker, { f, value }, onEnd);
    if (once) {
      await new Promise<OperationType>(act);
      return;
    }
    const takenMs = await this.#persist(act);
    if (isAborted() || takenMs !== undefined) return;
    this.#unansweredCount++;
    this.#recovery.set(`final ${f} ${index}`, undefined);
  }

  /** Where there are fewer workers than nodes a guest asks. */
  async #probeNode(nodeId: string, index: number): Promise<void> {
    const { workers, nextProbe, isAborted } = this.#options;
    const takenMs = await this.#persist((onEnd) =>
      index < workers.length
        ? workers.perform(index, nextProbe(), onEnd)
        : workers.probeAsGuest(nodeId, nextProbe(), onEnd),
    );
    if (!isAborted()) this.#recovery.set(nodeId, takenMs);
  }

  /** Tries until `act` ends ok. After a fault that was injected meanwhile the time for it begins anew. */
  async #persist(act: Act): Promise<number | undefined> {
    const { scheduler, isAborted, heal } = this.#options;
    for (let excused = 0; ; excused = this.#injectedCount) {
      if (excused > 0) heal();
      const takenMs = await persist(act, RECOVERY_MS_MAX, { scheduler, over: isAborted });
      if (takenMs !== undefined || isAborted() || excused === this.#injectedCount) return takenMs;
    }
  }
}
