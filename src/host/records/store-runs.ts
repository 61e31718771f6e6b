/**
 * The runs of a store on disk: their names, their results, and the files in their folders.
 *
 * Only folders of runs in the store are read. Links that lead out of the store are not followed. A results.json is read
 * once, and again only if it has changed. So the next listing of thousands of runs is quick.
 */

import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Validity } from '../../checkers/checker.ts';
import type { FolderEntry, RunFacts, StoreRun } from '../../report/store-page.ts';
import { REPORT_FILE, SHRUNK_FOLDER } from './recorded-run.ts';
import { RESULTS_FILE } from './run-folder.ts';

const RUN_NAME = /^(\d{8}T\d{6}\.\d{3}Z)(?:-(\d+))?$/;
/** How many runs are read at the same time. Their results may be large. */
const SIDE_BY_SIDE = 8;
/** Does not follow a link in the last place, and does not wait for a pipe. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

interface Summary {
  readonly verdict: StoreRun['verdict'];
  readonly problem?: string;
  readonly facts: RunFacts;
}

interface KnownSummary {
  /** The state of results.json that was read. */
  readonly stamp: string;
  readonly summary: Summary;
}

export interface StoreListing {
  readonly runs: readonly StoreRun[];
  /** What could not be read, a sentence each. */
  readonly problems: readonly string[];
}

/** What a path in the store leads to. `elsewhere` has the path without links, a name each. */
export type Found =
  | { readonly kind: 'elsewhere'; readonly path: readonly string[] }
  | { readonly kind: 'folder'; readonly entries: readonly FolderEntry[] }
  | { readonly kind: 'file'; readonly handle: FileHandle; readonly sizeBytes: number };

export class StoreRuns {
  readonly #root: string;
  #known: ReadonlyMap<string, KnownSummary> = new Map();

  /** @param root the real path of the store */
  constructor(root: string) {
    this.#root = root;
  }

