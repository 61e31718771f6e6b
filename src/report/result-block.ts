/**
 * The end of a run, for people: the results as a block that reads like Maelstrom's, then the verdict in one line with
 * the reasons for it.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import type { AnsweredErrors } from '../checkers/stats.ts';
import { stringifyExact } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { escapeInvisible } from '../protocol/invisible.ts';

/** Long lists are cut here and whole in `results.json`. */
const ITEMS_SHOWN_MAX = 8;
const INDENT = '  ';
const NAME_WIDTH = 14;
const EXCERPT_LENGTH = 200;

/** The results as indented text, in an order of its own: what decides comes last. */
export function formatResults(results: CheckResult): string {
  return formatMap(results, '');
}

function formatMap(map: Readonly<Record<string, unknown>>, indent: string): string {
  const entries = Object.entries(map);
  const shown = entries.length > ITEMS_SHOWN_MAX * 2 ? entries.slice(0, ITEMS_SHOWN_MAX) : entries;
  const width = Math.max(NAME_WIDTH, ...shown.map(([name]) => indent.length + visible(name).length));
  const lines = shown.map(([name, value]) => formatEntry(`${indent}${visible(name)}`, value, indent, width));
  if (shown.length < entries.length) lines.push(`${indent}… and ${entries.length - shown.length} more`);
  return lines.join('\n');
}

function formatEntry(head: string, value: unknown, indent: string, width: number): string {
  const onOneLine = (text: string) => `${head.padEnd(width)}  ${text}`;
  if (Array.isArray(value)) {
    if (value.length === 0) return onOneLine('none');
    if (!value.some(isNested)) return onOneLine(formatScalar(value));
    const items = value.slice(0, ITEMS_SHOWN_MAX).map((item) => `${indent}${INDENT}- ${formatScalar(item)}`);
    if (value.length > items.length) items.push(`${indent}${INDENT}… and ${value.length - items.length} more`);
    return [head, ...items].join('\n');
  }
  if (!isPlainMap(value)) return onOneLine(formatScalar(value));
  const pairs = Object.entries(value);
  if (pairs.length === 0) return onOneLine('none');
  if (pairs.some(([, item]) => isNested(item)) || pairs.length > ITEMS_SHOWN_MAX)
    return `${head}\n${formatMap(value, indent + INDENT)}`;
  return onOneLine(pairs.map(([name, item]) => `${visible(name)} ${formatScalar(item)}`).join(', '));
}

