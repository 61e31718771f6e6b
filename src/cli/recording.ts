/** What a run leaves behind: the observer that writes its record, and the report that is drawn of it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { History } from '../history/history.ts';
import { readPageAssets } from '../host/page-assets.ts';
import { REPORT_FILE, readRecordedRun, SHRUNK_FOLDER } from '../host/recorded-run.ts';
import { Store } from '../host/store.ts';
import { renderPage } from '../report/page.ts';
import type { RunObserver } from '../simulator/run.ts';
import { Traffic } from '../simulator/traffic.ts';
import { UsageError } from './options.ts';

/** The record of a run that begins at `time`. Throws a `UsageError` where it cannot be made. */
export function createStore(root: string, workload: string, time: Date, messageEventsMax: number): Store {
  try {
    return Store.create(root, workload, time, messageEventsMax);
  } catch (error) {
    throw new UsageError(`--store ${root}: ${(error as Error).message}`);
  }
}

/** An observer that writes operations and messages into the store, and counts who sent how much to whom. */
export function recordIn(store: Store, nodes: readonly string[]): { observer: RunObserver; traffic: Traffic } {
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
 * Draws the report of a recorded run, and that of the small one within it, and returns its path. Throws a `RecordError`, and what the file system says.
 *
 * @param history the run's, where it is in memory still
 */
export function drawReport(folder: string, history?: History): string {
  const assets = readPageAssets();
  const draw = (where: string, record: ReturnType<typeof readRecordedRun>) => {
    const path = join(where, REPORT_FILE);
    writeFileSync(path, renderPage(record, assets));
    return path;
  };
  const small = readRecordedRun(folder, history);
  if (small.shrunk === undefined) return draw(folder, small);
  draw(join(folder, SHRUNK_FOLDER), small.shrunk);
  // Once more: the link to the small report is there now.
  return draw(folder, readRecordedRun(folder, history));
}
