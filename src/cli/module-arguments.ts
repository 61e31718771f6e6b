/**
 * The arguments of a command with the modules that they name. The module of a workload is loaded first: it declares
 * options of its own.
 */

import { type Loaded, loadModules } from './author-modules.ts';
import { EXPLORE_OPTIONS } from './explore-options.ts';
import { FUZZ_OPTIONS } from './fuzz-options.ts';
import { type Option, type ParsedOptions, parseOptions, peekOption, UsageError } from './options.ts';
import { TEST_OPTIONS, WORKLOAD_OPTIONS } from './test-options.ts';
import { describeWorkloadOptions, tableOfWorkloadOptions } from './workload-options.ts';

/** The commands share their workloads, so an option must not be taken by any of them. */
const TAKEN: ReadonlySet<string> = new Set([TEST_OPTIONS, FUZZ_OPTIONS, EXPLORE_OPTIONS].flatMap(Object.keys));

interface ModuleArguments<O extends Readonly<Record<string, Option<unknown>>>> {
  readonly parsed: ParsedOptions<O>;
  readonly loaded: Loaded;
  /** The part of the help text about the options of a workload of the author's; empty without one. */
  readonly ownHelp: string;
}

/**
 * Parses the arguments, and loads the modules that they name. Rejects with a {@link UsageError} that says what is
 * wrong with one of them.
 */
export async function parseWithModules<
  O extends Readonly<Record<string, Option<unknown>>> & { readonly help: Option<boolean> },
>(options: O, args: readonly string[]): Promise<ModuleArguments<O>> {
  const workload = peekOption(options, args, 'workload');
  const loadedFirst = await loadModules(workload === undefined ? {} : { workload });
  const { workload: own } = loadedFirst;
  const ownOptions = Object.keys(own?.test.options ?? {});
  const taken = ownOptions.find((name) => TAKEN.has(name));
  if (taken !== undefined)
    throw new UsageError(`--workload ${workload}: its option --${taken} is one of snowstorm; give it another name`);
  const others = { ...WORKLOAD_OPTIONS, ...(own && tableOfWorkloadOptions([own], [])) };
  const parsed = parseOptions(options, args, others);
  const { node } = parsed.texts;
  const loaded = parsed.values.help || node === undefined ? loadedFirst : await loadModules({ node }, loadedFirst);
  return { parsed, loaded, ownHelp: own === undefined ? '' : describeWorkloadOptions([own]) };
}
