/**
 * The end of a run, for people: the results as a block like Maelstrom's, then the verdict in one line, with its
 * reasons.
 */

import { describeAnswered, ERRORS_SHOWN_MAX } from '../checkers/answered-errors.ts';
import { describeWarnings } from '../checkers/beyond.ts';
import type { CheckResult, Validity } from '../checkers/checker.ts';
import { asSentence, REFUSED } from '../checkers/proof.ts';
import type { FunctionStats } from '../checkers/stats.ts';
import { escapeToOneLine } from '../protocol/invisible.ts';
import { shortJson } from '../protocol/short-json.ts';

/** Long lists are cut here. `results.json` has them whole. */
const ITEMS_SHOWN_MAX = 8;
/** A longer value shows its lists by their ends. */
const VALUE_LENGTH_MAX = 400;
/** As long as a list of numbers may be on one line. */
const LIST_LENGTH_MAX = 160;
/** The same of names, as those of consistency models. */
const NAMES_LENGTH_MAX = 1000;
/** Lists of which a result keeps only the first or the worst, beside the `count` of all. */
const COUNTED_LISTS: ReadonlySet<string> = new Set(['examples', 'errs', 'violations', 'requests']);
const INDENT = '  ';
const NAME_WIDTH = 14;

/**
 * The results as indented text, in their own order: what decides comes last. Proofs, summaries and warnings are left
 * out: the report and the last lines show them.
 *
 * @param results those of a run, or of one checker
 */
export function formatResults(results: CheckResult): string {
  const shown = Object.entries(withoutEvidence(results)).map(([name, result]) => [
    name,
    isPlainMap(result) && 'valid?' in result ? withoutEvidence(result) : result,
  ]);
  return formatMap(Object.fromEntries(shown), '');
}

function withoutEvidence({
  proofs: _proofs,
  summary: _summary,
  warning: _warning,
  ...shown
}: Readonly<Record<string, unknown>>) {
  return shown;
}

/**
 * @param count how many members there were before a checker cut them
 * @param counts the same of the members
 */
function formatMap(map: Readonly<Record<string, unknown>>, indent: string, count = 0, counts: unknown = {}): string {
  const entries = Object.entries(map);
  const shown = entries.length > ITEMS_SHOWN_MAX * 2 ? entries.slice(0, ITEMS_SHOWN_MAX) : entries;
  const width = Math.max(NAME_WIDTH, ...shown.map(([name]) => indent.length + escapeToOneLine(name).length));
  const lines = shown.map(([name, value]) =>
    formatEntry(
      {
        head: `${indent}${escapeToOneLine(name)}`,
        value,
        count: countIn(map, name, counts),
        counts: name === 'anomalies' ? map['anomaly-counts'] : undefined,
      },
      indent,
      width,
    ),
  );
  const left = Math.max(entries.length, count) - shown.length;
  if (left > 0) lines.push(`${indent}… and ${left} more`);
  return lines.join('\n');
}

/** The report draws orders. */
function formatItem(item: unknown): string {
  if (!isPlainMap(item)) return formatScalar(item);
  const { order: _order, ...shown } = item;
  return formatScalar(shown);
}

/** How many a list or map had before a checker cut it; 0 if the result does not say. */
function countIn(map: Readonly<Record<string, unknown>>, name: string, counts: unknown): number {
  const known = isPlainMap(counts) ? counts[name] : undefined;
  const count = known ?? map[`${name}-count`] ?? (COUNTED_LISTS.has(name) ? map.count : undefined);
  return typeof count === 'number' ? count : 0;
}

interface Entry {
  readonly head: string;
  readonly value: unknown;
  /** Of a list or map that was cut: how many it had. */
  readonly count: number;
  /** Of a map: the same of its members. */
  readonly counts: unknown;
}

function formatEntry({ head, value, count, counts }: Entry, indent: string, width: number): string {
  const onOneLine = (text: string) => `${head.padEnd(width)}  ${text}`;
  if (Array.isArray(value)) {
    if (value.length === 0) return onOneLine('none');
    if (!value.some(isNested))
      return onOneLine(
        escapeToOneLine(shortJson(value, typeof value[0] === 'string' ? NAMES_LENGTH_MAX : LIST_LENGTH_MAX)),
      );
    const items = value.slice(0, ITEMS_SHOWN_MAX).map((item) => `${indent}${INDENT}- ${formatItem(item)}`);
    const left = Math.max(value.length, count) - items.length;
    if (left > 0) items.push(`${indent}${INDENT}… and ${left} more`);
    return [head, ...items].join('\n');
  }
  if (!isPlainMap(value)) return onOneLine(formatScalar(value));
  const pairs = inOrder(Object.entries(value));
  if (pairs.length === 0) return onOneLine('none');
  if (pairs.some(([, item]) => isNested(item)) || pairs.length > ITEMS_SHOWN_MAX)
    return `${head}\n${formatMap(value, indent + INDENT, count, counts)}`;
  return onOneLine(pairs.map(([name, item]) => `${escapeToOneLine(name)} ${formatScalar(item)}`).join(', '));
}

