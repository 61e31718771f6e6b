/**
 * Recorded histories to be judged: a file, or the folder of a run of ours or of Maelstrom. What a folder tells of its
 * run beside the history is read, too.
 */

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { TestFacts } from '../../checkers/checker.ts';
import { HistoryFlaw } from '../../history/formats/history-flaw.ts';
import {
  guessFormat,
  type HistoryFormat,
  readEdnHistory,
  readJsonHistory,
  readTextHistory,
} from '../../history/formats/read-history.ts';
import type { History } from '../../history/history.ts';
import { isRecord } from '../../protocol/message.ts';
import { readLines, readPieces } from './file-lines.ts';
import { parseRecorded, RecordError } from './record-error.ts';
import { HISTORY_FILE, MESSAGES_FILE, RESULTS_FILE } from './run-folder.ts';

export interface RecordedHistory {
  /** The file itself. */
  readonly path: string;
  readonly format: HistoryFormat;
  readonly history: History;
  readonly facts: TestFacts;
  /** The name of its workload, as far as the record tells. */
  readonly workload: string | undefined;
  /** The messages recorded beside it. */
  readonly messages: string | undefined;
}

/** In the order in which they are looked for in a folder. */
const HISTORY_FILES = [HISTORY_FILE, 'history.edn', 'history.txt'];
/** Stands for nodes that a history does not name. */
const NODES_UNKNOWN = ['?'];

/** Throws a {@link RecordError} that names the file, and in a malformed one the line and the column. */
export function readRecordedHistory(path: string): RecordedHistory {
  const folder = isFolder(path) ? realpathSync(path) : undefined;
  const file = folder === undefined ? path : findHistory(path);
  const { history, format } = readFile(file);
  const options = folder === undefined ? {} : recordedOptions(folder);
  const { workload, nodes, concurrency, nodeLimits, latencyMeanMs } = options;
  const messages = folder === undefined ? undefined : join(folder, MESSAGES_FILE);
  return {
    path: file,
    format,
    history,
    facts: {
      nodes: Array.isArray(nodes) && nodes.length > 0 ? nodes.map(String) : NODES_UNKNOWN,
      concurrency: typeof concurrency === 'number' ? concurrency : guessConcurrency(history),
      ...(typeof latencyMeanMs === 'number' && { latencyMeanMs }),
      ...(isRecord(nodeLimits) && { nodeLimits: nodeLimits as Record<string, number> }),
    },
    // Maelstrom's store has a folder for each workload, as ours has.
    workload: typeof workload === 'string' ? workload : folder && basename(dirname(folder)),
    messages: messages !== undefined && existsSync(messages) ? messages : undefined,
  };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new RecordError(`${path}: ${code === 'ENOENT' ? 'there is no such file or folder' : message}`);
  }
}

function findHistory(folder: string): string {
  const name = HISTORY_FILES.find((candidate) => existsSync(join(folder, candidate)));
  if (name === undefined)
    throw new RecordError(`${folder}: there is no history in this folder: ${HISTORY_FILES.join(', ')} are missing`);
  return join(folder, name);
}

function readFile(path: string): { history: History; format: HistoryFormat } {
  try {
    const format = formatOf(path);
    if (format === undefined)
      throw new HistoryFlaw('expected a history: EDN, an operation a line as JSON, or history.txt of Jepsen', 1, 1);
    const history = format === 'edn' ? readEdnHistory(readPieces(path)) : readLined(format)(readLines(path));
    return { history, format };
  } catch (error) {
    if (error instanceof HistoryFlaw) throw new RecordError(`${path}: ${error.message}`);
    if ((error as NodeJS.ErrnoException).code !== undefined)
      throw new RecordError(`${path}: ${(error as Error).message}`);
    throw error;
  }
}

function readLined(format: HistoryFormat) {
  return format === 'jsonl' ? readJsonHistory : readTextHistory;
}

/** By its name, or else by its beginning. An empty file is the history of a run in which nothing was asked. */
function formatOf(path: string): HistoryFormat | undefined {
  const [, extension] = /\.(edn|jsonl|txt)$/.exec(path) ?? [];
  if (extension !== undefined) return extension as HistoryFormat;
  for (const piece of readPieces(path)) if (piece.trim() !== '') return guessFormat(piece);
  return 'jsonl';
}

/** The options of a run of ours. Maelstrom records none that can be read here. */
function recordedOptions(folder: string): Readonly<Record<string, unknown>> {
  const path = join(folder, RESULTS_FILE);
  if (!existsSync(path)) return {};
  const results = parseRecorded(readFileSync(path, 'utf8'), path);
  return isRecord(results) && isRecord(results.options) ? results.options : {};
}

/**
 * The number of workers: a process that ended in `info` goes on as itself plus that number. The least number that fits
 * all processes is taken.
 */
function guessConcurrency(history: History): number {
  const first = new Map<number, number>();
  const ended = new Map<number, number>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const process = history.processAt(index);
    if (!first.has(process)) first.set(process, index);
    if (history.typeAt(index) === 'info') ended.set(process, index);
  }
  const processes = [...first.keys()].sort((one, other) => one - other);
  const fits = (count: number) =>
    processes.every(
      (process) => process < count || (ended.get(process - count) ?? Infinity) < (first.get(process) ?? 0),
    );
  const candidates = processes.map((process) => process + 1);
  return candidates.find(fits) ?? 1;
}