function formatScalar(value: unknown): string {
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return visible(typeof value === 'string' ? value : stringifyExact(value));
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isNested(value: unknown): boolean {
  return Array.isArray(value) || isPlainMap(value);
}

/** What nodes print may hold anything; on a terminal none of it may act, and none be overlooked. */
function visible(text: string): string {
  return escapeInvisible(text.replaceAll('\n', ' ⏎ '));
}

const VERDICTS: ReadonlyMap<Validity, string> = new Map<Validity, string>([
  [true, 'Everything looks good! The run is valid.'],
  ['unknown', 'Nobody can tell: the run is of unknown validity.'],
  [false, 'The run is INVALID.'],
]);

/** What is likely to be the cause of the others goes first. */
const REASON_ORDER = ['protocol', 'services', 'errors', 'workload', 'availability', 'stats'];
/** Kinds of errors that are told in the verdict; the results have more. */
const ERRORS_TOLD_MAX = 3;

/** The verdict, and the reasons for it when it is a bad one. One line. */
export function formatVerdict(results: CheckResult): string {
  const reasons = findReasons(results).map((reason) => ` ${visible(reason)}`);
  return `${VERDICTS.get(results['valid?']) as string}${reasons.join('')}`;
}

function findReasons(results: CheckResult): string[] {
  if (results['valid?'] === true) return [];
  const names = new Set([...REASON_ORDER, ...Object.keys(results)]);
  return [...names].flatMap((name) => {
    if (name === 'errors') return describeErrors(results);
    const result = results[name];
    if (name === 'services') return describeServiceRequests(result);
    if (!isPlainMap(result) || result['valid?'] === true) return [];
    return [describeReason(name, result)];
  });
}

function describeReason(name: string, result: Readonly<Record<string, unknown>>): string {
  switch (name) {
    case 'protocol':
      return describeViolations(result);
    case 'workload':
      return describeWorkload(result);
    case 'availability':
      return `Only ${formatScalar(result['ok-fraction'])} of all operations were ok.`;
    case 'stats':
      return describeStats(result);
    default:
      return describeError(result) ?? `The checker ${name} says ${String(result['valid?'])}.`;
  }
}

function describeViolations(result: Readonly<Record<string, unknown>>): string {
  const [first] = (result.violations ?? []) as { text: string; line?: string }[];
  if (first === undefined) return describeError(result) ?? 'The protocol was broken.';
  const line = first.line === undefined || first.line.trim() === '' ? '' : `: ${excerpt(first.line, EXCERPT_LENGTH)}`;
  const more = Number(result.count) > 1 ? ` (the first of ${result.count} breaches of the protocol)` : '';
  return `${first.text}${line}${more}.`;
}

/** What the services were asked and did not understand: no breach, but perhaps the cause of what else went wrong. */
function describeServiceRequests(result: unknown): string[] {
  const [first] = ((result as CheckResult | undefined)?.requests ?? []) as { text: string; line: string }[];
  return first === undefined ? [] : [`${first.text}: ${excerpt(first.line, EXCERPT_LENGTH)}.`];
}

/** The errors that were answered, where they are why a run is not valid. */
function describeErrors({ stats, availability, workload }: CheckResult): string[] {
  if (!isPlainMap(stats)) return [];
  const kinds = Object.entries((stats['by-f'] ?? {}) as Record<string, CheckResult & { errors?: AnsweredErrors }>);
  const isBad = (result: unknown) => isPlainMap(result) && result['valid?'] !== true;
  const all = isBad(availability) || (isBad(workload) && 'refused-count' in (workload as CheckResult));
  const told = kinds.flatMap(([f, { 'valid?': valid, errors = {} }]) =>
    all || valid !== true ? Object.entries(errors).map(([what, error]) => ({ f, what, ...error })) : [],
  );
  told.sort((left, right) => right.count - left.count);
  return told.slice(0, ERRORS_TOLD_MAX).map(({ f, what, count, text }) => {
    const were = count === 1 ? '1 request' : `${count} requests`;
    const example = text === undefined ? '' : `, for instance ${JSON.stringify(text)}`;
    return `${were} ${JSON.stringify(f)} ${count === 1 ? 'was' : 'were'} answered with ${what}${example}.`;
  });
}

function describeWorkload(result: Readonly<Record<string, unknown>>): string {
  const { 'duplicated-count': duplicatedCount, duplicated, 'error-count': errorCount } = result;
  if (typeof duplicatedCount === 'number' && duplicatedCount > 0) {
    const [example] = Object.keys(duplicated as object);
    const were = duplicatedCount === 1 ? '1 id was' : `${duplicatedCount} ids were`;
    return `${were} given out more than once, for instance ${excerpt(example ?? '?', EXCERPT_LENGTH)}.`;
  }
  if (typeof errorCount === 'number' && errorCount > 0) return describeWrongEchoes(errorCount, result);
  return describeError(result) ?? 'The workload was not served correctly.';
}

/** A refused echo has nothing to show: its value is what was sent. */
function describeWrongEchoes(errorCount: number, result: Readonly<Record<string, unknown>>): string {
  const refusedCount = Number(result['refused-count'] ?? 0);
  const wrongCount = errorCount - refusedCount;
  const sentences: string[] = [];
  if (wrongCount > 0) {
    const errors = result.errors as unknown[][];
    const [, sent, , received] = errors.find((error) => refusedCount === 0 || isPlainMap(error[3])) ?? [];
    const example =
      received === undefined
        ? ''
        : `, for instance ${excerpt(stringifyExact(received), EXCERPT_LENGTH)} to ${excerpt(stringifyExact(sent), EXCERPT_LENGTH)}`;
    sentences.push(`${wrongCount === 1 ? '1 answer was' : `${wrongCount} answers were`} wrong${example}.`);
  }
  if (refusedCount > 0) {
    const were = refusedCount === 1 ? '1 echo was' : `${refusedCount} echoes were`;
    sentences.push(`${were} refused, and a refused echo counts as a wrong answer.`);
  }
  return sentences.join(' ');
}

function describeStats(result: Readonly<Record<string, unknown>>): string {
  const kinds = Object.entries((result['by-f'] ?? {}) as Record<string, { 'valid?': Validity }>);
  const failed = kinds.filter(([, kind]) => kind['valid?'] === false).map(([name]) => JSON.stringify(name));
  if (failed.length > 0) return `No operation of the kind ${failed.join(', ')} ever succeeded.`;
  return result.count === 0 ? 'No operation was completed.' : (describeError(result) ?? 'The counts cannot be told.');
}

/** A checker's own words, in one sentence. */
function describeError({ error }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof error !== 'string') return undefined;
  const [sentence = ''] = error.split('\n');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}
