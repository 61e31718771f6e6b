/**
 * The story of a run, for people: who did what and when, one line each, and why it failed. Meant for small runs. In
 * longer ones the middle is left out, but never the failure itself.
 */

import { findProofs } from '../checkers/evidence.ts';
import type { NetworkMessage } from '../harness/network.ts';
import type { RunOutcome } from '../harness/run.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { Operation } from '../history/operation.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { escapeToOneLine } from '../protocol/invisible.ts';
import { shortJson } from '../protocol/short-json.ts';
import { describeFate, describeFault, describeFaultEnd } from './fault-words.ts';
import { clientOf, nodeOf } from './smaller-runs.ts';
import type { StoryEvent } from './story-recorder.ts';

const LINES_MAX_DEFAULT = 60;
const EXCERPT_LENGTH = 160;
const TIME_WIDTH = 9;
/** Two operations, each with its invocation. */
const PROOF_LINES = 4;

export interface StoryOptions {
  readonly events: readonly StoryEvent[];
  readonly options: Pick<RunOptions, 'nodes' | 'concurrency'>;
  readonly outcome: Pick<RunOutcome, 'startMs' | 'results' | 'history'>;
  /** Why the run failed, in a sentence: the last line. */
  readonly reason: string;
  /** Including the reason. Default: 60. */
  readonly linesMax?: number | undefined;
}

/** A line of a story. */
export interface StoryLine {
  /** Since the operations began, ms. Absent: a line that counts the lines left out. */
  readonly atMs?: number;
  readonly who: string;
  readonly what: string;
  /** Whether it is an answer that proves the failure. */
  readonly proof?: boolean;
}

/**
 * Lines `time who what`, in the order of time, which is in ms since the operations began: ` 12 ms client 3 → n1
 * generate`.
 */
export function tellStory(story: StoryOptions): string[] {
  const told = storyLines(story);
  const whoWidth = Math.max(0, ...told.map(({ who }) => who.length));
  const lines = told.map(({ atMs, who, what }) =>
    atMs === undefined
      ? `${' '.repeat(TIME_WIDTH)}  ${what}`
      : escapeToOneLine(`${formatMs(atMs).padStart(TIME_WIDTH)}  ${who.padEnd(whoWidth)}  ${what}`),
  );
  return [...lines, escapeToOneLine(story.reason)];
}

/** The same, line by line, without the reason. */
export function storyLines({ events, options, outcome, linesMax }: Omit<StoryOptions, 'reason'>): readonly StoryLine[] {
  const startMs = Number.isFinite(outcome.startMs) ? outcome.startMs : 0;
  const important = findImportant(events, outcome);
  const shown = choose(events, important, Math.max(1, (linesMax ?? LINES_MAX_DEFAULT) - 1));
  const lines: StoryLine[] = [];
  let next = 0;
  const leaveOut = (until: number) => {
    if (until > next) lines.push({ who: '', what: `… ${until - next} more` });
    next = until + 1;
  };
  for (const index of shown) {
    leaveOut(index);
    const event = events[index] as StoryEvent;
    const line = { atMs: event.atMs - startMs, ...tell(event, options) };
    const proves = important.includes(index) && event.kind === 'operation' && event.operation.type !== 'invoke';
    lines.push(proves ? { ...line, proof: true } : line);
  }
  leaveOut(events.length);
  return lines;
}

interface Told {
  readonly who: string;
  readonly what: string;
}

function tell(event: StoryEvent, options: StoryOptions['options']): Told {
  switch (event.kind) {
    case 'start':
      return { who: event.nodes.join(', '), what: event.nodes.length === 1 ? 'starts' : 'start' };
    case 'operation':
      return tellOperation(event.operation, options);
    case 'fault':
      return describeFault(event.fault);
    case 'fault-end':
      return describeFaultEnd(event.fault);
    case 'fate': {
      const { fate, message } = event;
      return { who: tellLink(fate, options), what: `${describeBody(message)} ${describeFate(fate)}` };
    }
    case 'drop':
      return {
        who: tellLink(event.message, options),
        what: `${describeBody(event.message)} is lost: no receiver, or a cut`,
      };
    case 'log': {
      const { nodeId, level, message, fields } = event.entry;
      const details =
        fields === undefined || Object.keys(fields).length === 0 ? '' : ` ${shortJson(fields, EXCERPT_LENGTH)}`;
      return { who: nodeId, what: excerpt(`logs ${level}: ${message}${details}`, EXCERPT_LENGTH) };
    }
  }
}

