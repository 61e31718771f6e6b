/**
 * What the nemesis did: how many faults of each kind it started, and for how long the network was partitioned. Always
 * valid. It shows whether a run really had the faults that it was meant to have.
 *
 * The nemesis writes every action twice, as in Jepsen. The announcement has null or the name of a target ("majority")
 * as its value. The action itself has the grudge or the affected nodes. Only the second is a fault. A partition ends
 * with the `stop-partition` that has a value.
 */

import type { Operation } from '../history/operation.ts';
import type { Checker } from './checker.ts';
import { faultStep, hitTarget } from './fault-steps.ts';

const NANOSECONDS_PER_SECOND = 1e9;

/** Cuts between nodes, whose time is counted. */
const CUTS: ReadonlySet<string | undefined> = new Set(['partition', 'bridge', 'one-way']);

/** @param fates how many messages each message fault hit */
export function faultsChecker(fates: Readonly<Record<string, number>> = {}): Checker {
  return {
    check(_test, history) {
      const started = new Map<string, number>();
      let partitionNanoseconds = 0;
      let partitionedSince: number | undefined;
      let cuts = 0;
      const endTime = history.length === 0 ? 0 : history.timeAt(history.length - 1);
      for (let index = 0; index < history.length; index++) {
        if (!history.isNemesisAt(index)) continue;
        const operation = history.at(index);
        const { time } = operation;
        const fault = faultStarted(operation);
        if (fault !== undefined) started.set(fault, (started.get(fault) ?? 0) + 1);
        if (CUTS.has(fault)) {
          cuts++;
          partitionedSince ??= time;
        } else if (endsCut(operation) && partitionedSince !== undefined && --cuts === 0) {
          partitionNanoseconds += time - partitionedSince;
          partitionedSince = undefined;
        }
      }
      if (partitionedSince !== undefined) partitionNanoseconds += endTime - partitionedSince;
      return {
        'valid?': true,
        started: Object.fromEntries([...started, ...Object.entries(fates).filter(([, count]) => count > 0)]),
        'partition-seconds': partitionNanoseconds / NANOSECONDS_PER_SECOND,
      };
    },
  };
}

function endsCut({ f, value }: Operation): boolean {
  const step = faultStep(f);
  return value !== null && step?.does === 'end' && CUTS.has(step.kind);
}

/** The kind of fault that an operation reports as started; undefined for announcements, ends and everything else. */
function faultStarted({ f, value }: Operation): string | undefined {
  const step = faultStep(f);
  return step?.does === 'begin' && hitTarget(value) ? step.kind : undefined;
}
