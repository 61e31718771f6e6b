/** Parses the logs of a node process. */

import { expect } from 'vitest';

// biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape
type LogLine = any;

export interface EndedLogs {
  /** Everything except the summary. */
  readonly logged: readonly LogLine[];
  readonly summary: LogLine;
}

/** The logs of a node that ended cleanly. Its last line, and no other, is the summary. */
export function splitLogs(stderr: string): EndedLogs {
  const lines: LogLine[] = stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const summaries = lines.filter(({ message }) => message === 'summary');
  expect(summaries).toEqual(lines.slice(-1));
  return { logged: lines.slice(0, -1), summary: summaries[0] };
}
