/**
 * Time for the simulator: real time when nodes are processes, virtual time when they are not. Nothing in `simulator/` knows which.
 */

export interface Scheduler {
  /** ms since the run began; never goes back. */
  now(): number;
  /** Calls back after `delayMs`, never before this call has returned; the function returned cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}
