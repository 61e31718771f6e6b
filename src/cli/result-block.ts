/**
 * The end of a run, for people: the results as a block that reads like Maelstrom's, then the verdict in one line with the reason in front.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import { stringifyExact } from '../protocol/exact-json.ts';

/** Long lists are cut here and whole in `results.json`. */
const ITEMS_SHOWN_MAX = 8;
const INDENT = '  ';

/** The results as indented text, in an order of its own: what decides comes last. */
export function formatResults(results: CheckResult): string {
  return formatMap(results, '');
}

function formatMap(map: Readonly<Record<string, unknown>>, indent: string): string {
  const entries = Object.entries(map);
  const shown = entries.length > ITEMS_SHOWN_MAX * 2 ? entries.slice(0, ITEMS_SHOWN_MAX) : entries;
  const lines = shown.map(([key, value]) => formatEntry(key, value, indent));
  if (shown.length < entries.length) lines.push(`${indent}… and ${entries.length - shown.length} more`);
  return lines.join('\n');
}

function formatEntry(key: string, value: unknown, indent: string): string {
  const head = `${indent}${key}`;
  if (Array.isArray(value) && value.some((item) => typeof item === 'object' && item !== null)) {
    const items = value.slice(0, ITEMS_SHOWN_MAX).map((item) => `${indent}${INDENT}- ${stringifyExact(item)}`);
    if (value.length > items.length) items.push(`${indent}${INDENT}… and ${value.length - items.length} more`);
    return [head, ...items].join('\n');
  }
  if (isPlainMap(value)) {
    const flat = Object.values(value).every((item) => typeof item !== 'object' || item === null);
    if (!flat || Object.keys(value).length > ITEMS_SHOWN_MAX) return `${head}\n${formatMap(value, indent + INDENT)}`;
    const pairs = Object.entries(value).map(([name, item]) => `${name} ${formatScalar(item)}`);
    return `${head.padEnd(14)}  ${pairs.join(', ')}`;
  }
  return `${head.padEnd(14)}  ${formatScalar(value)}`;
}

function formatScalar(value: unknown): string {
  if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return typeof value === 'string' ? value : stringifyExact(value);
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

const VERDICTS: ReadonlyMap<Validity, string> = new Map<Validity, string>([
  [true, 'Everything looks good! The run is valid.'],
  ['unknown', 'Nobody can tell: the run is of unknown validity.'],
  [false, 'The run is INVALID.'],
]);

/** The verdict, and the reason for it when it is a bad one. */
export function formatVerdict(results: CheckResult): string {
  const verdict = VERDICTS.get(results['valid?']) as string;
  const reasons = findReasons(results);
  return reasons.length === 0 ? verdict : `${verdict} ${reasons.join(' ')}`;
}

function findReasons(results: CheckResult): string[] {
  if (results['valid?'] === true) return [];
  return Object.entries(results).flatMap(([name, result]) => {
    if (!isPlainMap(result) || result['valid?'] === true) return [];
    return [describeReason(name, result)];
  });
}

function describeReason(name: string, result: Readonly<Record<string, unknown>>): string {
  if (typeof result.error === 'string') return `${name}: ${result.error.split('\n')[0]}.`;
  switch (name) {
    case 'stats':
      return result.count === 0 ? 'No operation was completed.' : 'Some kind of operation never succeeded.';
    case 'availability':
      return `Only ${formatScalar(result['ok-fraction'])} of all operations were ok.`;
    case 'protocol': {
      const first = (result.violations as { text: string; line?: string }[])[0];
      return `${first?.text ?? 'The protocol was broken'}${first?.line === undefined ? '' : `: ${first.line.slice(0, 200)}`}.`;
    }
    case 'workload':
      return describeWorkloadReason(result);
    default:
      return `The checker ${name} says ${String(result['valid?'])}.`;
  }
}

function describeWorkloadReason(result: Readonly<Record<string, unknown>>): string {
  if (typeof result['duplicated-count'] === 'number')
    return `${result['duplicated-count']} ids were given out more than once.`;
  if (Array.isArray(result.errors)) return `${result['error-count'] ?? result.errors.length} answers were wrong.`;
  return 'The workload was not served correctly.';
}
