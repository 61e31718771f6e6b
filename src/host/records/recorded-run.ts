/**
 * Reads what `run-folder.ts` has written, for a report. Records of other harnesses can be read if they have the same
 * files. Only the results and the history are required. A last line of the history or of the messages that was cut
 * short, for example by a full disk, is left out.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CheckResult } from '../../checkers/checker.ts';
import type { TrafficEntry } from '../../harness/traffic.ts';
import { parseOperation } from '../../history/formats/operation-reader.ts';
import { History } from '../../history/history.ts';
import { isRecord } from '../../protocol/message.ts';
import { formatVerdict } from '../../report/result-block.ts';
import type { RunRecord, Story } from '../../report/run-record.ts';
import { isCutShort, type Line, readLines } from './file-lines.ts';
import { readMessagesAround } from './message-log.ts';
import { parseRecorded, RecordError } from './record-error.ts';
import { HISTORY_FILE, LOGS_FOLDER, MESSAGES_FILE, RESULTS_FILE } from './run-folder.ts';

export const REPORT_FILE = 'report.html';
export const STORY_FILE = 'story.json';
export const REPLAY_FILE = 'replay.json';
/** The folder within a run's folder that holds the same failure, shrunk. */
export const SHRUNK_FOLDER = 'shrunk';

export interface ReadingOptions {
  /** The history of the run, if it is still in memory. */
  readonly history?: History | undefined;
  /** Called with the path of a file whose last line was cut short. Messages are read later, on demand. */
  readonly onCutShort?: (path: string) => void;
}

/** Throws a {@link RecordError}. `messagesAround` of the record may throw one later. */
export function readRecordedRun(folder: string, { history, onCutShort = () => {} }: ReadingOptions = {}): RunRecord {
  const path = join(folder, RESULTS_FILE);
  const wrong = (text: string) => new RecordError(`${path}: ${text}`);
  const recorded = readJson(path);
  if (!isRecord(recorded)) throw wrong('expected a JSON object');
  const { options, harness: _, traffic, again, time, interrupted, ...results } = recorded;
  if (!isRecord(options)) throw wrong('options: expected an object');
  const { workload, program, nodes, concurrency } = options;
  if (typeof workload !== 'string') throw wrong('options.workload: expected a text');
  if (!isTextList(nodes) || nodes.length === 0) throw wrong('options.nodes: expected a list of node ids');
  if (typeof concurrency !== 'number' || !(concurrency >= 1))
    throw wrong('options.concurrency: expected a number from 1 on');
  if (![true, false, 'unknown'].includes(results['valid?'] as never))
    throw wrong('valid?: expected true, false or "unknown"');
  const shrunk = join(folder, SHRUNK_FOLDER);
  return {
    workload,
    program: typeof program === 'string' ? program : undefined,
    nodes,
    concurrency,
    startedAt: typeof time === 'string' ? time : undefined,
    interrupted: interrupted === true,
    options,
    results: results as CheckResult,
    verdict: formatVerdict(results as CheckResult),
    history: history ?? readHistory(join(folder, HISTORY_FILE), onCutShort),
    messagesAround: (moment, before, after) =>
      readMessagesAround(join(folder, MESSAGES_FILE), moment, before, after, onCutShort),
    traffic: Array.isArray(traffic) ? (traffic as readonly TrafficEntry[]) : undefined,
    again: typeof again === 'string' ? again : undefined,
    story: readStory(join(folder, STORY_FILE)),
    shrunk: existsSync(join(shrunk, RESULTS_FILE)) ? readRecordedRun(shrunk, { onCutShort }) : undefined,
    files: listRecordedFiles(folder),
  };
}

function readHistory(path: string, onCutShort: (path: string) => void): History {
  const history = new History();
  for (const line of linesOf(path)) {
    if (isCutShort(line)) {
      onCutShort(path);
      break;
    }
    const where = `${path}: line ${line.number}`;
    const operation = parseOperation(parseRecorded(line.text, where));
    if (typeof operation === 'string') throw new RecordError(`${where}: ${operation}`);
    history.append(operation);
  }
  return history;
}

function* linesOf(path: string): IterableIterator<Line> {
  try {
    yield* readLines(path);
  } catch (error) {
    throw new RecordError(`${path}: ${(error as Error).message}`);
  }
}

function readStory(path: string): Story | undefined {
  if (!existsSync(path)) return undefined;
  const story = readJson(path);
  if (!isRecord(story) || !Array.isArray(story.lines) || typeof story.origin !== 'string')
    throw new RecordError(`${path}: expected {"origin", "lines"}`);
  return story as unknown as Story;
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new RecordError(`${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
  return parseRecorded(text, path);
}

/** The files that a reader may open beside the report, with each node's log. */
export function listRecordedFiles(folder: string): readonly string[] {
  const known = [RESULTS_FILE, HISTORY_FILE, MESSAGES_FILE, REPLAY_FILE].filter((name) =>
    existsSync(join(folder, name)),
  );
  const logs = join(folder, LOGS_FOLDER);
  const logNames = existsSync(logs) ? readdirSync(logs).sort() : [];
  const shrunk = join(SHRUNK_FOLDER, REPORT_FILE);
  return [
    ...known,
    ...(existsSync(join(folder, shrunk)) ? [shrunk] : []),
    ...logNames.map((name) => `${basename(logs)}/${name}`),
  ];
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
