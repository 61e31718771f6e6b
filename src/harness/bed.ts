/**
 * Where nodes live: as processes of this machine, as services over HTTP, or in this process on virtual time. The run
 * exchanges messages with a bed and does not know which one it is.
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
  /** Why the node is not ready yet, in words; absent if the bed cannot know. */
  readonly findTrouble?: () => string | undefined;
  /** What the node's `health` finds, in words; undefined: nothing. Absent if the bed cannot look inside. */
  readonly findSickness?: () => string | undefined;
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
  /**
   * How the requests of clients reach a node if not as lines on its input: over HTTP. Only `init` comes to
   * {@link NodeHandle.deliver} then. A node that is down is asked as well: a refused connection tells the client more
   * than silence. `reply` is called at most once with the body of the reply, the text of a JSON object that has a
   * `type` and no `in_reply_to`: the node's own, or an error that the client's end of the connection knows.
   */
  readonly ask?: (nodeId: string, body: Readonly<Record<string, unknown>>, reply: (body: string) => void) => void;
  /**
   * Within which time every node must serve after the healing, and answer the final invocations, ms, on a network
   * without latency. Absent: that of nodes which have all their services at hand.
   */
  readonly recoveryMsMax?: number;
  /** The store under the nodes, if its members or the links to it can be disturbed. */
  readonly engine?: Engine;
  /** Called once by the run. The bed tells `record` the messages that do not pass the network of the run. */
  readonly observe?: (record: RecordMessage) => void;
}

/** A message was sent. The returned function says that it arrived. */
export type RecordMessage = (src: string, dest: string, body: Readonly<Record<string, unknown>>) => () => void;

/** The store under the nodes. A link is named by its ends: the id of a node, the name of a member. */
export interface Engine {
  readonly members: readonly string[];
  /** Whether links between members can be disturbed, too. If not, only those between nodes and members can. */
  readonly hasPeerLinks: boolean;
  /** The member that led when last seen; undefined if none did. */
  leader(): string | undefined;
  /** Kills members as SIGKILL does. Returns those that were up. */
  kill(members: readonly string[]): readonly string[];
  /** Starts killed members again on their data. */
  restart(members: readonly string[]): void;
  /** Stops members where they are, as SIGSTOP does. Returns those that were up and not paused. */
  pause(members: readonly string[]): readonly string[];
  resume(members: readonly string[]): void;
  /**
   * From now on `dest` does not hear `src`. What is sent meanwhile is held, as TCP does. Every cut needs a `mend` of
   * its own.
   */
  cut(src: string, dest: string): void;
  mend(src: string, dest: string): void;
  /** Delays what `dest` hears from `src`. The returned function removes this delay. */
  delay(src: string, dest: string, delayMs: number): () => void;
  /** Resets every connection between the two. */
  reset(src: string, dest: string): void;
  /** Fills the database up to its quota. The returned function makes room again. */
  fill(): () => void;
  /**
   * Resolves when every member is up, takes writes and knows the leader. Rejects with an Error that says what is wrong
   * if that takes longer than `withinMs`.
   */
  healthy(withinMs: number): Promise<void>;
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
