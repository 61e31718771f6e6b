/** What the runs of challenges have achieved, and its text. */

import { type CheckResult, mergeValidity, type Validity } from '../checkers/checker.ts';
import type { Challenge, Figure, Target } from './glomers-challenges.ts';

const DIGITS = 4;
const WORDS: ReadonlyMap<Validity | undefined, string> = new Map<Validity | undefined, string>([
  [true, 'pass'],
  [false, 'FAIL'],
  ['unknown', 'unknown'],
]);
const WORD_WIDTH = 7;
const NAME_WIDTH = 2;

interface JudgedTarget {
  readonly target: Target;
  /** Undefined: the results do not have it. */
  readonly measured: number | undefined;
  /** Undefined: the figure is only shown. */
  readonly verdict: Validity | undefined;
}

/** A run of a challenge that has ended. */
export interface ScoredRun {
  readonly verdict: Validity;
  readonly isValid: Validity;
  readonly targets: readonly JudgedTarget[];
}

/** A challenge; without runs it was not begun. */
export interface Score {
  readonly challenge: Challenge;
  readonly runs: readonly ScoredRun[];
}

/** @param interrupted whether the run ended early: what it has achieved so far proves nothing */
export function scoreRun({ targets }: Challenge, results: CheckResult, interrupted: boolean): ScoredRun {
  const judged = targets.map((target) => judgeTarget(target, results));
  const isValid = results['valid?'];
  const verdicts = judged.flatMap(({ verdict }) => verdict ?? []);
  return { verdict: mergeValidity([isValid, ...verdicts, !interrupted || 'unknown']), isValid, targets: judged };
}

function judgeTarget(target: Target, results: CheckResult): JudgedTarget {
  const measured = figureIn(results, target.figure);
  if (target.below === undefined) return { target, measured, verdict: undefined };
  return { target, measured, verdict: measured === undefined ? 'unknown' : measured < target.below };
}

function figureIn(results: CheckResult, { path }: Figure): number | undefined {
  let value: unknown = results;
  for (const key of path) value = (value as Readonly<Record<string, unknown>> | null | undefined)?.[key];
  return typeof value === 'number' ? value : undefined;
}

/** The verdict on a challenge. One of which not all runs were made is unknown, unless one of them failed. */
export function verdictOf({ challenge, runs }: Score): Validity {
  return mergeValidity([...runs.map(({ verdict }) => verdict), runs.length === challenge.runs.length || 'unknown']);
}

/** The word for a verdict on a challenge. */
export function scoreWord(score: Score): string {
  return score.runs.length === 0 ? 'not run' : (WORDS.get(verdictOf(score)) as string);
}

/** A line for each target of a run. */
export function describeTargets({ targets }: ScoredRun): readonly string[] {
  const rows = targets.map(({ target, measured, verdict }) => [
    (WORDS.get(verdict) ?? '').padEnd(WORD_WIDTH),
    target.figure.name,
    measured === undefined ? 'not measured' : measuredText(target, measured),
    wantedText(target),
    bestText(target),
  ]);
  return alignColumns(rows).map((line) => `  ${line}`);
}

function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  );
}

function amountText({ unit }: Figure, amount: number): string {
  return `${Number(amount.toPrecision(DIGITS))}${unit}`;
}

/** Rounded, unless that would put it on the other side of the limit. */
function measuredText({ figure, below }: Target, measured: number): string {
  const text = amountText(figure, measured);
  const misleads = below !== undefined && Number.parseFloat(text) < below !== measured < below;
  return misleads ? `${measured}${figure.unit}` : text;
}

function wantedText({ figure, below }: Target): string {
  return below === undefined ? 'no target' : `below ${amountText(figure, below)}`;
}

function bestText({ figure, bestKnown }: Target): string {
  return `best known ${amountText(figure, bestKnown)}`;
}

/** A line for each target of a challenge. */
export function describeWanted({ targets }: Challenge): readonly string[] {
  return alignColumns(targets.map((target) => [target.figure.name, wantedText(target), bestText(target)]));
}

/** All challenges, a line each, and how many of them were passed. */
export function describeScores(scores: readonly Score[]): string {
  const lines = scores.map((score) => {
    const { name, title } = score.challenge;
    return `  ${name.padEnd(NAME_WIDTH)}  ${scoreWord(score).padEnd(WORD_WIDTH)}  ${title}${describeMissed(score)}`;
  });
  const passed = scores.filter((score) => verdictOf(score) === true).length;
  return `Scorecard\n\n${lines.join('\n')}\n\n${passed} of ${scores.length} passed.\n`;
}

/** Why a challenge is not passed, as the rest of its line. */
function describeMissed({ runs }: Score): string {
  const missed = runs.flatMap(({ isValid, targets }) => [
    ...(isValid === true ? [] : [isValid === false ? 'the run is invalid' : 'the verdict of the run is unknown']),
    ...targets.filter(({ verdict }) => verdict === false || verdict === 'unknown').map(describeMiss),
  ]);
  return missed.length === 0 ? '' : `: ${missed.join('; ')}`;
}

function describeMiss({ target, measured }: JudgedTarget): string {
  const { figure } = target;
  if (measured === undefined) return `${figure.name} not measured`;
  return `${figure.name} ${measuredText(target, measured)}, wanted ${wantedText(target)}`;
}
