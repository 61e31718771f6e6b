/**
 * The package `snowstorm/testing`: runs, fuzzes, explores and replays a node from code, and defines workloads.
 */

export {
  type Checker,
  type CheckResult,
  compose,
  mergeValidity,
  type TestFacts,
  type Validity,
} from '../checkers/checker.ts';
export {
  casRegisterModel,
  type Model,
  registerModel,
  type Step,
} from '../checkers/linearizability/model.ts';
export type { Proof } from '../checkers/proof.ts';
export { answerIn, type Client, type ClientResult, type Completion, completeWith } from '../harness/client.ts';
export type { Fault } from '../harness/fault.ts';
export type {
  FinalInvocation,
  FinalStep,
  Invocation,
  Invoke,
  TestSetting,
  Turn,
  WorkloadOption,
  WorkloadTest,
} from '../harness/workload-test.ts';
export type { History } from '../history/history.ts';
export type { Operation } from '../history/operation.ts';
export type { SeededRandom } from '../protocol/random.ts';
export type { OptionDeclaration, OptionDeclarations, OptionValues } from '../workloads/own-option.ts';
export { defineWorkload, type WorkloadDefinition, type WorkloadOptions } from '../workloads/own-workload.ts';
export { growingSet, type LinearizableOptions, linearizable } from './checkers.ts';
export { expectValid, InvalidRunError, matchers } from './expect-valid.ts';
export { type ExploreReport, type ExploreSetup, explore } from './explore.ts';
export { type FuzzReport, fuzz, type Report, type RunReport, replay, run, type Setup } from './simulate.ts';
