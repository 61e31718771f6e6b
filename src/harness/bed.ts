/**
 * Where nodes live: as processes of this machine, or in process on virtual time. The run gives lines and takes lines
 * and does not care.
 */

import type { ClockFault, DiskDamage } from './fault.ts';
import type { NodeMessage } from './node-output.ts';

export interface NodeEvents {
  /** The node printed a line. */
  readonly onLine: (line: string) => void;
  /** The node printed a line that says this; only from nodes whose lines are made from values at hand. */
  readonly onMessage: (message: NodeMessage) => void;
  /** The node printed something that is not even a line of text. */
  readonly onUnreadable: (reason: string, beginning: string) => void;
  /** The node closed its output and did not end: nothing of it can be heard any more. */
  readonly onOutputClosed: () => void;
  /** The node ended without being told to; `how` tells its status and its last words. */
  readonly onExit: (how: string) => void;
}

/** What a node printed after its last newline. */
export interface HeldOutput {
  readonly bytes: number;
  readonly beginning: string;
  /** For how long the first of it has been waiting, ms. */
  readonly waitedMs: number;
}

/** One life of a node. */
export interface NodeHandle {
  /** Puts a line on the node's input. */
  deliver(line: string): void;
  /** The same for a message whose text need not be made; where it is there, it may be used for flat bodies. */
  readonly deliverMessage?: ((message: NodeMessage) => void) | undefined;
  /** Stops the node where it is, as SIGSTOP does. What it is sent waits. */
  pause(): void;
  /** Lets a paused node go on, as SIGCONT does. */
  resume(): void;
  /** What waits for a newline; absent where nodes print lines only. */
  readonly heldOutput?: () => HeldOutput | undefined;
  /** Ends the node as Maelstrom does, without warning; resolves when nothing of it is left. */
  kill(): Promise<void>;
}

export interface Bed {
  /** Starts a node; again once it was killed, for its next life. */
  startNode(nodeId: string, events: NodeEvents): NodeHandle;
  /**
   * What is wrong with a message of a node to another node, held against the declarations of its RPCs; absent where
   * nobody knows them.
   */
  readonly findFlaw?: (message: NodeMessage) => string | undefined;
  /**
   * Tells every node that lives to come to an end, and what it still holds on to after that; absent: nobody can look
   * inside.
   */
  readonly findLeaks?: () => Promise<readonly Leak[]>;
  /** What the machines under the nodes can suffer; absent where they are real. */
  readonly machines?: Machines;
}

export interface Leak {
  readonly node: string;
  readonly text: string;
}

export interface Machines {
  /** What happens to a node's disk when its machine fails; only while the node is down. */
  damageDisk(nodeId: string, damage: DiskDamage): void;
  /**
   * Puts a node's clocks wrong, beside what is wrong with them already; the function returned takes this fault back.
   */
  disturbClock(nodeId: string, fault: ClockFault): () => void;
  /** Sets a node's clocks right, whatever was wrong with them. */
  setClock(nodeId: string): void;
}
