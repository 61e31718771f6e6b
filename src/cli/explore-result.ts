/**
 * The result of an exploration as text: what was covered, in numbers, why it stopped early, and the failures, the
 * simplest first.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { formatVerdict } from '../report/result-block.ts';
import { DRAWS, type ExploreReport } from '../search/explore.ts';
import type { ExploreOrdersReport } from '../search/explore-orders.ts';
import { type Action, describeInjection, drawsDamage, type Injection } from '../search/explore-steps.ts';
import { count, number } from './amounts.ts';

const FAILURES_SHOWN_MAX = 5;
/** An order takes a line for each message, and failing orders are often similar. */
const ORDERS_SHOWN_MAX = 1;
const STEP_LENGTH_MAX = 160;

/**
 * @param actions the actions that were tried
 * @param at the text that the steps contain; absent: all steps were tried
 */
export function formatExploration(report: ExploreReport, actions: readonly Action[], at?: string): string {
  const { steps, schedules, runs, levels } = report;
  const times = count(actions.length, 'action');
  const drawn = actions.some(drawsDamage) ? `, damage of power failures drawn up to ${DRAWS} times` : '';
  const covered = levels.map(({ tried, planned, runs: runsOfLevel }, index) => {
    const whole = tried === planned;
    const each =
      index === 0
        ? `${whole ? 'every one of' : 'of'} ${count(steps, 'step')}${at === undefined ? '' : ` with ${at}`} × ${times} (${actions.join(', ')})`
        : `${whole ? 'every later step' : 'later steps'} of each of these × ${times}`;
    const part = whole ? number(planned) : `${number(tried)} of ${number(planned)}`;
    return `${each}: ${part}${drawn}: ${count(runsOfLevel, 'run')}`;
  });
  return [
    ...formatFailures(report, FAILURES_SHOWN_MAX, ({ injections }) => describeInjections(injections)),
    ...covered.map((line, index) => `${index === 0 ? 'Covered: ' : '         then '}${line}`),
    `In all ${count(runs, 'run')}, ${count(schedules, 'distinct schedule')}.`,
    ...formatEnd(report),
  ].join('\n');
}

/** The result of one run with these hits. */
export function formatHits(injections: readonly Injection[], validity: Validity, results: CheckResult): string {
  return `With ${describeInjections(injections)}:\n${verdictOf(validity, results)}`;
}

/** The result of the run with its messages in this order. */
export function formatOrder(choices: readonly number[], validity: Validity, results: CheckResult): string {
  return `With messages in the order ${choices.join('.')}:\n${verdictOf(validity, results)}`;
}

/** An exploration does not judge statistics, so a valid run is not worded by its results. */
function verdictOf(validity: Validity, results: CheckResult): string {
  return validity === true ? 'The run is valid.' : formatVerdict(results);
}

export function describeInjections(injections: readonly Injection[]): string {
  const described = injections.map((injection) =>
    describeInjection({ ...injection, text: excerpt(injection.text, STEP_LENGTH_MAX) }),
  );
  return described.join(', then ') || 'no faults';
}

export function formatOrders(report: ExploreOrdersReport): string {
  const { arrivalsMax, schedules, runs } = report;
  const orders = report.complete ? 'every order' : `${number(schedules)} orders`;
  return [
    ...formatFailures(
      report,
      ORDERS_SHOWN_MAX,
      ({ order }) => `in the order\n${order.map((line) => `       ${excerpt(line, STEP_LENGTH_MAX)}`).join('\n')}`,
    ),
    `Covered: ${orders} of up to ${number(arrivalsMax)} messages: ${count(runs, 'run')}, ${count(schedules, 'distinct schedule')}.`,
    ...formatEnd(report),
  ].join('\n');
}

function formatFailures<Failure extends { readonly results: CheckResult }>(
  { failures, failureCount }: { readonly failures: readonly Failure[]; readonly failureCount: number },
  shownMax: number,
  describe: (failure: Failure) => string,
): string[] {
  const shown = failures.slice(0, shownMax);
  const lines = shown.map(
    (failure, index) => `  ${index + 1}. ${describe(failure)}\n     ${formatVerdict(failure.results)}`,
  );
  if (failureCount > shown.length) lines.push(`  … and ${number(failureCount - shown.length)} more`);
  return lines;
}

function formatEnd({ complete, stoppedBecause, failureCount, runs }: ExploreReport | ExploreOrdersReport): string[] {
  // Runs that were not tried may fail, so the sentence must not cover them.
  const valid = complete
    ? 'All of them are valid.'
    : runs === 1
      ? 'The only run so far is valid.'
      : `All ${number(runs)} runs so far are valid.`;
  const verdict = failureCount === 0 ? valid : `${number(failureCount)} of ${count(runs, 'run')} FAILED.`;
  return stoppedBecause === undefined ? [verdict] : [`Stopped early: ${stoppedBecause}.`, verdict];
}
