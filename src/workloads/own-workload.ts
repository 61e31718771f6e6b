/** A workload that an author made with the package `snowstorm/testing`. Like a node of an author's, it has a mark. */

import type { Checker, CheckResult } from '../checkers/checker.ts';
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
  return { name, text, test: { ...test, checker: () => checked(test.checker(), name) }, [MARK]: 1 };
}

/** A slip in an author's checker must not look like a valid run: such a verdict is an error, so the run is unknown. */
function checked(checker: Checker, name: string): Checker {
  return {
    ...checker,
    check: (...args) => {
      const result: unknown = checker.check(...args);
      const validity = (result as Partial<CheckResult> | null | undefined)?.['valid?'];
      if (validity === true || validity === false || validity === 'unknown') return result as CheckResult;
      const what = result instanceof Promise ? 'a promise, and it must answer at once' : JSON.stringify(result);
      throw new TypeError(
        `the checker of ${name} answers ${what}; expected an object whose "valid?" is true, false or "unknown"`,
      );
    },
  };
}

/** Whether it was made by any copy of {@link defineWorkload}. */
export function isWorkloadDefinition(value: unknown): value is WorkloadDefinition {
  return typeof value === 'object' && value !== null && (value as { [MARK]?: unknown })[MARK] === 1;
}
