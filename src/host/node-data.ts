/**
 * The folder in which a node in a process keeps its own data: for one process at a time, and for one run of a test.
 * Other nodes of the run have theirs beside it.
 */

import { join } from 'node:path';
import { StateFileError } from '../ids/folder-reservation.ts';
import type { Folder } from '../protocol/folder.ts';
import { RUN_FOLDER_VARIABLE } from './node-environment.ts';
import { NodeFolder } from './node-folder.ts';

/** Holds the name of the run. */
const RUN_FILE = 'run';
/** Begins the name that the file has until it is written. */
const TEMPORARY = 'run-new-';

/** By path: the workloads of one node share its folder. */
const opened = new Map<string, Promise<Folder>>();

/**
 * Opens the folder of a node below `root`, which is made if it is missing. Rejects with a StateFileError if another
 * process has it, if it cannot be used, or if it holds what an earlier run left there: a node that begins with that
 * shows a test what the test never asked for. A run is known by the environment that our harness sets; without it, any
 * folder is taken.
 */
export function openNodeData(root: string, nodeId: string): Promise<Folder> {
  const path = join(root, encodeURIComponent(nodeId));
  let folder = opened.get(path);
  if (folder === undefined) {
    folder = open(path, process.env[RUN_FOLDER_VARIABLE]);
    opened.set(path, folder);
  }
  return folder;
}

async function open(path: string, run: string | undefined): Promise<Folder> {
  const folder = await NodeFolder.open(path);
  await folder.own();
  if (run !== undefined) await requireSameRun(folder, path, run);
  return folder;
}

async function requireSameRun(folder: Folder, path: string, run: string): Promise<void> {
  const known = await folder.read(RUN_FILE);
  if (known === run) return;
  const files = (await folder.names()).filter((name) => !name.startsWith('lock.') && !name.startsWith(TEMPORARY));
  if (files.length > 0)
    throw new StateFileError(
      `${path}: it holds the data of another run, and with that this run would be judged wrongly; ` +
        'remove the folder, or give another one (maelstrom-node --state-dir DIR)',
    );
  // Under its name only as a whole: a node may be killed at any moment, and goes on in this run.
  const temporary = folder.temporaryName(TEMPORARY);
  await folder.write(temporary, run);
  await folder.sync(temporary);
  await folder.link(temporary, RUN_FILE);
  await folder.remove(temporary);
  await folder.syncNames();
}
