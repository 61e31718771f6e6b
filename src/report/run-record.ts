/**
 * All that a report is drawn from: what a run left behind.
 */

import type { CheckResult } from '../checkers/checker.ts';
import type { TrafficEntry } from '../harness/traffic.ts';
import type { History } from '../history/history.ts';
import type { StoryLine } from '../search/story.ts';

/** Something that happened to a message, as the message log tells it. */
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

/** Some of a message log. */
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

/** What was made of a failing run. */
export interface Story {
  readonly lines: readonly StoryLine[];
  /** How it came about, a sentence: `Seed 2, made small in 100 runs: 4 events, 1 node`. */
  readonly origin: string;
}

export interface RunRecord {
  readonly workload: string;
  /** The node's program; undefined: simulated. */
  readonly program: string | undefined;
  readonly nodes: readonly string[];
  readonly concurrency: number;
  /** When the run began, as ISO 8601; undefined: nobody knows. */
  readonly startedAt: string | undefined;
  /** Whether somebody stopped it before its end. */
  readonly interrupted: boolean;
  /** Everything that was chosen, by name. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly results: CheckResult;
  /** The verdict with the reason for it, a sentence or some. */
  readonly verdict: string;
  readonly history: History;
  /** So many events before the moment, in ns, and so many after it; without a moment those at the beginning. */
  readonly messagesAround: (moment: number | undefined, before: number, after: number) => MessageWindow;
  /** Undefined: nobody has counted. */
  readonly traffic: readonly TrafficEntry[] | undefined;
  /** The command that makes the run again. */
  readonly again: string | undefined;
  readonly story: Story | undefined;
  /** The same failure, made small. */
  readonly shrunk: RunRecord | undefined;
  /** Paths of what was recorded beside the report, relative to it. */
  readonly files: readonly string[];
}
