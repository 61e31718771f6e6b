/**
 * Modules of an author on the command line: `--node FILE`, a node made by `defineNode`, and `-w FILE`, a workload made
 * by `defineWorkload`. They run in this process, so a watch tells where they reach for what no seed repeats.
 */

import { resolve } from 'node:path';
import { describeImpurity, watchImpurity } from '../host/modules/impurity-watch.ts';
import { loadDefaultExport, looksLikeModule, ModuleError } from '../host/modules/load-module.ts';
import { findModuleState } from '../host/modules/module-state.ts';
import { routePrints, whileLoading } from '../host/modules/print-route.ts';
import { startWatchdog } from '../host/modules/watchdog.ts';
import { withNode } from '../workloads/author-workload.ts';
import { isNodeDefinition, type NodeDefinition } from '../workloads/own-node.ts';
import { isWorkloadDefinition } from '../workloads/own-workload.ts';
import { findWorkload } from '../workloads/registry.ts';
import type { AuthorModules, TestedWorkload, Workload } from '../workloads/workload.ts';
import { type Option, UsageError } from './options.ts';

export const nodeOption: Option<string | undefined> = {
  value: 'MODULE',
  text: `A node of yours, simulated in this process: a module whose default export defineNode of snowstorm
made. Default: our own node.`,
  absent: undefined,
  parse: (file) => {
    if (file === '') throw new Error('expected a file');
    return file;
  },
};

const PRINTED =
  'what the nodes print is in their logs, since stdout is for the verdict: snowstorm test keeps it in node-logs/, and ' +
  'shows it with --log-stderr';

/** What the modules of a command line export. */
export interface Loaded {
  readonly workload?: TestedWorkload;
  readonly node?: { readonly file: string; readonly definition: NodeDefinition };
  readonly notes: Notes;
}

/** Sentences about what the modules did, each once, printed when no progress is on the screen. */
export class Notes {
  readonly #texts = new Set<string>();
  #takenCount = 0;

  add(text: string): void {
    this.#texts.add(text);
  }

  /** Those that were not taken before. */
  take(): readonly string[] {
    const texts = [...this.#texts].slice(this.#takenCount);
    this.#takenCount = this.#texts.size;
    return texts;
  }

  tell(): void {
    for (const text of this.take()) process.stderr.write(`snowstorm: ${text}\n`);
  }
}

/**
 * Loads the modules that the options name, and joins them to what is loaded. Rejects with a {@link UsageError} that
 * says what is wrong with one.
 */
export async function loadModules(
  { workload, node }: Readonly<Record<string, string>>,
  loaded: Loaded = { notes: new Notes() },
): Promise<Loaded> {
  const { notes } = loaded;
  const workloadFile = workload !== undefined && looksLikeModule(workload) ? workload : undefined;
  if (workloadFile === undefined && node === undefined) return loaded;
  if (loaded.workload === undefined) {
    watchImpurity((use) => notes.add(describeImpurity(use)));
    routePrints(() => notes.add(PRINTED));
    startWatchdog();
  }
  const modules = {
    ...loaded,
    ...(workloadFile !== undefined && { workload: await loadWorkload(workloadFile) }),
    ...(node !== undefined && { node: { file: node, definition: await loadNode(node) } }),
  };
  if (node !== undefined) for (const text of findModuleState(resolve(node))) notes.add(text);
  return modules;
}

async function loadWorkload(file: string): Promise<TestedWorkload> {
  const exported = await load('--workload', file);
  if (isWorkloadDefinition(exported)) return { ...exported, modules: { workload: file } };
  const what = isNodeDefinition(exported)
    ? 'its default export is a node, which --node takes'
    : describeExport(exported, 'workload');
  throw new UsageError(`--workload ${file}: ${what}; export default defineWorkload({ … })`);
}

async function loadNode(file: string): Promise<NodeDefinition> {
  const exported = await load('--node', file);
  if (isNodeDefinition(exported)) return exported;
  const what = isWorkloadDefinition(exported)
    ? 'its default export is a workload, which -w takes'
    : describeExport(exported, 'node');
  throw new UsageError(`--node ${file}: ${what}; export default defineNode({ … })`);
}

function describeExport(exported: unknown, wanted: string): string {
  return exported === undefined ? 'it has no default export' : `its default export is no ${wanted}`;
}

async function load(option: string, file: string): Promise<unknown> {
  try {
    return await whileLoading(() => loadDefaultExport(file));
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
    throw new UsageError(`${option} ${file}: ${error.message}`);
  }
}

/** The workload that is tested, with the node of the author if there is one. Throws a {@link UsageError}. */
export function chooseWorkload(
  named: TestedWorkload | undefined,
  { workload = named, node }: Omit<Loaded, 'notes'>,
): TestedWorkload | Workload | undefined {
  if (workload === undefined || node === undefined) return workload;
  try {
    return withNode({ ...workload, modules: { ...workload.modules, node: node.file } }, node.definition);
  } catch (error) {
    throw new UsageError(`--node ${node.file}: ${(error as Error).message}`);
  }
}

/** Loads a workload by its name and modules, in another thread. */
export async function loadAgain(name: string, modules: AuthorModules = {}): Promise<[Workload, Notes]> {
  const { workload = name, ...rest } = modules;
  const loaded = await loadModules({ workload, ...rest });
  return [chooseWorkload(findWorkload(name), loaded) as Workload, loaded.notes];
}
