/**
 * A run told for people: who did what when, a line each, and why it failed. For runs that were made small; of longer ones the middle is left out, but
 * never what the failure is about.
 */

import type { CheckResult } from '../checkers/checker.ts';
import type { Operation } from '../history/operation.ts';
import { canonicalKey, stringifyExact } from '../protocol/exact-json.ts';
import type { NetworkMessage } from '../simulator/network.ts';
import type { RunOutcome } from '../simulator/run.ts';
import type { RunOptions } from '../simulator/run-options.ts';
import { describeFate, describeFault, describeFaultEnd } from './fault-words.ts';
import { clientOf, nodeOf } from './smaller-runs.ts';
import type { StoryEvent } from './story-recorder.ts';

const LINES_MAX_DEFAULT = 60;
const EXCERPT_LENGTH = 160;
const TIME_WIDTH = 9;

export interface StoryOptions {
  readonly events: readonly StoryEvent[];
  readonly options: Pick<RunOptions, 'nodes' | 'concurrency'>;
  readonly outcome: Pick<RunOutcome, 'startMs' | 'results'>;
  /** Why the run failed, in a sentence: the last line. */
  readonly reason: string;
  /** The reason is one of them. Default: 60. */
  readonly linesMax?: number | undefined;
}

/** Lines `time  who  what`, in the order of time, which is in ms since the operations began: `   12 ms  client 3 → n1  generate`. */
export function tellStory({ events, options, outcome, reason, linesMax }: StoryOptions): string[] {
  const startMs = Number.isFinite(outcome.startMs) ? outcome.startMs : 0;
  const shown = choose(
    events,
    findImportant(events, outcome.results),
    Math.max(1, (linesMax ?? LINES_MAX_DEFAULT) - 1),
  );
  const told = shown.map((index) => tell(events[index] as StoryEvent, options));
  const whoWidth = Math.max(0, ...told.map(({ who }) => who.length));
  const lines: string[] = [];
  let next = 0;
  const leaveOut = (until: number) => {
    if (until > next) lines.push(`${' '.repeat(TIME_WIDTH)}  … ${until - next} more`);
    next = until + 1;
  };
  for (const [position, index] of shown.entries()) {
    leaveOut(index);
    const { who, what } = told[position] as Told;
    const time = formatMs((events[index] as StoryEvent).atMs - startMs).padStart(TIME_WIDTH);
    lines.push(visible(`${time}  ${who.padEnd(whoWidth)}  ${what}`));
  }
  leaveOut(events.length);
  return [...lines, visible(reason)];
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
        what: `${describeBody(event.message)} is lost: nobody is there, or a cut is between them`,
      };
    case 'log': {
      const { nodeId, level, message, fields } = event.entry;
      const details = fields === undefined || Object.keys(fields).length === 0 ? '' : ` ${written(fields)}`;
      return { who: nodeId, what: excerpt(`logs ${level}: ${message}${details}`) };
    }
  }
}

function tellOperation({ type, process, f, value, error }: Operation, options: StoryOptions['options']): Told {
  const worker = (process as number) % options.concurrency;
  const node = nodeOf(options, worker);
  const reason = error === undefined ? '' : `: ${excerpt(written(error))}`;
  const withValue = (words: string) =>
    value === null || value === undefined ? words : `${words} ${excerpt(written(value))}`;
  switch (type) {
    case 'invoke':
      return { who: `client ${worker} → ${node}`, what: withValue(f) };
    case 'ok':
      return { who: `client ${worker} ← ${node}`, what: withValue(`${f} ok`) };
    case 'fail':
      return { who: `client ${worker} ← ${node}`, what: `${withValue(f)} failed${reason}` };
    case 'info':
      return { who: `client ${worker} … ${node}`, what: `${withValue(f)} may have happened or not${reason}` };
  }
}

/** Workers' first clients by the number of the worker, everybody else by the name on the network. */
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
  return message === undefined ? 'a message' : excerpt(String(message.body.type));
}

/**
 * The events to show, in their order: those that matter, then from both ends inwards, so that with a line for each gap there are at most `linesMax`.
 */
function choose(events: readonly StoryEvent[], important: readonly number[], linesMax: number): number[] {
  if (events.length <= linesMax) return [...events.keys()];
  const ends = Array.from({ length: linesMax }, (_, turn) =>
    turn % 2 === 0 ? turn / 2 : events.length - (turn + 1) / 2,
  );
  let chosen: number[] = [];
  for (const index of [...important.slice(0, linesMax), ...ends]) {
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

/** The completed operations, each with its invocation, whose values are named by a checker that found the run invalid. */
function findImportant(events: readonly StoryEvent[], results: CheckResult): number[] {
  const named = namedValues(results);
  const invoked = new Map<Operation['process'], number>();
  const important: number[] = [];
  for (const [index, event] of events.entries()) {
    if (event.kind !== 'operation') continue;
    const { type, process, value } = event.operation;
    if (type === 'invoke') invoked.set(process, index);
    else if (value !== null && value !== undefined && named.has(canonicalKey(value)))
      important.push(invoked.get(process) ?? index, index);
  }
  return important;
}

/** Every value in the lists and maps of failed checkers, and every key. Counts, which stand by themselves, name no value. */
function namedValues(results: CheckResult): ReadonlySet<string> {
  const named = new Set<string>();
  const add = (value: unknown) => {
    named.add(canonicalKey(value));
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) for (const item of value) add(item);
    else
      for (const [key, member] of Object.entries(value)) {
        // The key of a map may be a text, or the JSON of something else.
        named.add(key).add(canonicalKey(key));
        if (typeof member === 'object') add(member);
      }
  };
  for (const result of Object.values(results)) {
    if (typeof result !== 'object' || result === null || (result as CheckResult)['valid?'] !== false) continue;
    for (const detail of Object.values(result)) if (typeof detail === 'object' && detail !== null) add(detail);
  }
  return named;
}

function formatMs(timeMs: number): string {
  return `${Math.round(timeMs * 100) / 100} ms`;
}

function written(value: unknown): string {
  return value === undefined ? '' : stringifyExact(value);
}

function excerpt(text: string): string {
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text;
}

/** What nodes say may hold anything; on a terminal none of it may act. */
function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
