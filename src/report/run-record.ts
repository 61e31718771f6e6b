/** Everything that a report is drawn from: the record of a run. */

import type { CheckResult } from '../checkers/checker.ts';
import type { TrafficEntry } from '../harness/traffic.ts';
import type { History } from '../history/history.ts';
import type { StoryLine } from '../search/story.ts';

/** An event of a message, from the message log. */
export interface MessageEntry {
  /** ns since the operations began. */
  readonly time: number;
  readonly event: 'send' | 'receive' | 'drop' | 'delay' | 'duplicate';
  /** The network's own number. */
  readonly id: number;
  readonly src: string;
  readonly dest: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A part of a message log. */
export interface MessageWindow {
  /** In the order of time. */
  readonly entries: readonly MessageEntry[];
  /** How many events the log has in all. */
  readonly count: number;
  /** When its last event happened, ns. */
  readonly endTime: number;
  /** How many events came after that. */
  readonly leftOut: number;
}

/** The story of a failing run. */
export interface Story {
  readonly lines: readonly StoryLine[];
  /** Its origin, a sentence: `Seed 2, made small in 100 runs: 4 events, 1 node`. */
  readonly origin: string;
}

export interface RunRecord {
  readonly workload: string;
  /** The node's program; undefined: simulated. */
  readonly program: string | undefined;
  readonly nodes: readonly string[];
  readonly concurrency: number;
  /** When the run began, as ISO 8601; undefined: unknown. */
  readonly startedAt: string | undefined;
  /** Whether it was stopped before its end. */
  readonly interrupted: boolean;
  /** All options, by name. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly results: CheckResult;
  /** The verdict with its reasons, one or more sentences. */
  readonly verdict: string;
  readonly history: History;
  /** This many events before the moment, ns, and after it. Without a moment: events from the beginning. */
  readonly messagesAround: (moment: number | undefined, before: number, after: number) => MessageWindow;
  /** Undefined: the messages were not counted. */
  readonly traffic: readonly TrafficEntry[] | undefined;
  /** The command that replays the run. */
  readonly again: string | undefined;
  readonly story: Story | undefined;
  /** The same failure, shrunk. */
  readonly shrunk: RunRecord | undefined;
  /** Paths of the files recorded beside the report, relative to it. */
  readonly files: readonly string[];
}
