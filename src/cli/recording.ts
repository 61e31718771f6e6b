/** The record of a run: the observer that writes it, and the report that is drawn from it. */

import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunObserver, RunOutcome } from '../harness/run.ts';
import type { RunOptions } from '../harness/run-options.ts';
import { Traffic } from '../harness/traffic.ts';
import type { History } from '../history/history.ts';
import { readPageAssets } from '../host/records/page-assets.ts';
import {
  listRecordedFiles,
  REPORT_FILE,
  readRecordedRun,
  SHRUNK_FOLDER,
  STORY_FILE,
} from '../host/records/recorded-run.ts';
import { RESULTS_FILE, RunFolder } from '../host/records/run-folder.ts';
import { logLine } from '../host/records/run-lines.ts';
import { renderPage } from '../report/page.ts';
import type { RunRecord, Story } from '../report/run-record.ts';
import type { SimulationOptions } from '../simulator/simulation.ts';
import { UsageError } from './options.ts';
import { SIMULATED_EVENTS } from './test-options.ts';

/** Makes the folder of a run that begins at `time`. Throws a `UsageError` if it cannot be made. */
export function createRunFolder(root: string, workload: string, time: Date, messageEventsMax: number): RunFolder {
  return inStore(root, () => RunFolder.create(root, workload, time, messageEventsMax));
}

/** The same for a recorded history that is judged at `time`. */
export function createCheckFolder(root: string, workload: string, time: Date): RunFolder {
  return inStore(root, () => RunFolder.createUnlinked(root, workload, time));
}

function inStore(root: string, create: () => RunFolder): RunFolder {
  try {
    return create();
  } catch (error) {
    throw new UsageError(`--store ${root}: ${(error as Error).message}`);
  }
}

/** An observer that writes operations and messages into the folder, and counts the messages of each link. */
export function recordIn(runFolder: RunFolder, nodes: readonly string[]): { observer: RunObserver; traffic: Traffic } {
  const traffic = new Traffic(nodes);
  return {
    traffic,
    observer: {
      onOperation: (operation) => runFolder.writeOperation(operation),
      onMessage: (event, message, timeMs) => {
        runFolder.writeMessage(event, message, timeMs);
        traffic.count(event, message);
      },
    },
  };
}

/**
 * Finishes a record, and prints its warnings to stderr. Throws an Error if something could not be written.
 */
export function finishRecord(runFolder: RunFolder, results: unknown): void {
  try {
    runFolder.finish(results);
  } finally {
    for (const warning of runFolder.warnings) process.stderr.write(`snowstorm: ${warning}\n`);
  }
}

/** The listeners of a simulated run. */
export type RunListeners = Pick<SimulationOptions, 'observer' | 'onLog'>;

export interface ToldRun {
  readonly workload: string;
  /** The module of the node; absent: it is our own. */
  readonly program?: string | undefined;
  readonly options: RunOptions;
  /** The command that replays it. */
  readonly again: string;
  readonly story: Story;
}

/**
 * Makes a simulated run with listeners that record it, and writes its story. Throws an Error if something could not be
 * written.
 */
export async function recordToldRun(
  runFolder: RunFolder,
  { workload, program, options, again, story }: ToldRun,
  make: (listeners: RunListeners) => Promise<RunOutcome>,
): Promise<void> {
  const time = new Date().toISOString();
  // Before finishRecord, which throws if another file could not be written.
  runFolder.writeFile(STORY_FILE, `${JSON.stringify(story)}\n`);
  const { observer, traffic } = recordIn(runFolder, options.nodes);
  const { results } = await make({ observer, onLog: (entry) => runFolder.writeLog(entry.nodeId, logLine(entry)) });
  const settings = { workload, program: program ?? null, args: [], ...options };
  finishRecord(runFolder, { time, again, options: settings, traffic: traffic.entries(), ...results });
}

/**
 * Draws the report of a recorded run, and that of the shrunk run in its folder. Files that were cut short are named on
 * stderr. Throws a `RecordError`, or the error of the file system.
 *
 * @param history the history of the run, if it is still in memory
 * @returns the path of the report
 */
export function drawReport(folder: string, history?: History): string {
  const assets = readPageAssets();
  const draw = (where: string, record: RunRecord) => replaceFile(join(where, REPORT_FILE), renderPage(record, assets));
  const cutShort = new Set<string>();
  const record = readRecordedRun(folder, { history, onCutShort: (path) => cutShort.add(path) });
  if (record.shrunk !== undefined) draw(join(folder, SHRUNK_FOLDER), record.shrunk);
  // Listed again: the report of the shrunk run is among the files now.
  const report = draw(folder, { ...record, files: listRecordedFiles(folder) });
  for (const path of cutShort)
    process.stderr.write(`snowstorm: ${path}: the last line was cut short and is left out\n`);
  return report;
}

/**
 * Draws the report of a run that has just ended, and returns its path. A failure is printed to stderr and does not
 * change the verdict.
 */
export function tryToDrawReport(folder: string, history?: History): string | undefined {
  try {
    return drawReport(folder, history);
  } catch (error) {
    process.stderr.write(`snowstorm: the report was not drawn: ${(error as Error).message}\n`);
    return undefined;
  }
}

/**
 * Records a run that a search has found, draws its report, and prints its path. A failure is printed to stderr and does
 * not change the verdict.
 */
export async function tryToRecordFound(
  root: string,
  workload: string,
  record: (runFolder: RunFolder) => Promise<void>,
): Promise<void> {
  let runFolder: RunFolder | undefined;
  try {
    runFolder = createRunFolder(root, workload, new Date(), SIMULATED_EVENTS);
    await record(runFolder);
  } catch (error) {
    process.stderr.write(`snowstorm: the failure was not recorded: ${(error as Error).message}\n`);
  }
  // An incomplete record gets a report, too.
  if (runFolder === undefined || !existsSync(join(runFolder.folder, RESULTS_FILE))) return;
  const report = tryToDrawReport(runFolder.folder);
  if (report !== undefined) process.stdout.write(`Report:  ${report}\n`);
}

/** Replaces a file in one step, and returns its path. On a full disk the old file stays complete. */
function replaceFile(path: string, text: string): string {
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return path;
}
