/** Nodes that share the records of node numbers in one scripted lin-kv. */

import { LinKv } from '../../src/harness/services/lin-kv.ts';
import type { NumberRecord } from '../../src/ids/fleet/number-record.ts';
import type { NodeContext } from '../../src/node/context.ts';
import { NEW_YEAR_MS } from './manual-clock.ts';
import { LATENCY_MS, LOST, type RigNode, StoreRig, type WireMessage } from './store-rig.ts';

export interface StoredRecord extends NumberRecord {
  readonly ver: number;
}

export class NumberRig extends StoreRig {
  constructor(seed?: number | string) {
    super(new Map([['lin-kv', new LinKv()]]), seed);
  }

  /** Lives that have begun. */
  lifeCount = 0;

  /** Begins a life whose wall clock shows a time at which there are ids. */
  begin(nodeId: string, own: Partial<NodeContext> = {}): RigNode {
    const life = this.start(nodeId);
    this.lifeCount++;
    const clock = { wallMs: () => NEW_YEAR_MS + this.time.now(), monotonicMs: () => this.time.now() };
    return { ...life, context: { ...life.context, clock, ...own } };
  }

  /** What the store holds of a number. */
  record(number: number): StoredRecord | undefined {
    const { value } = this.look('lin-kv', { type: 'read', key: `node/${number}` });
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** Puts a record in its place, as the next version. */
  put(number: number, record: NumberRecord): StoredRecord {
    const stored = { ...record, ver: (this.record(number)?.ver ?? 0) + 1 };
    const { holder, until, ver } = stored;
    this.look('lin-kv', { type: 'write', key: `node/${number}`, value: JSON.stringify({ holder, until, ver }) });
    return stored;
  }

  /** From now on these messages are lost. */
  lose(loses: (message: WireMessage) => boolean): void {
    this.drawFate = (message) => (loses(message) ? LOST : [LATENCY_MS]);
  }

  /** From now on the store carries out requests, but its replies are lost. */
  silenceStore(): void {
    this.lose(({ src }) => src === 'lin-kv');
  }

  /** From now on nothing reaches the store. */
  cutStore(): void {
    this.lose(({ dest }) => dest === 'lin-kv');
  }

  heal(): void {
    this.lose(() => false);
  }
}
