/**
 * One run of a scenario in which every step of every node has a number, and a fault hits chosen steps. Up to the first
 * of them all runs are the same, so a number identifies a moment.
 *
 * A step is a line that a node is about to send, has sent or is about to receive, a disk operation that starts or has
 * taken effect, or a timer that goes off. Others see only sent lines and effects on the disk, so there is a step
 * between any two of these. Two crashes are the same schedule if the same happened before them and after them. For
 * example, to die before the second disk operation is the same as to die after the first, with nothing in between.
 */

import { type CheckResult, mergeValidity, type Validity } from '../checkers/checker.ts';
import type { Fault, NodeFaultEvent } from '../harness/fault.ts';
import type { RunOutcome, RunStatus } from '../harness/run.ts';
import { SERVICE_NAMES } from '../harness/services/names.ts';
import { RunningHash } from '../protocol/hash.ts';
import { DamageDraws } from './explore-damage.ts';
import type { Scenario, Simulate } from './explore-scenario.ts';

export const ACTIONS = ['kill', 'kill-unsynced', 'kill-torn', 'pause', 'cut'] as const;
/** Actions against a node at a step: a kill, a power failure of its machine, a pause, a cut from nodes and services. */
export type Action = (typeof ACTIONS)[number];

/** The fault behind each action, by its name everywhere else. */
const FAULT_OF: Readonly<Record<Action, Fault>> = {
  kill: 'kill',
  'kill-unsynced': 'disk-unsynced',
  'kill-torn': 'disk-torn',
  pause: 'pause',
  cut: 'partition',
};

export function faultOf(action: Action): Fault {
  return FAULT_OF[action];
}

/** From a kill to the restart, ms. Other nodes notice it, and a client of the dead life still waits. */
const DOWN_MS = 1_000;
/** Longer than any RPC waits and any takeover takes, ms. */
const PAUSE_MS = 15_000;
/** A node fails if its first `init` takes longer than 10 s. So a pause during the start is shorter, even twice. */
const PAUSE_AT_START_MS = 3_000;
const CUT_MS = 3_000;

const PHASES: ReadonlySet<RunStatus['phase']> = new Set(['starting', 'running', 'recovering']);

/** The scenario with the faults of these actions. They tell the run that it must recover. */
export function withFaults(scenario: Scenario, actions: readonly Action[]): Scenario {
  return { ...scenario, faults: [...new Set(actions.map((action) => FAULT_OF[action]))] };
}

/** An action at a step of a run. */
export interface Injection {
  /** The number of the step, from 1. */
  readonly step: number;
  readonly node: string;
  /**
   * What the node was about to do or had just done: `send …`, `sent …`, `receive …`, `before write …`, `after write …`,
   * `timer`.
   */
  readonly text: string;
  readonly action: Action;
  /** Which of several draws of the damage, from 0; 0 if nothing is drawn. */
  readonly draw: number;
}

export type PlannedInjection = Pick<Injection, 'step' | 'action' | 'draw'> & Partial<Injection>;

export interface SteppedRun {
  readonly injections: readonly Injection[];
  /** Whether another draw could change the last injection. */
  readonly drew: boolean;
  /** The number of all steps. */
  readonly stepCount: number;
  /** Equal for runs in which the same happened. */
  readonly fingerprint: string;
  readonly validity: Validity;
  readonly outcome: RunOutcome;
}

/** A plan for steps beyond the last one of its run. */
export class NoSuchStepError extends Error {
  override readonly name = 'NoSuchStepError';

  constructor(
    readonly step: number,
    readonly stepCount: number,
  ) {
    super(`there is no step ${step}: the run has ${stepCount} steps`);
  }
}

/** Whether a step with this text may be hit. */
export type StepFilter = (text: string) => boolean;

/**
 * Runs the scenario with the planned injections, each at its step. The steps of the plan ascend. Rejects with a {@link
 * NoSuchStepError} if a step of the plan does not come, and with another error if a step is not the planned one.
 *
 * @param counts which steps get numbers; others are skipped
 */
