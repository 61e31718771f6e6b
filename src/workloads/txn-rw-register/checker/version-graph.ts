/**
 * Which version of a register comes after which. A transaction that reads one version and writes another shows that the
 * other one comes later ("writes follow reads"), and the initial version comes before all others: all that
 * `elle.rw-register` concludes with `wfr-keys?`, as in Maelstrom.
 */

import type { Anomalies } from '../../../checkers/elle/anomalies.ts';
import { cyclicComponents } from '../../../checkers/elle/components.ts';
import { EdgeList, WW } from '../../../checkers/elle/dependency-graph.ts';
import { IntColumn } from '../../../checkers/elle/int-column.ts';
import { INFO, NIL, OK, type Transactions } from '../../../checkers/elle/transactions.ts';
import { externalOf } from './external.ts';

export interface VersionGraph {
  /** Pairs of elements, one after the other: the second one is later. */
  readonly pairs: Int32Array;
  /** For each element whether it is known to have been a version. */
  readonly isVersion: Uint8Array;
}

/**
 * If the order of the versions of any key has a cycle, nothing is concluded from reads for any key: the cycle is an
 * anomaly, and the rest is not to be trusted.
 */
export function versionGraphOf(transactions: Transactions, anomalies: Anomalies): VersionGraph {
  const { elements, count, types, mopKeys, mopElements } = transactions;
  const isVersion = new Uint8Array(elements.count);
  const pairs = new IntColumn();
  const order = new EdgeList();
  for (let transaction = 0; transaction < count; transaction++) {
    if (types[transaction] !== OK && types[transaction] !== INFO) continue;
    const { reads, writes } = externalOf(transactions, transaction);
    for (const write of writes) isVersion[mopElements[write] as number] = 1;
    if (types[transaction] !== OK) continue;
    for (const read of reads) {
      const earlier = mopElements[read] as number;
      if (earlier === NIL) continue;
      isVersion[earlier] = 1;
      const write = writes.find((mop) => mopKeys[mop] === mopKeys[read]);
      if (write === undefined) continue;
      const later = mopElements[write] as number;
      pairs.push(earlier);
      pairs.push(later);
      order.add(earlier, later, WW);
    }
  }
  const cycles = cyclicComponents(order.build(elements.count), WW);
  const keysOfElements = elements.keysOfElements();
  for (const cycle of cycles) {
    anomalies.add('cyclic-versions', {
      key: elements.keyText(keysOfElements[cycle[0] as number] as number),
      scc: Array.from(cycle, (element) => elements.valueOf(element)),
      sources: ['initial-state', 'wfr-keys'],
    });
  }
  return { pairs: cycles.length > 0 ? new Int32Array() : pairs.values(), isVersion };
}
