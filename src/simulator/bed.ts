/**
 * Where nodes live: as processes of this machine, or in process on virtual time. The run gives lines and takes lines and does not care.
 */

export interface NodeEvents {
  /** The node printed a line. */
  readonly onLine: (line: string) => void;
  /** The node printed something that is not even a line of text. */
  readonly onUnreadable: (reason: string, beginning: string) => void;
  /** The node ended without being told to; `how` tells its status and its last words. */
  readonly onExit: (how: string) => void;
}

export interface NodeHandle {
  /** Puts a line on the node's input. */
  deliver(line: string): void;
  /** Ends the node as Maelstrom does, without warning; resolves when nothing of it is left. */
  kill(): Promise<void>;
}

export interface Bed {
  startNode(nodeId: string, events: NodeEvents): NodeHandle;
}
