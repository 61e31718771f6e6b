/**
 * What a step of the nemesis says. Jepsen's nemeses write `start-…` and `stop-…`, but for nodes: they are killed and
 * started, paused and resumed (`jepsen.nemesis.combined`). Every step is written twice: an announcement, and what was
 * done.
 */

import { isRecord } from '../protocol/message.ts';

export interface FaultStep {
  /** The name of the fault on the command line. */
  readonly kind: string;
  readonly does: 'begin' | 'end';
}

const NODE_STEPS: ReadonlyMap<string, FaultStep> = new Map([
  ['kill', { kind: 'kill', does: 'begin' }],
  ['start', { kind: 'kill', does: 'end' }],
  ['pause', { kind: 'pause', does: 'begin' }],
  ['resume', { kind: 'pause', does: 'end' }],
]);
const BEGINS = 'start-';
const ENDS = 'stop-';

/** The fault that `f` begins or ends; undefined for everything else. */
export function faultStep(f: string): FaultStep | undefined {
  if (f.startsWith(BEGINS)) return { kind: f.slice(BEGINS.length), does: 'begin' };
  if (f.startsWith(ENDS)) return { kind: f.slice(ENDS.length), does: 'end' };
  return NODE_STEPS.get(f);
}

/**
 * Whether the value of a step that begins a fault tells what was done, and to somebody: an announcement has null or a
 * text, and all nodes may be down.
 */
export function hitSomebody(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isRecord(value) && !(Array.isArray(value.nodes) && value.nodes.length === 0);
}
