/**
 * Time for a run: real time when nodes are processes, virtual time when they are not. Nothing in the core knows which.
 */

export interface Scheduler {
  /** ms since the run began; never goes back. */
  now(): number;
  /** Calls back after `delayMs`, never before this call has returned; the function returned cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}
