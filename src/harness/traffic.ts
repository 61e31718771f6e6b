/** How many messages each endpoint sent to each other one. All clients count as one, since a run may have thousands. */

import type { NetworkEvent, NetworkMessage } from './network.ts';

/** The messages from `src` to `dest`. */
export interface TrafficEntry {
  readonly src: string;
  readonly dest: string;
  readonly sent: number;
  /** Without lost messages, with copies. */
  readonly received: number;
  /** How many of those sent arrived at least once. Absent in older records. */
  readonly arrived?: number;
}

/** The name for all clients together. */
export const CLIENTS = 'clients';

interface Counts {
  sent: number;
  received: number;
  arrived: number;
}

/**
 * A copy is recognised unless this many messages were sent meanwhile. Copies come within seconds. Remembering all
 * messages would cost more the longer a run lasts.
 */
const REMEMBERED = 1 << 20;

export class Traffic {
  readonly #nodes: ReadonlySet<string>;
  readonly #bySource = new Map<string, Map<string, Counts>>();
  /**
   * For every remainder of message ids: the id of the latest message that arrived, plus 1. Costs only address space
   * until it is written to.
   */
  readonly #arrivals = new Float64Array(REMEMBERED);
  /** The message counted last, and its link: most messages arrive at once. */
  #lastMessage: NetworkMessage | undefined;
  #lastCounts: Counts | undefined;

  constructor(nodes: readonly string[]) {
    this.#nodes = new Set(nodes);
  }

  /** For `onMessage` of a run. */
  count(event: NetworkEvent, message: NetworkMessage): void {
    if (event !== 'send' && event !== 'receive') return;
    const { id } = message;
    const counts = this.#countsFor(message);
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

  #countsFor(message: NetworkMessage): Counts {
    if (this.#lastCounts === undefined || message !== this.#lastMessage) {
      this.#lastMessage = message;
      this.#lastCounts = this.#countsOf(this.#nameOf(message.src), this.#nameOf(message.dest));
    }
    return this.#lastCounts;
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
