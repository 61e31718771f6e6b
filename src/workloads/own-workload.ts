/** A workload that an author made with the package `snowstorm/testing`. Like a node of an author's, it has a mark. */

import type { WorkloadTest } from '../harness/workload-test.ts';
import type { TestedWorkload } from './workload.ts';

const MARK = Symbol.for('snowstorm.workload');

/** What an author says about a workload. */
export interface WorkloadOptions {
  /** The name in reports and records: letters, digits and hyphens. */
  readonly name: string;
  /** What its test does, in one sentence. */
  readonly text?: string;
  readonly test: WorkloadTest;
}

/** A workload, made by {@link defineWorkload}. */
export interface WorkloadDefinition extends TestedWorkload {
  readonly [MARK]: 1;
}

/** Defines a workload. Throws a TypeError that says what is wrong with the options. */
export function defineWorkload({ name, text = '', test }: WorkloadOptions): WorkloadDefinition {
  if (!/^[\w-]+$/.test(name))
    throw new TypeError(`defineWorkload: name ${JSON.stringify(name)}: expected letters, digits and hyphens`);
  for (const part of ['createGenerator', 'createInvoke', 'checker'] as const)
    if (typeof test?.[part] !== 'function') throw new TypeError(`defineWorkload: test.${part} must be a function`);
  return { name, text, test, [MARK]: 1 };
}

/** Whether it was made by any copy of {@link defineWorkload}. */
export function isWorkloadDefinition(value: unknown): value is WorkloadDefinition {
  return typeof value === 'object' && value !== null && (value as { [MARK]?: unknown })[MARK] === 1;
}
