/**
 * Which simulated node acts at this moment, and on what: for the host, which puts what an author's code prints into the
 * node's log, and tells which node never returns. It changes nothing in a run.
 */

import type { Logger } from '../node/environment.ts';

/** A node that may act. */
export interface Actor {
  readonly nodeId: string;
  readonly log: Logger;
  /** Virtual time, ms. */
  readonly now: () => number;
}

/** The indices of {@link Acting.beat}. */
export const STEPS = 0;
export const IS_ACTING = 1;

class Acting {
  /** The node of this step; undefined if it is none of a node. */
  actor: Actor | undefined;
  /** What it handles: a line, a message or words. */
  what: unknown;
  /** How many steps there were, and 1 while a node acts. Another thread may look at them if the memory is shared. */
  beat: Int32Array = new Int32Array(2);

  begin(actor: Actor, what: unknown): void {
    this.actor = actor;
    this.what = what;
    this.beat[IS_ACTING] = 1;
  }

  /** The step is over, and all that followed from it has settled. */
  end(): void {
    this.actor = undefined;
    this.beat[IS_ACTING] = 0;
    // Wraps around.
    (this.beat[STEPS] as number)++;
  }
}

/** Of this thread, in which one run is under way at a time. */
export const acting = new Acting();
