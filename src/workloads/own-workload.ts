/** A workload that an author made with the package `snowstorm/testing`. Like a node of an author's, it has a mark. */

import type { Checker, CheckResult } from '../checkers/checker.ts';
import type { TestSetting, WorkloadTest } from '../harness/workload-test.ts';
import { refuseUnknown } from './own-node.ts';
import { type OptionDeclarations, type OptionValues, workloadOptionsOf } from './own-option.ts';
import type { TestedWorkload } from './workload.ts';

const MARK = Symbol.for('snowstorm.workload');
const OPTIONS = ['name', 'text', 'options', 'test'] as const satisfies readonly (keyof WorkloadOptions)[];

/** What an author says about a workload. */
export interface WorkloadOptions<Declarations extends OptionDeclarations = OptionDeclarations> {
  /** The name in reports and records: letters, digits and hyphens. */
  readonly name: string;
  /** What its test does, in one sentence. */
  readonly text?: string;
  /**
   * Options of the test, by name. `max-value` is `--max-value 3` on the command line, and `options: { 'max-value': 3 }`
   * from code; a record and a replay keep it. Default: none.
   */
  readonly options?: Declarations;
  /** The test, or what makes it of the values of its options. */
  readonly test: WorkloadTest | ((options: OptionValues<Declarations>) => WorkloadTest);
}

/** A workload, made by {@link defineWorkload}. */
export interface WorkloadDefinition extends TestedWorkload {
  readonly [MARK]: 1;
}

/**
 * Defines a workload. Throws a TypeError that says what is wrong with the options.
 *
 * @param given its name, its options and its test
 *
 * @example
 * ```ts
 * import { defineRpc } from 'snowstorm';
 * import { completeWith, defineWorkload, linearizable, registerModel } from 'snowstorm/testing';
 * import * as z from 'zod';
 *
 * const Put = defineRpc('put', 'Sets the register.', { value: z.int() }, {});
 * const Get = defineRpc('get', 'The register.', {}, { value: z.int().nullable() });
 *
 * export default defineWorkload({
 *   name: 'register',
 *   test: {
 *     reusableClients: true,
 *     survivesDiskLoss: false,
 *     createGenerator: (random) => () =>
 *       random.integer(2) === 0 ? { f: 'read', value: null } : { f: 'write', value: random.integer(5) },
 *     createInvoke:
 *       () =>
 *       async (client, { f, value }) =>
 *         f === 'read'
 *           ? completeWith(await client.rpc(Get, {}), null, (reply) => reply.value)
 *           : completeWith(await client.rpc(Put, { value: Number(value) }), value, () => value),
 *     checker: () => linearizable({ model: registerModel }),
 *   },
 * });
 * ```
 */
export function defineWorkload<const Declarations extends OptionDeclarations>(
  given: WorkloadOptions<Declarations>,
): WorkloadDefinition {
  const { name, text = '', options = {}, test } = given;
  refuseUnknown('defineWorkload', given, OPTIONS);
  if (!/^[\w-]+$/.test(name))
    throw new TypeError(`defineWorkload: name ${JSON.stringify(name)}: expected letters, digits and hyphens`);
  const declared = workloadOptionsOf(options);
  const make = (values: Readonly<Record<string, unknown>>): WorkloadTest =>
    requireParts(typeof test === 'function' ? test(values as OptionValues<Declarations>) : test);
  const usual = make(Object.fromEntries(Object.entries(declared).map(([option, { absent }]) => [option, absent])));
  const isSame = typeof test !== 'function' && usual.configure === undefined;
  const configure = (setting: TestSetting) => {
    const made = make(setting.options);
    return withChecks(made.configure === undefined ? made : requireParts(made.configure(setting)), name);
  };
  const all = { ...usual.options, ...declared };
  return {
    name,
    text,
    test: {
      ...withChecks(usual, name),
      ...(Object.keys(all).length > 0 && { options: all }),
      ...(!isSame && { configure }),
    },
    [MARK]: 1,
  };
}

function requireParts(test: WorkloadTest): WorkloadTest {
  for (const part of ['createGenerator', 'createInvoke', 'checker'] as const)
    if (typeof test?.[part] !== 'function') throw new TypeError(`defineWorkload: test.${part} must be a function`);
  return test;
}

function withChecks(test: WorkloadTest, name: string): WorkloadTest {
  return { ...test, checker: () => checked(test.checker(), name) };
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
