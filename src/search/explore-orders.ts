/**
 * Every order in which messages can arrive, for small scenarios. A strategy chooses which message arrives next, and the
 * run is repeated with other choices until none is left. Depth first: each run replays the choices of the one before,
 * up to the last that has an alternative.
 *
 * Arrivals at different receivers commute, so two schedules differ only in the order at each receiver. Sleep sets leave
 * out schedules that differ in nothing else (Godefroid, "Partial-Order Methods for the Verification of Concurrent
 * Systems", 1996): a message that was tried first at one choice need not be tried after its siblings, until another one
 * arrives at the same receiver. This takes the times of arrival for unimportant. Behaviour that depends on clocks is
 * explored in only one of the equivalent orders.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import type { NetworkMessage } from '../harness/network.ts';
import type { RunOutcome } from '../harness/run.ts';
import { isClient } from '../protocol/client-id.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { RunningHash } from '../protocol/hash.ts';
import type { Scenario, Simulate } from './explore-scenario.ts';
import { judge } from './explore-steps.ts';
import { KeptFailures } from './kept-failures.ts';

export interface ExploreOrdersOptions {
  readonly simulate: Simulate;
  /**
   * The scenario. All its operations must begin at once, each by a worker of its own. Otherwise some orders of arrival
   * are missing.
   */
  readonly options: Scenario;
  /** No run begins after this many distinct schedules. */
  readonly schedulesMax: number;
  readonly onProgress?: (progress: ExploreOrdersProgress) => void;
  /** Asked before every run. After true no run begins. */
  readonly over?: () => boolean;
}

export interface ExploreOrdersProgress {
  readonly runs: number;
  readonly schedules: number;
  readonly failureCount: number;
}

export interface OrderFailure {
  /** The arrivals while operations ran, one after another: `c0 → n0 {"type":…}`. */
  readonly order: readonly string[];
  /** Which of the messages in flight was chosen, at each choice. It replays the run. */
  readonly choices: readonly number[];
  readonly validity: Exclude<Validity, true>;
  readonly results: CheckResult;
}

export interface ExploreOrdersReport {
  /** The greatest number of arrivals in a run. */
  readonly arrivalsMax: number;
  /** The distinct schedules, by the order at each receiver. */
  readonly schedules: number;
  /** Includes runs that were broken off because they could only repeat another one. */
  readonly runs: number;
  readonly complete: boolean;
  readonly stoppedBecause?: string;
  readonly failureCount: number;
  readonly failures: readonly OrderFailure[];
}

/** Rejects only for errors of the simulator itself, and for a run that is not deterministic. */
export async function exploreOrders(options: ExploreOrdersOptions): Promise<ExploreOrdersReport> {
  const { schedulesMax, onProgress, over } = options;
  const choices = new Choices();
  const seen = new Set<string>();
  const failures = new KeptFailures<OrderFailure>();
  let arrivalsMax = 0;
  let runs = 0;
  let exhausted = false;
  while (!exhausted && seen.size < schedulesMax && !over?.()) {
    const run = await runInOrder(options, choices);
    runs++;
    if (!run.redundant) {
      seen.add(run.fingerprint);
      arrivalsMax = Math.max(arrivalsMax, run.order.length);
      const { order, choices, results, validity } = run;
      if (validity !== true) failures.add({ order, choices, results, validity });
    }
    onProgress?.({ runs, schedules: seen.size, failureCount: failures.count });
    exhausted = !choices.backtrack();
  }
  const found = { failureCount: failures.count, failures: failures.kept };
  const report = { arrivalsMax, schedules: seen.size, runs, complete: exhausted, ...found };
  if (exhausted) return report;
  const stoppedBecause = over?.() ? 'it was told to stop' : `the limit of ${schedulesMax} schedules was reached`;
  return { ...report, stoppedBecause };
}