export async function runWithInjections(
  simulate: Simulate,
  scenario: Scenario,
  plan: readonly PlannedInjection[],
  counts: StepFilter = () => true,
): Promise<SteppedRun> {
  const trace = new RunningHash();
  const damage = new DamageDraws(scenario.seed);
  const injections: Injection[] = [];
  let drew = false;
  let stepCount = 0;
  /** Counts a step and makes its injection; returns whether the node lives on. */
  const reach = (node: string, text: string): boolean => {
    if (!counts(text)) return true;
    stepCount++;
    const planned = plan[injections.length];
    if (planned?.step !== stepCount) return true;
    const injection = { ...planned, node: planned.node ?? node, text: planned.text ?? text };
    if (injection.node !== node || injection.text !== text) throw diverged(injection, `now it is ${node}: ${text}`);
    injections.push(injection);
    const { action, draw } = injection;
    const nowMs = simulation.time.now();
    const event = eventOf(injection, scenario, simulation.run.status());
    drew = damage.drawFor(`${nowMs} ${draw}`, () => simulation.run.inject(event));
    // A power failure that finds everything synced is like any other end.
    const what = drew ? `${action} ${draw}` : isKill(action) ? 'kill' : action;
    trace.add(`${nowMs} ${what} ${node}`);
    return !isKill(action);
  };
  const onStep = (node: string, text: string) => {
    const isEarly = () => PHASES.has(simulation.run.status().phase);
    if (!isEarly()) return;
    if (text.startsWith('after ')) {
      trace.add(`${node} ${text}`);
      reach(node, text);
      return;
    }
    if (!reach(node, text)) return;
    // The start of a disk operation changes nothing yet.
    if (!text.startsWith('before ')) trace.add(`${node} ${text}`);
    if (text.startsWith('send ')) {
      simulation.time.schedule(0, () => {
        if (isEarly()) reach(node, text.replace('send', 'sent'));
      });
    }
  };
  const simulation = simulate(scenario, { onStep, random: damage.random });
  const outcome = await simulation.finish();
  const missing = plan[injections.length];
  if (missing?.node !== undefined) throw diverged(missing, `now there are ${stepCount} steps`);
  if (missing !== undefined) throw new NoSuchStepError(missing.step, stepCount);
  return { injections, drew, stepCount, fingerprint: trace.digest, validity: judge(outcome.results), outcome };
}

/**
 * The verdict without the statistics. A scenario has a handful of operations. If all of a kind failed, that proves
 * nothing, because the crash was aimed at them. The check of the recovery covers that every node serves afterwards.
 */
export function judge(results: CheckResult): Validity {
  const parts = Object.entries(results).filter(([name]) => name !== 'valid?' && name !== 'stats');
  return mergeValidity(parts.map(([, result]) => (result as CheckResult)['valid?']));
}

/** One injection in words. */
export function describeInjection({ step, node, text, action, draw }: Injection): string {
  return `${action} of ${node} at step ${step} (${text})${draw > 0 ? `, draw ${draw}` : ''}`;
}

/** Whether it draws what is left of the disk. */
export function drawsDamage(action: Action): boolean {
  return action === 'kill-unsynced' || action === 'kill-torn';
}

/** Whether the node no longer does what it was about to do. */
function isKill(action: Action): boolean {
  return action !== 'pause' && action !== 'cut';
}

function diverged(at: PlannedInjection, found: string): Error {
  return new Error(
    `the run is not deterministic: step ${at.step} was ${at.node ?? 'some node'}: ${at.text ?? 'any'}; ${found}`,
  );
}

function eventOf({ action, node }: Injection, { nodes }: Scenario, { phase, elapsedMs }: RunStatus): NodeFaultEvent {
  const atMs = elapsedMs;
  switch (action) {
    case 'kill':
      return { atMs, durationMs: DOWN_MS, fault: 'kill', nodes: [node] };
    case 'kill-unsynced':
      return { atMs, durationMs: DOWN_MS, fault: 'disk-unsynced', nodes: [node], damage: 'unsynced' };
    case 'kill-torn':
      return { atMs, durationMs: DOWN_MS, fault: 'disk-torn', nodes: [node], damage: 'torn' };
    case 'pause':
      return { atMs, durationMs: phase === 'starting' ? PAUSE_AT_START_MS : PAUSE_MS, fault: 'pause', nodes: [node] };
    case 'cut': {
      const others = [...nodes.filter((other) => other !== node), ...SERVICE_NAMES];
      const grudge = Object.fromEntries([[node, others], ...others.map((other) => [other, [node]] as const)]);
      return { atMs, durationMs: CUT_MS, fault: 'partition', shape: 'alone', grudge };
    }
  }
}
