/**
 * Which node is the hub, as one node sees it. The first of `node_ids` is. When it is silent the second is, then the
 * third, and so on: the node with the index i waits i times as long before it takes over, so as a rule only one does.
 * A hub that hears one with a lower index steps down. Two hubs at a time cost messages and nothing else.
 */

import type { NodeContext } from '../../node/context.ts';

/** How often an idle hub announces itself, ms. */
export const ANNOUNCE_MS = 2000;
/** A hub that was not heard for so long is silent, ms: two announcements may be lost, or late. */
export const SILENT_MS = 5000;

export class HubChoice {
  readonly #context: Pick<NodeContext, 'nodeIds' | 'nodeId' | 'clock'>;
  readonly #ownIndex: number;
  #followed = 0;
  #heardMs: number;

  constructor(context: Pick<NodeContext, 'nodeIds' | 'nodeId' | 'clock'>) {
    this.#context = context;
    this.#ownIndex = context.nodeIds.indexOf(context.nodeId);
    this.#heardMs = context.clock.monotonicMs();
  }

  /** Whether this node is a hub. */
  get isOwn(): boolean {
    return this.#ownIndex <= this.#silentPeriods;
  }

  /** The node to which this one sends what it is told: the hub, or who will be it. Itself if it is a hub. */
  get target(): string {
    const periods = this.#silentPeriods;
    const index = periods === 0 ? this.#followed : Math.min(periods, this.#ownIndex);
    return this.#context.nodeIds[index] as string;
  }

  /** Takes note of a hub. Returns whether this node follows it, and whether in the place of one that fell silent. */
  hear(nodeId: string): 'ignored' | 'followed' | 'successor' {
    const index = this.#context.nodeIds.indexOf(nodeId);
    if (index < 0 || index >= this.#ownIndex) return 'ignored';
    if (index > this.#followed && this.#silentPeriods === 0) return 'ignored';
    const succeeds = index > this.#followed;
    this.#followed = index;
    this.#heardMs = this.#context.clock.monotonicMs();
    return succeeds ? 'successor' : 'followed';
  }

  /** How many times as long as a hub may be silent none was heard. */
  get #silentPeriods(): number {
    return Math.floor((this.#context.clock.monotonicMs() - this.#heardMs) / SILENT_MS);
  }
}
