/**
 * Verdicts as JUnit XML, which every CI shows. A test case is a checker of a run, a run of a repeated test, a seed of a
 * fuzz, or an exploration. An unknown verdict is an `error`, a bad one a `failure`, and both say how to replay it.
 * Names are the same in every run, so that a CI can follow a case. The seed of a run is a property.
 */

import { type CheckResult, mergeValidity, type Validity } from '../checkers/checker.ts';
import { escapeText } from './markup.ts';
import { formatResults, formatVerdict } from './result-block.ts';

export interface JunitSuite {
  readonly name: string;
  readonly cases: readonly JunitCase[];
}

export interface JunitCase {
  readonly name: string;
  readonly className: string;
  /** The duration, if it is known. */
  readonly seconds?: number | undefined;
  readonly outcome: JunitOutcome;
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

export type JunitOutcome =
  | { readonly kind: 'passed' }
  | {
      readonly kind: 'failed' | 'unknown';
      /** One line. */
      readonly message: string;
      readonly text: string;
    };

/** The whole file. */
export function junitDocument(suites: readonly JunitSuite[]): string {
  const all = suites.flatMap(({ cases }) => cases);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${counts(all)}>`,
    ...suites.flatMap(({ name, cases }) => [
      `  <testsuite${attribute('name', name)}${counts(cases)}>`,
      ...cases.flatMap(caseLines),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

/** A run of `snowstorm test`. */
export interface JunitRun {
  readonly workload: string;
  readonly seed: string;
  readonly results: CheckResult;
  /** The verdict in one line, as `formatVerdict` has it. */
  readonly reason: string;
  /** The command that replays the run. */
  readonly command: string;
}

/** A case for each checker. */
export function junitOfRun({ workload, seed, results, reason, command }: JunitRun): JunitSuite {
  const className = `snowstorm.${workload}`;
  const checked = Object.entries(results).filter((entry): entry is [string, CheckResult] => isCheckResult(entry[1]));
  const shared = { className, properties: { seed } };
  const cases: JunitCase[] = checked.map(([name, result]) => {
    const validity = result['valid?'];
    const message = formatVerdict({ [name]: result, 'valid?': validity });
    return { name, ...shared, outcome: outcomeOf(validity, message, [formatResults(result), again(command)]) };
  });
  const validity = results['valid?'];
  // A bad verdict that comes from no checker must not be lost among good ones.
  if (validity !== true && validity !== mergeValidity(checked.map(([, result]) => result['valid?'])))
    cases.push({ name: 'run', ...shared, outcome: outcomeOf(validity, reason, [reason, again(command)]) });
  return { name: className, cases };
}

/** One of the runs of a repeated test, by its number from 1. */
export function junitCaseOfRun({ workload, seed, results, reason, command }: JunitRun, number: number): JunitCase {
  const outcome = outcomeOf(results['valid?'], reason, [formatResults(results), again(command)]);
  return { name: `run ${number}`, className: `snowstorm.${workload}`, outcome, properties: { seed } };
}

/** What one seed of a fuzz showed. */
export interface JunitSeed {
  readonly seed: string;
  readonly validity: Validity;
  /** In which ways it failed. */
  readonly signature: readonly string[];
  /** The verdict in one line, as `formatVerdict` has it. */
  readonly reason: string;
  /** Where a second run of the seed differed from the first. */
  readonly difference?: string | undefined;
}

export interface JunitSeeds<Seed extends JunitSeed> {
  readonly workload: string;
  /** In any order. */
  readonly seeds: readonly Seed[];
  /** The story of the lowest seed that failed. */
  readonly story?: string | undefined;
  /** The command that replays the run of a seed. */
  readonly command: (seed: Seed) => string;
}

/** A case for each seed, the lowest first. */
export function junitOfSeeds<Seed extends JunitSeed>({
  workload,
  seeds,
  story,
  command,
}: JunitSeeds<Seed>): JunitSuite {
  const className = `snowstorm.${workload}`;
  const ordered = [...seeds].sort((one, other) => Number(one.seed) - Number(other.seed));
  const firstFailed = ordered.find((seed) => seedValidity(seed) === false);
  const cases = ordered.map((seed): JunitCase => {
    const message = seedMessage(seed);
    const told = seed === firstFailed && story !== undefined ? [story] : [];
    const outcome = outcomeOf(seedValidity(seed), message, [message, ...told, again(command(seed))]);
    return { name: `seed ${seed.seed}`, className, outcome };
  });
  return { name: className, cases };
}

/** The result of an exploration. */
export interface JunitExploration {
  readonly workload: string;
  readonly seed: string;
  readonly validity: Validity;
  /** What was covered, and what failed. The last line is the verdict. */
  readonly text: string;
  /** The story of the first run that failed. */
  readonly story?: string | undefined;
  /** The command that replays the failed run, or else the exploration. */
  readonly command: string;
}

/** One case. */
export function junitOfExploration({ workload, seed, validity, text, story, command }: JunitExploration): JunitSuite {
  const className = `snowstorm.${workload}`;
  const message = text.split('\n').at(-1) ?? '';
  const told = story === undefined ? [] : [story];
  const outcome = outcomeOf(validity, message, [text, ...told, again(command)]);
  return { name: className, cases: [{ name: 'explore', className, outcome, properties: { seed } }] };
}

/** A recorded history that `snowstorm check` judged, or could not read. */
export interface JunitHistory {
  readonly path: string;
  readonly workload: string;
  /** The verdict in one line, or why there is none. */
  readonly reason: string;
  /** Absent: it is malformed. */
  readonly results?: CheckResult;
  /** The command that judges it again. */
  readonly command: string;
}

/** A case for each history. */
export function junitOfHistories(histories: readonly JunitHistory[]): JunitSuite {
  const cases = histories.map(({ path, workload, results, reason, command }): JunitCase => {
    const told = results === undefined ? reason : formatResults(results);
    const outcome = outcomeOf(results?.['valid?'] ?? 'unknown', reason, [told, again(command)]);
    return { name: path, className: `snowstorm.${workload}`, outcome };
  });
  return { name: 'snowstorm.check', cases };
}

function seedValidity({ validity, difference }: JunitSeed): Validity {
  return difference === undefined ? validity : false;
}

function seedMessage({ validity, signature, reason, difference }: JunitSeed): string {
  if (difference !== undefined) return `not deterministic: ${difference}`;
  return validity === 'unknown' ? reason : signature.join(', ');
}

function outcomeOf(validity: Validity, message: string, paragraphs: readonly string[]): JunitOutcome {
  if (validity === true) return { kind: 'passed' };
  return { kind: validity === false ? 'failed' : 'unknown', message, text: paragraphs.join('\n\n') };
}

function again(command: string): string {
  return `Replay:  ${command}`;
}

function isCheckResult(value: unknown): value is CheckResult {
  return typeof value === 'object' && value !== null && 'valid?' in value;
}

function counts(cases: readonly JunitCase[]): string {
  const count = (kind: JunitOutcome['kind']) => cases.filter(({ outcome }) => outcome.kind === kind).length;
  const seconds = cases.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
  const figures = { tests: cases.length, failures: count('failed'), errors: count('unknown'), time: time(seconds) };
  return Object.entries(figures)
    .map(([name, figure]) => attribute(name, String(figure)))
    .join('');
}

function caseLines({ name, className, seconds, outcome, properties = {} }: JunitCase): string[] {
  const took = seconds === undefined ? '' : attribute('time', time(seconds));
  const head = `    <testcase${attribute('name', name)}${attribute('classname', className)}${took}`;
  const content = [...propertyLines(properties), ...outcomeLines(outcome)];
  return content.length === 0 ? [`${head}/>`] : [`${head}>`, ...content, '    </testcase>'];
}

function propertyLines(properties: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(properties).map(
    ([name, value]) => `        <property${attribute('name', name)}${attribute('value', value)}/>`,
  );
  return lines.length === 0 ? [] : ['      <properties>', ...lines, '      </properties>'];
}

function outcomeLines(outcome: JunitOutcome): string[] {
  if (outcome.kind === 'passed') return [];
  const element = outcome.kind === 'failed' ? 'failure' : 'error';
  const attributes = `${attribute('message', outcome.message)}${attribute('type', outcome.kind)}`;
  return [`      <${element}${attributes}>${escapeText(outcome.text)}</${element}>`];
}

/** XML reads white space in an attribute as blanks. */
function attribute(name: string, value: string): string {
  return ` ${name}="${escapeText(value).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')}"`;
}

function time(seconds: number): string {
  return seconds.toFixed(3);
}
