/** Composes all checkers of a run, under the names of its results. */

import { activityChecker } from '../checkers/activity.ts';
import { availabilityChecker } from '../checkers/availability.ts';
import { type CheckResult, compose } from '../checkers/checker.ts';
import { clientsChecker } from '../checkers/clients.ts';
import { latencyChecker } from '../checkers/latency.ts';
import { faultsChecker } from '../checkers/nemesis.ts';
import { netChecker } from '../checkers/net.ts';
import { recoveryChecker } from '../checkers/recovery.ts';
import { statsChecker } from '../checkers/stats.ts';
import { violationsChecker } from '../checkers/violations.ts';
import type { Chances } from './chances.ts';
import { CLIENT_TIMEOUT_MS } from './client.ts';
import type { Network } from './network.ts';
import type { RunLog } from './run-log.ts';
import type { RunOptions } from './run-options.ts';
import type { ServiceRequests } from './service-requests.ts';
import type { WorkloadTest } from './workload-test.ts';

/** What the verdict of a run rests on. */
export interface FinishedRun {
  readonly options: RunOptions;
  readonly test: WorkloadTest;
  readonly log: RunLog;
  readonly network: Network;
  readonly chances: Chances;
  readonly serviceRequests: ServiceRequests;
  readonly recovery: ReadonlyMap<string, number | undefined>;
  /** Whether nodes have names that the run does not know. */
  readonly haveOwnNames: boolean;
  /** Whether faults were planned. */
  readonly isFaulty: boolean;
  /** The length of the history when everything was healed; infinite if it never was. Later operations do not count. */
  readonly healedAt: number;
  /** How long operations were begun, ms. */
  readonly operationsMs: number;
}

export function judgeRun(facts: FinishedRun): CheckResult {
  const { options, test, log, network, chances, serviceRequests, recovery } = facts;
  const { haveOwnNames, isFaulty, healedAt, operationsMs } = facts;
  const { nodes, concurrency, availability, latencyMeanMs, nodeLimits = {}, schedule, ratePerSecond } = options;
  const fates = network.fates();
  const { createWorkCounter } = test;
  const checker = compose({
    stats: statsChecker(healedAt, (f) => !isFaulty || chances.has(f)),
    ...(createWorkCounter === undefined
      ? {}
      : { activity: activityChecker(createWorkCounter, { end: healedAt, operationsMs, isFaulty }) }),
    availability: availabilityChecker(healedAt),
    clients: clientsChecker({
      end: healedAt,
      durationMs: operationsMs,
      askedRatePerSecond: schedule === undefined ? ratePerSecond : undefined,
      isFaulty,
      timeoutMs: test.timeoutMs === undefined ? CLIENT_TIMEOUT_MS : undefined,
    }),
    net: netChecker(() => network.statistics()),
    latency: latencyChecker(),
    faults: faultsChecker(fates),
    protocol: violationsChecker(() => log),
    ...(serviceRequests.count === 0 ? {} : { services: { check: () => serviceRequests.result() } }),
    ...(recovery.size === 0 ? {} : { recovery: recoveryChecker(() => recovery) }),
    workload: test.checker(),
  });
  const hitMessageCount = Object.values(fates).reduce((sum, count) => sum + count, 0);
  const demanded = availability === undefined ? {} : { availability };
  const known = { nodes, haveOwnNames, concurrency, ...demanded, hitMessageCount, latencyMeanMs, nodeLimits };
  return checker.check(known, log.history);
}
