/** The anomalies of a history by type, as they are found. */

import { isRecord } from '../../protocol/message.ts';

/** Nothing can be said of a history without two transactions that depend on each other. */
export const EMPTY_GRAPH = 'empty-transaction-graph';

export class Anomalies {
  readonly #byType = new Map<string, unknown[]>();

  add(type: string, anomaly: unknown): void {
    const found = this.#byType.get(type);
    if (found === undefined) this.#byType.set(type, [anomaly]);
    else found.push(anomaly);
  }

  get types(): readonly string[] {
    return [...this.#byType.keys()];
  }

  /** The shortest cycles first. */
  of(type: string): readonly unknown[] {
    const found = this.#byType.get(type) ?? [];
    return [...found].sort((one, other) => lengthOf(one) - lengthOf(other));
  }
}

/** 0 for what is no cycle. */
function lengthOf(anomaly: unknown): number {
  return isRecord(anomaly) && Array.isArray(anomaly.cycle) ? anomaly.cycle.length : 0;
}
