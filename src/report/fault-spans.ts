/**
 * The faults of a run with their beginnings and ends, read from what the nemesis wrote into the history. It writes every step twice, and the second time says what
 * was done (see `checkers/nemesis.ts`); of several faults of one kind in force the first to begin is the first to end.
 */

import type { History } from '../history/history.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { isRecord } from '../protocol/message.ts';
import { describeGrudge } from '../simulator/grudge.ts';

/** A fault that lasted. */
export interface FaultSpan {
  /** Its name on the command line. */
  readonly kind: string;
  /** Whom it hit, in a few words. */
  readonly whom: string;
  /** ns since the operations began. */
  readonly from: number;
  readonly to: number;
}

/** What begins and ends a fault whose steps are not called `start-…` and `stop-…`. */
const ENDED_BY: ReadonlyMap<string, string> = new Map([
  ['start', 'kill'],
  ['resume', 'pause'],
]);
const OTHER_BEGINNINGS: ReadonlySet<string> = new Set(ENDED_BY.values());
const WHOM_LENGTH_MAX = 120;

/** In the order in which they began. What never ended lasts until the end of the history. */
export function findFaultSpans(history: History): readonly FaultSpan[] {
  const spans: { kind: string; whom: string; from: number; to: number }[] = [];
  const open = new Map<string, (typeof spans)[number][]>();
  const end = history.length === 0 ? 0 : history.timeAt(history.length - 1);
  for (let index = 0; index < history.length; index++) {
    if (!history.isNemesisAt(index)) continue;
    const f = history.functionAt(index);
    const value = history.valueAt(index);
    const begun = kindBegunBy(f);
    if (begun !== undefined && isDone(value)) {
      const span = { kind: begun, whom: describeTarget(value), from: history.timeAt(index), to: end };
      spans.push(span);
      const others = open.get(begun);
      if (others === undefined) open.set(begun, [span]);
      else others.push(span);
      continue;
    }
    const ended = kindEndedBy(f);
    const span = ended === undefined || value === null ? undefined : open.get(ended)?.shift();
    if (span !== undefined) span.to = history.timeAt(index);
  }
  return spans;
}

function kindBegunBy(f: string): string | undefined {
  if (OTHER_BEGINNINGS.has(f)) return f;
  return f.startsWith('start-') ? f.slice('start-'.length) : undefined;
}

function kindEndedBy(f: string): string | undefined {
  return ENDED_BY.get(f) ?? (f.startsWith('stop-') ? f.slice('stop-'.length) : undefined);
}

/** Whether a value tells what was done, and to somebody; else it only announces. */
function isDone(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isRecord(value) && !(Array.isArray(value.nodes) && value.nodes.length === 0);
}

function describeTarget(value: unknown): string {
  const [, grudge] = Array.isArray(value) ? value : [];
  if (isGrudge(grudge)) return excerpt(describeGrudge(new Map(Object.entries(grudge))));
  const nodes = Array.isArray(value) ? value : isRecord(value) ? value.nodes : undefined;
  if (!Array.isArray(nodes)) return excerpt(stringifyExact(value));
  const { nodes: _, ...more } = isRecord(value) ? value : {};
  const details = Object.keys(more).length === 0 ? '' : ` ${stringifyExact(more)}`;
  return excerpt(`${nodes.join(', ')}${details}`);
}

function isGrudge(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  return isRecord(value) && Object.values(value).every((sources) => Array.isArray(sources));
}

function excerpt(text: string): string {
  return text.length > WHOM_LENGTH_MAX ? `${text.slice(0, WHOM_LENGTH_MAX)}…` : text;
}
