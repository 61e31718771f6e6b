/** Notices a process that closes its stdout and lives on. */

import type { ChildProcess } from 'node:child_process';

/** How long a process may live after the end of its output, ms. A process that ends closes its output first. */
const EXIT_MS_MAX = 1000;

/** Calls back a while after the end of the child's stdout, if the child still runs and was not killed from here. */
export function onOutputClosed(child: ChildProcess, isKilled: () => boolean, callback: () => void): void {
  child.stdout?.once('end', () => {
    setTimeout(() => {
      // If this process itself was stopped meanwhile, due timers run before the exit is reported.
      setImmediate(() => {
        const { exitCode, signalCode, pid } = child;
        if (pid !== undefined && exitCode === null && signalCode === null && !isKilled()) callback();
      });
    }, EXIT_MS_MAX).unref();
  });
}
