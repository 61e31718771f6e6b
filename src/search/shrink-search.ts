/**
 * The smallest failing run so far, and the trial of smaller ones. Each is run, and replaces it if it fails in the same
 * way. The steps of shrinking (`shrink-steps.ts`) work on it.
 */

import type { RunOutcome } from '../harness/run.ts';
import type { RunOptions } from '../harness/run-options.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { failsAlike, tellingWays } from './failure.ts';
import type { RecordedRun } from './smaller-runs.ts';

export interface ShrinkSearchOptions {
  /** Runs a candidate, whose `schedule` is set. */
  readonly attempt: (options: RunOptions) => Promise<RunOutcome>;
  /** In which ways the run failed, see `failureSignature`. */
  readonly signature: readonly string[];
  /** The greatest number of candidates to run. */
  readonly runsMax: number;
  /** True if no further candidate may run, even if `runsMax` is not reached. */
  readonly over?: (() => boolean) | undefined;
  /** Called after every run. */
  readonly onProgress?: ((progress: ShrinkProgress) => void) | undefined;
}

export interface ShrinkProgress {
  readonly runs: number;
  /** Of the smallest failing run so far: its operations, faults and fates. */
  readonly events: number;
  readonly nodes: number;
  readonly timeLimitMs: number;
}

/** Schedules up to this length are remembered, so that none is run twice. Longer ones hardly ever recur. */
const REMEMBERED_EVENTS_MAX = 200;

export class ShrinkSearch {
  readonly #request: ShrinkSearchOptions;
  readonly #ways: readonly string[];
  readonly #tried = new Set<string>();
  #best: RecordedRun;
  #runs = 0;
  #refused = false;

  constructor(recorded: RecordedRun, request: ShrinkSearchOptions) {
    this.#request = request;
    this.#ways = tellingWays(request.signature);
    this.#best = recorded;
    this.#isNew(recorded);
  }

  get best(): RecordedRun {
    return this.#best;
  }

  get runs(): number {
    return this.#runs;
  }

  /** Whether a candidate could not run because no run was left. */
  get over(): boolean {
    return this.#refused;
  }

  /** Replays the recorded run; true if it fails in the same way. */
  async reproduce(): Promise<boolean> {
    const reproduced = await this.#fails(this.#best);
    this.#tell();
    return reproduced;
  }

  /** Runs a candidate, and keeps it if it fails in the same way. False also for a known one, and if no run is left. */
  async accept(candidate: RecordedRun): Promise<boolean> {
    if (!this.#isNew(candidate)) return false;
    if (this.#runs >= this.#request.runsMax || this.#request.over?.()) {
      this.#refused = true;
      return false;
    }
    // A candidate that the simulator cannot carry out is no smaller failure. The search continues without it.
    const accepted = await this.#fails(candidate).catch(() => false);
    if (accepted) this.#best = candidate;
    this.#tell();
    return accepted;
  }

  /** Keeps the first of the candidates that fails in the same way; false if none does. */
  async acceptFirst(candidates: Iterable<RecordedRun>): Promise<boolean> {
    for (const candidate of candidates) if (await this.accept(candidate)) return true;
    return false;
  }

  async #fails({ options, schedule }: RecordedRun): Promise<boolean> {
    this.#runs++;
    const { results } = await this.#request.attempt({ ...options, schedule });
    return failsAlike(this.#ways, results);
  }

  #isNew(candidate: RecordedRun): boolean {
    if (eventCount(candidate) > REMEMBERED_EVENTS_MAX) return true;
    const text = stringifyExact(candidate);
    if (this.#tried.has(text)) return false;
    this.#tried.add(text);
    return true;
  }

  #tell(): void {
    const { nodes, timeLimitMs } = this.#best.options;
    this.#request.onProgress?.({
      runs: this.#runs,
      events: eventCount(this.#best),
      nodes: nodes.length,
      timeLimitMs,
    });
  }
}

function eventCount({ schedule }: RecordedRun): number {
  return schedule.operations.length + schedule.faults.length + schedule.messages.length;
}
