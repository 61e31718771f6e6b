/**
 * Where nodes live: as processes of this machine, or in this process on virtual time. The run exchanges lines with a
 * bed and does not know which one it is.
 */

import type { ClockFault, DiskDamage } from './fault.ts';
import type { NodeMessage } from './node-output.ts';

export interface NodeEvents {
  /** The node printed a line. */
  readonly onLine: (line: string) => void;
  /**
   * The node printed a line with this content. Only beds that have the values at hand call this, to save the parsing.
   */
  readonly onMessage: (message: NodeMessage) => void;
  /** The node printed bytes that are not a line of text. */
  readonly onUnreadable: (reason: string, beginning: string) => void;
  /** The node closed its output but did not end. No more messages can come from it. */
  readonly onOutputClosed: () => void;
  /** The node ended without a kill; `how` gives its exit status and its last output. */
  readonly onExit: (how: string) => void;
}

/** What a node printed after its last newline. */
export interface HeldOutput {
  readonly bytes: number;
  readonly beginning: string;
  /** How long its first byte has waited, ms. */
  readonly waitedMs: number;
}

/** One life of a node. */
export interface NodeHandle {
  /** Puts a line on the node's input. */
  deliver(line: string): void;
  /** The same for a message that was never made into text. If present, it may be used for flat bodies. */
  readonly deliverMessage?: ((message: NodeMessage) => void) | undefined;
  /** Stops the node where it is, as SIGSTOP does. Its input waits. */
  pause(): void;
  /** Lets a paused node go on, as SIGCONT does. */
  resume(): void;
  /** Output that waits for a newline; absent if nodes print whole lines only. */
  readonly heldOutput?: () => HeldOutput | undefined;
  /** Kills the node without warning, as Maelstrom does. Resolves when nothing of it is left. */
  kill(): Promise<void>;
}

export interface Bed {
  /** Starts a life of a node. Called again after a kill, for the next life. */
  startNode(nodeId: string, events: NodeEvents): NodeHandle;
  /**
   * What is wrong with a message from one node to another, by the declarations of their RPCs. Absent if the bed does
   * not know the declarations.
   */
  readonly findFlaw?: (message: NodeMessage) => string | undefined;
  /**
   * Tells every live node to end. Resolves to what the nodes still hold after that. Absent if the bed cannot look
   * inside.
   */
  readonly findLeaks?: () => Promise<readonly Leak[]>;
  /** Faults of the machines under the nodes; absent if the machines are real. */
  readonly machines?: Machines;
}

export interface Leak {
  readonly node: string;
  readonly text: string;
}

export interface Machines {
  /** Damages a node's disk, as a failure of its machine does. Only while the node is down. */
  damageDisk(nodeId: string, damage: DiskDamage): void;
  /** Adds a fault to a node's clocks, beside the faults they already have. The returned function removes this one. */
  disturbClock(nodeId: string, fault: ClockFault): () => void;
  /** Removes every fault of a node's clocks. */
  setClock(nodeId: string): void;
}
