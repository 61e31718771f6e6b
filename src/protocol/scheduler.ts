/** Time for a run: real for processes, virtual in the simulator. The core does not know which. */

export interface Scheduler {
  /** ms since the run began; never goes back. */
  now(): number;
  /** Calls back after `delayMs`, never before this call has returned. The returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}
