/** What a run leaves behind: the observer that writes its record, and the report that is drawn of it. */

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
import { logLine } from '../host/records/run-lines.ts';
import { RESULTS_FILE, RunFolder } from '../host/records/run-folder.ts';
import { renderPage } from '../report/page.ts';
import type { RunRecord, Story } from '../report/run-record.ts';
import type { SimulationOptions } from '../simulator/simulation.ts';
import { UsageError } from './options.ts';
import { SIMULATED_EVENTS } from './test-options.ts';

/** The record of a run that begins at `time`. Throws a `UsageError` where it cannot be made. */
export function createStore(root: string, workload: string, time: Date, messageEventsMax: number): RunFolder {
  try {
    return RunFolder.create(root, workload, time, messageEventsMax);
  } catch (error) {
    throw new UsageError(`--store ${root}: ${(error as Error).message}`);
  }
}

/** An observer that writes operations and messages into the store, and counts who sent how much to whom. */
export function recordIn(store: RunFolder, nodes: readonly string[]): { observer: RunObserver; traffic: Traffic } {
  const traffic = new Traffic(nodes);
  return {
    traffic,
    observer: {
      onOperation: (operation) => store.writeOperation(operation),
      onMessage: (event, message, timeMs) => {
        store.writeMessage(event, message, timeMs);
        traffic.count(event, message);
      },
    },
  };
}

/**
 * Finishes a record, and says on stderr what went wrong with it that is no loss. Throws what the store says of losses.
 */
export function finishRecord(store: RunFolder, results: unknown): void {
  try {
    store.finish(results);
  } finally {
    for (const warning of store.warnings) process.stderr.write(`snowstorm: ${warning}\n`);
  }
}

/** Who looks on while a simulated run is made. */
export type Witness = Pick<SimulationOptions, 'observer' | 'onLog'>;

export interface ToldRun {
  readonly workload: string;
  readonly options: RunOptions;
  /** The command that makes it again. */
  readonly again: string;
  readonly story: Story;
}

/**
 * Makes a simulated run that can be told once more, with everything taken down, and its story beside it. Throws what
 * the store says of losses.
 */
export async function recordToldRun(
  store: RunFolder,
  { workload, options, again, story }: ToldRun,
  make: (witness: Witness) => Promise<RunOutcome>,
): Promise<void> {
  const time = new Date().toISOString();
  // Before the end, which throws if something else could not be written.
  store.writeFile(STORY_FILE, `${JSON.stringify(story)}\n`);
  const { observer, traffic } = recordIn(store, options.nodes);
  const { results } = await make({ observer, onLog: (entry) => store.writeLog(entry.nodeId, logLine(entry)) });
  const settings = { workload, program: null, args: [], ...options };
  finishRecord(store, { time, again, options: settings, traffic: traffic.entries(), ...results });
}

/**
 * Draws the report of a recorded run, and that of the small one within it, and returns its path; what of them was cut
 * short is said on stderr. Throws a `RecordError`, and what the file system says.
 *
 * @param history the run's, where it is in memory still
 */
export function drawReport(folder: string, history?: History): string {
  const assets = readPageAssets();
  const draw = (where: string, record: RunRecord) => replaceFile(join(where, REPORT_FILE), renderPage(record, assets));
  const cutShort = new Set<string>();
  const record = readRecordedRun(folder, { history, onCutShort: (path) => cutShort.add(path) });
  if (record.shrunk !== undefined) draw(join(folder, SHRUNK_FOLDER), record.shrunk);
  // Listed once more: the small report is among them now.
  const report = draw(folder, { ...record, files: listRecordedFiles(folder) });
  for (const path of cutShort)
    process.stderr.write(`snowstorm: ${path}: the last line was cut short, and is left out\n`);
  return report;
}

/**
 * Draws the report of a run that has just ended, and returns its path. The verdict does not depend on it: where it
 * fails, stderr says so.
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
 * Records a run that a search has found, draws its report, and says where it is. The verdict does not depend on it:
 * where it fails, stderr says so.
 */
export async function tryToRecordFound(
  root: string,
  workload: string,
  record: (store: RunFolder) => Promise<void>,
): Promise<void> {
  let store: RunFolder | undefined;
  try {
    store = createStore(root, workload, new Date(), SIMULATED_EVENTS);
    await record(store);
  } catch (error) {
    process.stderr.write(`snowstorm: the failure was not recorded: ${(error as Error).message}\n`);
  }
  // Also of a record from which something is missing.
  if (store === undefined || !existsSync(join(store.folder, RESULTS_FILE))) return;
  const report = tryToDrawReport(store.folder);
  if (report !== undefined) process.stdout.write(`Report:     ${report}\n`);
}

/** Writes a file in one step, and returns its path: where the disk is full an older one stays whole. */
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
