/**
 * Options of single workloads on the command line, such as the topology of a broadcast. Each workload declares its own
 * (`WorkloadTest.options`); a run carries their texts, so that a record, a replay and the printed command have them.
 */

import type { WorkloadOption } from '../harness/workload-test.ts';
import { WORKLOADS } from '../workloads/registry.ts';
import type { TestedWorkload } from '../workloads/workload.ts';
import { describeOptions, type Option, UsageError } from './options.ts';

/** Options of Maelstrom's workloads, and what a workload must have for them. Tutorials use them. */
const MAELSTROM_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['topology', 'topology'],
  ['consistency-models', 'transactions'],
]);

type OptionTable = Readonly<Record<string, Option<string | undefined>>>;

/** The options of all workloads, to be parsed as texts. @param taken names of the command's own options */
export function tableOfWorkloadOptions(workloads: readonly TestedWorkload[], taken: readonly string[]): OptionTable {
  const table: Record<string, Option<string | undefined>> = {};
  for (const name of MAELSTROM_OPTIONS.keys()) table[name] = textOption('VALUE', '');
  for (const { name: workload, test } of workloads) {
    for (const [name, { value, text }] of Object.entries(test.options ?? {})) {
      if (taken.includes(name)) throw new Error(`the option --${name} of the workload ${workload} is taken`);
      table[name] = textOption(value, text);
    }
  }
  return table;
}

function textOption(value: string, text: string): Option<string | undefined> {
  return { value, text, absent: undefined, parse: (given) => given };
}

/**
 * The options of one workload among `texts`, with their values checked; undefined where none was given. Throws a
 * {@link UsageError} for an option that only other workloads have.
 */
export function workloadOptionsOf(
  { name: workload, test }: TestedWorkload,
  table: OptionTable,
  texts: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  const given: Record<string, string> = {};
  // The table lacks those of a workload of the author's.
  for (const name of new Set([...Object.keys(table), ...Object.keys(test.options ?? {})])) {
    const text = texts[name];
    if (text === undefined) continue;
    const option = test.options?.[name];
    if (option === undefined) {
      const what = MAELSTROM_OPTIONS.get(name) ?? `option --${name}`;
      throw new UsageError(`--${name} ${text}: the workload ${workload} has no ${what}; leave it out`);
    }
    requireValue(name, option, text);
    given[name] = text;
  }
  return Object.keys(given).length === 0 ? undefined : given;
}

/** Throws an Error unless the workload has all options that a replay file gives, and takes their values. */
export function requireWorkloadOptions(
  { name: workload, test }: TestedWorkload,
  given: Readonly<Record<string, string>> = {},
): void {
  for (const [name, text] of Object.entries(given)) {
    const option = Object.hasOwn(test.options ?? {}, name) ? test.options?.[name] : undefined;
    if (option === undefined) throw new Error(`the workload ${workload} has no option ${JSON.stringify(name)}`);
    requireValue(name, option, text);
  }
}

function requireValue(name: string, option: WorkloadOption, text: string): void {
  try {
    option.parse(text);
  } catch (error) {
    throw new UsageError(`--${name} ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
}

/** The part of a help text about options of single workloads; empty where none has any. */
export function describeWorkloadOptions(workloads: readonly TestedWorkload[] = WORKLOADS): string {
  return workloads
    .filter(({ test }) => Object.keys(test.options ?? {}).length > 0)
    .map(({ name, test }) => {
      const options = Object.entries(test.options ?? {}).map(([option, { value, text }]) => [
        option,
        textOption(value, text),
      ]);
      return `\nOptions of the workload ${name}:\n\n${describeOptions(Object.fromEntries(options))}\n`;
    })
    .join('');
}