  /** All runs, newest first. Rejects only if the store itself cannot be read. */
  async list(): Promise<StoreListing> {
    const problems: string[] = [];
    const folders: { workload: string; name: string }[] = [];
    // `latest` is a link and not a folder, so no run is listed twice.
    for (const workload of await foldersIn(this.#root)) {
      try {
        const names = await foldersIn(join(this.#root, workload));
        folders.push(...names.filter((name) => RUN_NAME.test(name)).map((name) => ({ workload, name })));
      } catch (error) {
        problems.push(`The folder ${workload} cannot be read: ${describe(error)}`);
      }
    }
    folders.sort((one, other) => newestFirst(one.name, other.name));
    const known = new Map<string, KnownSummary>();
    const runs: StoreRun[] = [];
    for (let index = 0; index < folders.length; index += SIDE_BY_SIDE) {
      const some = folders.slice(index, index + SIDE_BY_SIDE);
      runs.push(...(await Promise.all(some.map(({ workload, name }) => this.#describe(workload, name, known)))));
    }
    // Folders that are gone are forgotten.
    this.#known = known;
    return { runs, problems };
  }

  /**
   * Finds a file or folder in the folder of a run; undefined if there is none, or if it lies outside of the store. The
   * caller closes the handle of a file. Rejects with the error of the file system if it cannot be read.
   *
   * @param path from the store, a name each
   */
  async find(path: readonly string[]): Promise<Found | undefined> {
    if (path.some((name) => name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name))) return undefined;
    try {
      const real = await realpath(join(this.#root, ...path));
      const realPath = relative(this.#root, real).split(sep);
      if (realPath[0] === '..' || !RUN_NAME.test(realPath[1] ?? '')) return undefined;
      if (realPath.join('/') !== path.join('/')) return { kind: 'elsewhere', path: realPath };
      if ((await lstat(real)).isDirectory()) return { kind: 'folder', entries: await entriesIn(real) };
      const handle = await open(real, OPEN_FLAGS);
      const stats = await handle.stat();
      if (stats.isFile()) return { kind: 'file', handle, sizeBytes: stats.size };
      await handle.close();
      return undefined;
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    }
  }

  async #describe(workload: string, name: string, known: Map<string, KnownSummary>): Promise<StoreRun> {
    const folder = join(this.#root, workload, name);
    try {
      const files = await readdir(folder);
      const summary = files.includes(RESULTS_FILE)
        ? await this.#summary(join(folder, RESULTS_FILE), known)
        : ({ verdict: 'unfinished', facts: {} } as const);
      const hasShrunkReport = files.includes(SHRUNK_FOLDER) && (await isFile(join(folder, SHRUNK_FOLDER, REPORT_FILE)));
      return { workload, name, ...summary, hasReport: files.includes(REPORT_FILE), hasShrunkReport };
    } catch (error) {
      return {
        workload,
        name,
        verdict: 'unreadable',
        problem: describe(error),
        facts: {},
        hasReport: false,
        hasShrunkReport: false,
      };
    }
  }

  async #summary(file: string, known: Map<string, KnownSummary>): Promise<Summary> {
    // Before the read: a write meanwhile changes the stamp.
    const stamp = stampOf(await lstat(file));
    const before = this.#known.get(file);
    const summary = before?.stamp === stamp ? before.summary : await readSummary(file);
    known.set(file, { stamp, summary });
    return summary;
  }
}

async function readSummary(file: string): Promise<Summary> {
  try {
    const handle = await open(file, OPEN_FLAGS);
    try {
      if (!(await handle.stat()).isFile()) throw new Error('this is not a file');
      return summarise(JSON.parse(await handle.readFile('utf8')));
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { verdict: 'unreadable', problem: `results.json: ${describe(error)}`, facts: {} };
  }
}

function summarise(results: unknown): Summary {
  const verdict = member(results, 'valid?');
  if (!isValidity(verdict)) throw new Error('there is no verdict in it');
  const options = member(results, 'options');
  const nodes = member(options, 'nodes');
  return {
    verdict,
    facts: {
      program: programText(member(options, 'program'), member(options, 'args')),
      nodeCount: Array.isArray(nodes) ? nodes.length : undefined,
      seed: textOf(member(options, 'seed')),
      timeLimitMs: numberOf(member(options, 'timeLimitMs')),
      operationCount: countOperations(results),
    },
  };
}

/**
 * The number of all operations, as in the report. It is computed from the mean number of messages: the count in `stats`
 * has only the operations before healing. Without messages that count is taken.
 */
function countOperations(results: unknown): number | undefined {
  const all = member(member(results, 'net'), 'all');
  const messageCount = numberOf(member(all, 'msg-count'));
  const perOperation = numberOf(member(all, 'msgs-per-op'));
  const count = Math.round((messageCount ?? 0) / (perOperation ?? 0));
  return count > 0 && Number.isSafeInteger(count) ? count : numberOf(member(member(results, 'stats'), 'count'));
}

function isValidity(value: unknown): value is Validity {
  return value === true || value === false || value === 'unknown';
}

function programText(program: unknown, args: unknown): string | undefined {
  if (program === null) return 'simulated';
  if (typeof program !== 'string') return undefined;
  return [program, ...(Array.isArray(args) ? args.filter((arg) => typeof arg === 'string') : [])].join(' ');
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/**
 * Files and folders, sorted by name. Links are not listed.
 */
async function entriesIn(path: string): Promise<FolderEntry[]> {
  const entries = (await readdir(path, { withFileTypes: true })).filter(
    (entry) => entry.isFile() || entry.isDirectory(),
  );
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  return Promise.all(
    entries.map(async (entry) =>
      entry.isDirectory()
        ? { name: entry.name }
        : { name: entry.name, sizeBytes: (await lstat(join(path, entry.name))).size },
    ),
  );
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** The error of the file system, without the path: readers of the page must not see it. */
function describe(error: unknown): string {
  return (error as Error).message.replace(/, \w+ '.*'$/s, '');
}

function newestFirst(one: string, other: string): number {
  const [, oneTime = '', oneNumber = '1'] = RUN_NAME.exec(one) ?? [];
  const [, otherTime = '', otherNumber = '1'] = RUN_NAME.exec(other) ?? [];
  if (oneTime !== otherTime) return oneTime < otherTime ? 1 : -1;
  return Number(otherNumber) - Number(oneNumber);
}

function stampOf({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs} ${size} ${ino}`;
}

/** Whether the file system says that there is nothing under this name. */
function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '');
}
