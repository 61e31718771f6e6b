/**
 * Who sent how many messages to whom. Clients come and go by the thousand, and count as one.
 */

import type { NetworkEvent, NetworkMessage } from './network.ts';

/** How many messages went from one to another. */
export interface TrafficEntry {
  readonly src: string;
  readonly dest: string;
  readonly sent: number;
  /** Less by what was lost, more by copies. */
  readonly received: number;
  /** How many of those sent arrived at all, once or twice. Older records do not tell. */
  readonly arrived?: number;
}

/** What stands for all clients. */
export const CLIENTS = 'clients';

interface Counts {
  sent: number;
  received: number;
  arrived: number;
}

/**
 * A message is known again when it comes a second time, as long as so many were not sent meanwhile. Copies come within
 * seconds; to know all messages would cost more the longer a run lasts.
 */
const REMEMBERED = 1 << 20;

export class Traffic {
  readonly #nodes: ReadonlySet<string>;
  readonly #bySource = new Map<string, Map<string, Counts>>();
  /**
   * One more than the number of the latest message that arrived, for every remainder. Costs address space only, until
   * it is written to.
   */
  readonly #arrivals = new Float64Array(REMEMBERED);

  constructor(nodes: readonly string[]) {
    this.#nodes = new Set(nodes);
  }

  /** For `onMessage` of a run. */
  count(event: NetworkEvent, { id, src, dest }: NetworkMessage): void {
    if (event !== 'send' && event !== 'receive') return;
    const counts = this.#countsOf(this.#nameOf(src), this.#nameOf(dest));
    if (event === 'send') {
      counts.sent++;
      return;
    }
    counts.received++;
    if (this.#arrivals[id % REMEMBERED] === id + 1) return;
    this.#arrivals[id % REMEMBERED] = id + 1;
    counts.arrived++;
  }

  entries(): readonly TrafficEntry[] {
    return [...this.#bySource].flatMap(([src, byTarget]) =>
      [...byTarget].map(([dest, counts]) => ({ src, dest, ...counts })),
    );
  }

  #nameOf(id: string): string {
    return id.charCodeAt(0) === 0x63 && !this.#nodes.has(id) ? CLIENTS : id;
  }

  #countsOf(src: string, dest: string): Counts {
    let byTarget = this.#bySource.get(src);
    if (byTarget === undefined) {
      byTarget = new Map();
      this.#bySource.set(src, byTarget);
    }
    let counts = byTarget.get(dest);
    if (counts === undefined) {
      counts = { sent: 0, received: 0, arrived: 0 };
      byTarget.set(dest, counts);
    }
    return counts;
  }
}
