/**
 * The faults of a run with their begin and end, from the steps of the nemesis in the history. It writes every step
 * twice, and the second time says what was done (see `checkers/nemesis.ts`). Of several active faults of one kind the
 * first to begin is the first to end.
 */

import { faultStep, hitTarget } from '../checkers/fault-steps.ts';
import { describeGrudge } from '../harness/grudge.ts';
import type { History } from '../history/history.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { isRecord } from '../protocol/message.ts';

/** A fault with a duration. */
export interface FaultSpan {
  /** Its name on the command line. */
  readonly kind: string;
  /** The affected nodes or links, in a few words. */
  readonly whom: string;
  /** ns since the operations began. */
  readonly from: number;
  readonly to: number;
}

const WHOM_LENGTH_MAX = 120;

/** In the order in which they began. A fault that never ended lasts until the end of the history. */
export function findFaultSpans(history: History): readonly FaultSpan[] {
  const spans: { kind: string; whom: string; from: number; to: number }[] = [];
  const open = new Map<string, (typeof spans)[number][]>();
  const end = history.length === 0 ? 0 : history.timeAt(history.length - 1);
  for (let index = 0; index < history.length; index++) {
    if (!history.isNemesisAt(index)) continue;
    const step = faultStep(history.functionAt(index));
    const value = history.valueAt(index);
    if (step?.does === 'begin' && hitTarget(value)) {
      const span = { kind: step.kind, whom: describeTarget(value), from: history.timeAt(index), to: end };
      spans.push(span);
      const others = open.get(step.kind);
      if (others === undefined) open.set(step.kind, [span]);
      else others.push(span);
    } else if (step?.does === 'end' && value !== null) {
      const span = open.get(step.kind)?.shift();
      if (span !== undefined) span.to = history.timeAt(index);
    }
  }
  return spans;
}

function describeTarget(value: unknown): string {
  const [, grudge] = Array.isArray(value) ? value : [];
  if (isGrudge(grudge)) return excerpt(describeGrudge(new Map(Object.entries(grudge))), WHOM_LENGTH_MAX);
  const nodes = Array.isArray(value) ? value : isRecord(value) ? value.nodes : undefined;
  if (!Array.isArray(nodes)) return excerpt(stringifyExact(value), WHOM_LENGTH_MAX);
  const { nodes: _, ...more } = isRecord(value) ? value : {};
  const details = Object.keys(more).length === 0 ? '' : ` ${stringifyExact(more)}`;
  return excerpt(`${nodes.join(', ')}${details}`, WHOM_LENGTH_MAX);
}

function isGrudge(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  return isRecord(value) && Object.values(value).every((sources) => Array.isArray(sources));
}