function tellOperation({ type, process, f, value, error }: Operation, options: StoryOptions['options']): Told {
  const worker = (process as number) % options.concurrency;
  const node = nodeOf(options, worker);
  const reason = error === undefined ? '' : `: ${shortJson(error, EXCERPT_LENGTH)}`;
  const withValue = (words: string) =>
    value === null || value === undefined ? words : `${words} ${shortJson(value, EXCERPT_LENGTH)}`;
  switch (type) {
    case 'invoke':
      return { who: `client ${worker} → ${node}`, what: withValue(f) };
    case 'ok':
      return { who: `client ${worker} ← ${node}`, what: withValue(`${f} ok`) };
    case 'fail':
      return { who: `client ${worker} ← ${node}`, what: `${withValue(f)} failed${reason}` };
    case 'info':
      return { who: `client ${worker} … ${node}`, what: `${withValue(f)} is undecided${reason}` };
  }
}

/** `client 0` for the first client of a worker; the id on the network for all others. */
function tellLink(
  { src, dest }: { readonly src: string; readonly dest: string },
  options: StoryOptions['options'],
): string {
  const nameOf = (id: string) => {
    const worker = Number(id.slice(1)) - options.nodes.length;
    const known = worker >= 0 && worker < options.concurrency && id === clientOf(options, worker);
    return known ? `client ${worker}` : id;
  };
  return `${nameOf(src)} → ${nameOf(dest)}`;
}

function describeBody(message: NetworkMessage | undefined): string {
  return message === undefined ? 'a message' : excerpt(String(message.body.type), EXCERPT_LENGTH);
}

/**
 * The events to show, in their order: first the important ones, then from both ends inwards. With a line for each gap
 * there are at most `linesMax`.
 */
function choose(events: readonly StoryEvent[], important: readonly number[], linesMax: number): number[] {
  if (events.length <= linesMax) return [...events.keys()];
  const ends = Array.from({ length: linesMax }, (_, turn) =>
    turn % 2 === 0 ? turn / 2 : events.length - (turn + 1) / 2,
  );
  let chosen: number[] = [];
  // The first proof, then the beginning. A hundred more proofs say less than that.
  const [proof, others] = [important.slice(0, PROOF_LINES), important.slice(PROOF_LINES, linesMax)];
  for (const index of [...proof, 0, ...others, ...ends]) {
    if (chosen.includes(index)) continue;
    const larger = [...chosen, index].sort((one, other) => one - other);
    if (lineCount(larger, events.length) <= linesMax) chosen = larger;
  }
  return chosen;
}

function lineCount(chosen: readonly number[], length: number): number {
  const gaps = [...chosen, length].filter((index, position) => index > (chosen[position - 1] ?? -1) + 1);
  return chosen.length + gaps.length;
}

/** The operations that prove that the run is invalid, each with its invocation. */
function findImportant(events: readonly StoryEvent[], { results, history }: StoryOptions['outcome']): number[] {
  const proofs = new Set(findProofs(results, history).flatMap(({ operations }) => operations));
  const invoked = new Map<Operation['process'], number>();
  const important: number[] = [];
  for (const [index, event] of events.entries()) {
    if (event.kind !== 'operation') continue;
    const { type, process } = event.operation;
    if (type === 'invoke') invoked.set(process, index);
    else if (proofs.has(event.operation.index)) important.push(invoked.get(process) ?? index, index);
  }
  return important;
}

function formatMs(timeMs: number): string {
  return `${Math.round(timeMs * 100) / 100} ms`;
}