async function runInOrder({ simulate, options }: ExploreOrdersOptions, choices: Choices) {
  const order: string[] = [];
  const chosen: number[] = [];
  /** For each receiver, its arrivals. */
  const traces = new Map<string, RunningHash>();
  let redundant = false;
  const arrange = (pending: readonly NetworkMessage[]): number => {
    // Orders matter only for operations, not for start and end.
    if (redundant || simulation.run.status().phase !== 'running') return 0;
    const answer = findAnswer(pending);
    const index = answer >= 0 ? answer : choices.next(pending);
    if (index === undefined) {
      redundant = true;
      simulation.run.abort();
      return 0;
    }
    if (answer < 0) chosen.push(index);
    const message = pending[index] as NetworkMessage;
    const { src, dest, body } = message;
    const trace = traces.get(dest) ?? new RunningHash();
    traces.set(dest, trace);
    trace.add(`${src} ${stringifyExact(body)}`);
    order.push(describeArrival(message));
    return index;
  };
  choices.rewind();
  const simulation = simulate(options, { arrange });
  const { results } = await simulation.finish();
  const fingerprint = [...traces.entries()]
    .map(([dest, trace]) => `${dest} ${trace.digest}`)
    .sort()
    .join(' ');
  return { redundant, order, choices: chosen, fingerprint, results, validity: judge(results) };
}

/** An order that chooses among messages that are not in flight. */
export class NoSuchChoiceError extends Error {
  override readonly name = 'NoSuchChoiceError';
}

/** Replays the run with these choices. After the last of them the message that was sent first arrives first. */
export async function followOrder(
  simulate: Simulate,
  options: Scenario,
  choices: OrderFailure['choices'],
): Promise<RunOutcome> {
  let position = 0;
  const arrange = (pending: readonly NetworkMessage[]): number => {
    if (simulation.run.status().phase !== 'running') return 0;
    const answer = findAnswer(pending);
    if (answer >= 0) return answer;
    const index = choices[position++] ?? 0;
    if (index < pending.length) return index;
    const inFlight = `there ${pending.length === 1 ? 'is 1 message' : `are ${pending.length} messages`} in flight`;
    throw new NoSuchChoiceError(`choice ${position} is ${index}, and ${inFlight}, counted from 0`);
  };
  const simulation = simulate(options, { arrange });
  return simulation.finish();
}

function describeArrival({ src, dest, body }: NetworkMessage): string {
  return `${src} → ${dest} ${stringifyExact(body)}`;
}

/**
 * A reply to a client arrives at once and is no choice. A client asks one thing at a time, so no other message could
 * arrive there before it, and its order with arrivals elsewhere does not matter.
 */
function findAnswer(pending: readonly NetworkMessage[]): number {
  return pending.findIndex(({ dest }) => isClient(dest));
}

/** One moment at which several messages could arrive next. */
interface Choice {
  readonly pending: readonly NetworkMessage[];
  /** Those that lead only to schedules that were tried already. */
  readonly asleep: Set<NetworkMessage['id']>;
  chosen: number;
}

/** The choices of the current run: first those to repeat, then new ones. */
class Choices {
  readonly #choices: Choice[] = [];
  #position = 0;

  /** Begins another run. */
  rewind(): void {
    this.#position = 0;
  }

  /** The index of the message that arrives next; undefined: every choice leads to a schedule that was tried already. */
  next(pending: readonly NetworkMessage[]): number | undefined {
    const known = this.#choices[this.#position];
    if (known === undefined) {
      const choice = { pending, asleep: this.#stillAsleep(), chosen: -1 };
      if (!advance(choice)) return undefined;
      this.#choices.push(choice);
    } else if (known.pending.map(({ id }) => id).join() !== pending.map(({ id }) => id).join()) {
      throw new Error(`the run is not deterministic: at choice ${this.#position} other messages are in flight`);
    }
    return this.#choices[this.#position++]?.chosen;
  }

  /** Turns to the last choice that has an alternative; false if there is none. */
  backtrack(): boolean {
    for (;;) {
      const last = this.#choices.at(-1);
      if (last === undefined) return false;
      last.asleep.add((last.pending[last.chosen] as NetworkMessage).id);
      if (advance(last)) return true;
      this.#choices.pop();
    }
  }

  /** Messages that slept at the choice before and go on sleeping, because the chosen arrival does not concern them. */
  #stillAsleep(): Set<NetworkMessage['id']> {
    const before = this.#choices.at(-1);
    if (before === undefined) return new Set();
    const arrived = before.pending[before.chosen] as NetworkMessage;
    const sleepers = before.pending.filter(({ id, dest }) => before.asleep.has(id) && dest !== arrived.dest);
    return new Set(sleepers.map(({ id }) => id));
  }
}

/** Chooses the next message that is not asleep; false if there is none. */
function advance(choice: Choice): boolean {
  const next = choice.pending.findIndex(({ id }, index) => index > choice.chosen && !choice.asleep.has(id));
  if (next >= 0) choice.chosen = next;
  return next >= 0;
}
