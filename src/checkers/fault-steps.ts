/**
 * The names of the steps of the nemesis. Jepsen's nemeses write `start-…` and `stop-…`. Nodes are an exception: they
 * are killed and started, paused and resumed (`jepsen.nemesis.combined`). Every step is written twice: an announcement,
 * and what was done.
 */

import { isRecord } from '../protocol/message.ts';

export interface FaultStep {
  /** The name of the fault on the command line. */
  readonly kind: string;
  readonly does: 'begin' | 'end';
}

const BEGIN_PREFIX = 'start-';
const END_PREFIX = 'stop-';
/** Faults whose steps have names of their own. */
const NODE_STEPS: ReadonlyMap<string, { readonly begin: string; readonly end: string }> = new Map([
  ['kill', { begin: 'kill', end: 'start' }],
  ['pause', { begin: 'pause', end: 'resume' }],
]);
const NODE_STEPS_BY_NAME: ReadonlyMap<string, FaultStep> = new Map(
  [...NODE_STEPS].flatMap(([kind, { begin, end }]): [string, FaultStep][] => [
    [begin, { kind, does: 'begin' }],
    [end, { kind, does: 'end' }],
  ]),
);

/** What the history calls the begin of a fault. */
export function beginStep(kind: string): string {
  return NODE_STEPS.get(kind)?.begin ?? `${BEGIN_PREFIX}${kind}`;
}

/** What the history calls the end of a fault. */
export function endStep(kind: string): string {
  return NODE_STEPS.get(kind)?.end ?? `${END_PREFIX}${kind}`;
}

/** The fault that `f` begins or ends; undefined for everything else. */
export function faultStep(f: string): FaultStep | undefined {
  if (f.startsWith(BEGIN_PREFIX)) return { kind: f.slice(BEGIN_PREFIX.length), does: 'begin' };
  if (f.startsWith(END_PREFIX)) return { kind: f.slice(END_PREFIX.length), does: 'end' };
  return NODE_STEPS_BY_NAME.get(f);
}

/**
 * Whether the value of a step that begins a fault says that something was hit. An announcement has null or a text. A
 * list of nodes is empty if all of them were down already.
 */
export function hitTarget(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isRecord(value) && !(Array.isArray(value.nodes) && value.nodes.length === 0);
}
