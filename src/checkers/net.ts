/**
 * How many messages the run took: how many were sent, arrived and were distinct. For the whole network, for messages to
 * or from clients, and for those between servers. Always valid.
 *
 * `msgs-per-op` divides by the operations that clients invoked, and is absent without any. Source:
 * `maelstrom.net.checker`. Its ratios are 32-bit floats; here they are doubles.
 */

import type { Checker } from './checker.ts';

export interface NetCounts {
  readonly sendCount: number;
  /** Less than `sendCount` by the messages that were lost or are still in flight. */
  readonly recvCount: number;
  readonly msgCount: number;
}

export interface NetStatistics {
  readonly all: NetCounts;
  /** Messages to or from a client. */
  readonly clients: NetCounts;
  /** The others: between nodes, and between nodes and services. */
  readonly servers: NetCounts;
}

/** The statistics are read when the run is checked, not when the checker is made. */
export function netChecker(statistics: () => NetStatistics): Checker {
  return {
    check(_test, history) {
      let operationCount = 0;
      for (let index = 0; index < history.length; index++) if (history.typeAt(index) === 'invoke') operationCount++;
      const { all, clients, servers } = statistics();
      return {
        all: { ...named(all), ...perOperation(all, operationCount) },
        clients: named(clients),
        servers: { ...named(servers), ...perOperation(servers, operationCount) },
        'valid?': true,
      };
    },
  };
}

function named(counts: NetCounts) {
  return { 'send-count': counts.sendCount, 'recv-count': counts.recvCount, 'msg-count': counts.msgCount };
}

function perOperation(counts: NetCounts, operationCount: number) {
  return operationCount === 0 ? {} : { 'msgs-per-op': counts.msgCount / operationCount };
}
