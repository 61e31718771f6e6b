/**
 * The smallest failing run so far, and the trial of smaller ones: each is run, and takes its place if it fails in the
 * same way. What the steps of shrinking (`shrink-steps.ts`) work on.
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
  /** How many candidates may be run at most. */
  readonly runsMax: number;
  /** Whether no further one may be run, whatever is left of them. */
  readonly over?: (() => boolean) | undefined;
  /** Told after every run. */
  readonly onProgress?: ((progress: ShrinkProgress) => void) | undefined;
}

export interface ShrinkProgress {
  readonly runs: number;
  /** Of the smallest failing run so far: its operations, faults and fates. */
  readonly events: number;
  readonly nodes: number;
  readonly timeLimitMs: number;
}

/** Schedules up to this length are remembered, so that none is run twice; longer ones hardly ever recur. */
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

  /** Whether a candidate could not be run any more. */
  get over(): boolean {
    return this.#refused;
  }

  /** Runs the recorded run again; true if it fails in the same way. */
  async reproduce(): Promise<boolean> {
    const reproduced = await this.#fails(this.#best);
    this.#tell();
    return reproduced;
  }

  /**
   * Runs a candidate, and keeps it if it fails in the same way. False also for one that is known, and when no run is
   * left.
   */
  async accept(candidate: RecordedRun): Promise<boolean> {
    if (!this.#isNew(candidate)) return false;
    if (this.#runs >= this.#request.runsMax || this.#request.over?.()) {
      this.#refused = true;
      return false;
    }
    // A candidate that the simulator cannot carry out is no smaller failure; the search goes on without it.
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
