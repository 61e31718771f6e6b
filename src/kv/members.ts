/**
 * Who may have left something unfinished. A node writes what it works on into indices of its own, documents that others
 * find (`p/<member>`, `vn/<member>`). The members are the names for which there may be such indices.
 *
 * {@link FixedMembers} are the nodes of `node_ids`, as Maelstrom has them: everybody knows them, and a node keeps its
 * name over all its lives. {@link RegisteredMembers} (`registered-members.ts`) are listed in the store.
 */

import type { NodeContext } from '../node/context.ts';
import { Sweep } from './sweep.ts';

/** Average time between two ticks of a sweep, ms. */
export const TICK_MS = 1000;

/**
 * How a member seems to be. `quiet`: it gave no sign of life for a while. `lapsed`: for so long that it may be removed.
 * Both may be wrong, and nothing but effort depends on them.
 */
export type Sign = 'alive' | 'quiet' | 'lapsed';

/** What an index held when it was read. Undefined: it could not be read. */
export type Held = 'something' | 'nothing' | undefined;

/** The indices of one kind, one for each member. */
export interface MemberIndex {
  /** The prefix of their keys. */
  readonly name: string;
  /** Finishes what this node itself has left, and resolves to whether its own index holds anything. Never rejects. */
  sweepOwn(): Promise<boolean>;
  /** Finishes what another member has left. Never rejects. */
  sweep(member: string, sign: Sign): Promise<Held>;
  /**
   * Closes the index of a member for ever, if it is empty. Resolves to whether it is proven to be closed. Never
   * rejects.
   */
  close(member: string): Promise<boolean>;
}

export interface Members {
  /** Whether only this life of this node adds anything under its name. */
  readonly exclusive: boolean;
  /** All names, as of now. Rejects with error 11 if the store gives no answer. */
  ids(): Promise<readonly string[]>;
  /**
   * Resolves to the name for the keys of this node's indices, once it is among the members. Rejects with error 11.
   *
   * @param lost a name under which an index of this node was found closed: it needs another one
   */
  join(lost?: string): Promise<string>;
  /** Call it before `start`. */
  attend(index: MemberIndex): void;
  /** From now on sweeps the attended indices of all members. A second call changes nothing. */
  start(): void;
}

/**
 * The nodes of `node_ids`. A node looks at the indices of one member a tick, in an order of its own. So each is looked
 * at about once a tick by one of them, and N nodes cost N readings.
 */
export class FixedMembers implements Members {
  readonly exclusive = false;
  readonly #context: Pick<NodeContext, 'nodeId' | 'nodeIds' | 'randomUint32'>;
  /** Drawn with the first tick. */
  #order: readonly string[] = [];
  readonly #indices: MemberIndex[] = [];
  readonly #sweep: Sweep;
  #next = 0;

  constructor(context: Pick<NodeContext, 'nodeId' | 'nodeIds' | 'sleep' | 'randomUint32'>) {
    this.#context = context;
    this.#sweep = new Sweep({ context, intervalMs: TICK_MS, tick: () => this.#tick() });
  }

  async ids(): Promise<readonly string[]> {
    return this.#context.nodeIds;
  }

  async join(): Promise<string> {
    return this.#context.nodeId;
  }

  attend(index: MemberIndex): void {
    this.#indices.push(index);
  }

  start(): void {
    this.#sweep.start();
  }

  async #tick(): Promise<boolean> {
    const { nodeId, nodeIds, randomUint32 } = this.#context;
    if (this.#order.length === 0) this.#order = shuffle(nodeIds, randomUint32);
    const member = this.#order[this.#next++ % this.#order.length] as string;
    const held = await Promise.all(
      this.#indices.map(async (index) =>
        member === nodeId ? index.sweepOwn() : (await index.sweep(member, 'alive')) !== 'nothing',
      ),
    );
    return held.includes(true);
  }
}

/** Fisher and Yates. */
function shuffle<Item>(items: readonly Item[], randomUint32: () => number): readonly Item[] {
  const shuffled = [...items];
  for (let left = shuffled.length - 1; left > 0; left--) {
    const chosen = Math.floor((randomUint32() / 2 ** 32) * (left + 1));
    [shuffled[left], shuffled[chosen]] = [shuffled[chosen] as Item, shuffled[left] as Item];
  }
  return shuffled;
}
