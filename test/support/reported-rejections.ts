/** Runs whose unhandled rejections count for their verdict, as in `snowstorm fuzz`, and not for the test runner. */

import { reportRejections } from '../../src/cli/rejections.ts';
import type { FuzzContext } from '../../src/search/fuzz.ts';

/** @param act gets a function that it must call for each run that begins */
export async function withRejectionsReported<T>(
  act: (onRun: NonNullable<FuzzContext['onRun']>) => Promise<T>,
): Promise<T> {
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  let stopReporting = () => {};
  try {
    return await act(({ run }) => {
      stopReporting();
      stopReporting = reportRejections(run);
    });
  } finally {
    stopReporting();
    for (const listener of listeners) process.on('unhandledRejection', listener);
  }
}