/** Names that are numbers, as those of quantiles, in ascending order. JavaScript puts whole ones before all others. */
function inOrder(pairs: [string, unknown][]): readonly [string, unknown][] {
  if (pairs.some(([name]) => !/^\d+(\.\d+)?$/.test(name))) return pairs;
  return pairs.sort(([one], [other]) => Number(one) - Number(other));
}

function formatScalar(value: unknown): string {
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return escapeToOneLine(typeof value === 'string' ? value : shortJson(value, VALUE_LENGTH_MAX));
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isNested(value: unknown): boolean {
  return Array.isArray(value) || isPlainMap(value);
}

const VERDICTS: ReadonlyMap<Validity, string> = new Map<Validity, string>([
  [true, 'Everything looks good! The run is valid.'],
  ['unknown', 'Verdict unknown.'],
  [false, 'The run is INVALID.'],
]);

/** The checkers that are likely to name the cause of other failures go first. */
const REASON_ORDER = ['protocol', 'services', 'errors', 'workload', 'availability', 'stats'];

/**
 * What leaves the verdict as it is and is to be known, a line each; empty without any: what broke rules beyond
 * Jepsen's, and what was not tested.
 */
export function formatWarnings({ workload, clients }: CheckResult): string {
  const warnings = isPlainMap(workload) ? [...describeWarnings(workload as CheckResult)] : [];
  if (isPlainMap(clients) && typeof clients.warning === 'string') warnings.push(clients.warning);
  return warnings.map((warning) => `Warning: ${escapeToOneLine(warning)}\n`).join('');
}

/** What to try, a line: where kinds of operations never succeeded and others did. Else empty. */
export function formatAdvice({ stats }: CheckResult): string {
  if (!isPlainMap(stats) || !isPlainMap(stats['by-f']) || !(Number(stats['ok-count']) > 0)) return '';
  const kinds = Object.entries(stats['by-f'] as Record<string, FunctionStats>);
  const never = kinds.filter(([, { 'valid?': valid, 'ok-count': ok }]) => valid === false && ok === 0);
  if (never.length === 0) return '';
  const tried = never.map(([f, { count }]) => `of ${count} ${JSON.stringify(f)} none succeeded`).join(', ');
  const text = `Advice: ${tried}. In a short run that may be chance: make it longer (--time-limit), or ask more often (--rate).`;
  return `${escapeToOneLine(text)}\n`;
}

/** The verdict, and the reasons for a bad one. One line. */
export function formatVerdict(results: CheckResult): string {
  const reasons = findReasons(results).map((reason) => ` ${escapeToOneLine(reason)}`);
  return `${VERDICTS.get(results['valid?']) as string}${reasons.join('')}`;
}

function findReasons(results: CheckResult): string[] {
  if (results['valid?'] === true) return [];
  const names = new Set([...REASON_ORDER, ...Object.keys(results)]);
  return [...names].flatMap((name) => {
    if (name === 'errors') return describeErrors(results);
    const result = results[name];
    return isPlainMap(result) ? (describeReason(name, result) ?? []) : [];
  });
}

/** A valid checker may have a summary too: what it saw may be the cause of what failed. */
function describeReason(name: string, result: Readonly<Record<string, unknown>>): string | undefined {
  const { summary, error } = result;
  if (typeof summary === 'string') return summary;
  // A result without a verdict only tells figures.
  if (result['valid?'] === true || result['valid?'] === undefined) return undefined;
  // Records of older versions and of other harnesses have no summary.
  return typeof error === 'string' ? asSentence(error) : `The checker ${name} says ${String(result['valid?'])}.`;
}

/** The errors that were answered, if they are a reason for the verdict and the workload does not tell them. */
function describeErrors({ stats, availability, workload }: CheckResult): string[] {
  if (!isPlainMap(stats) || !isPlainMap(stats['by-f'])) return [];
  const all = isPlainMap(availability) && availability['valid?'] !== true;
  const told = refusalsIn(workload);
  const answered = Object.entries(stats['by-f'] as Record<string, FunctionStats>).flatMap(
    ([f, { 'valid?': valid, errors = {} }]) =>
      all || valid !== true ? Object.entries(errors).map(([what, error]) => ({ f, what, error })) : [],
  );
  const untold = answered.filter(({ what }) => !told.has(what));
  untold.sort((left, right) => right.error.count - left.error.count);
  return untold.slice(0, ERRORS_SHOWN_MAX).map(({ f, what, error }) => {
    const were = error.count === 1 ? '1 request' : `${error.count} requests`;
    const answer = describeAnswered(what, error);
    return `${were} ${JSON.stringify(f)} ${error.count === 1 ? 'was' : 'were'} answered with ${answer}.`;
  });
}

/** The errors with which nodes refused requests, where that proves the workload wrong. Its summary tells them. */
function refusalsIn(workload: unknown): ReadonlySet<string> {
  if (!isPlainMap(workload) || !Array.isArray(workload.proofs)) return new Set();
  const refused = workload.proofs.find((proof) => isPlainMap(proof) && proof.rule === REFUSED);
  return new Set(Object.keys(refused?.facts?.errors ?? {}));
}
