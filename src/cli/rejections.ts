/** An unhandled rejection is a bug of the simulated node, and makes the run invalid. */

import type { TestRun } from '../harness/run.ts';

/** Reports unhandled rejections to `run`, until the function returned is called. */
export function reportRejections(run: Pick<TestRun, 'report'>): () => void {
  const onRejection = (reason: unknown) => {
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    run.report({
      node: 'a node',
      rule: 'unhandled-rejection',
      text: `unhandled rejection: ${text}`,
    });
  };
  process.on('unhandledRejection', onRejection);
  return () => process.off('unhandledRejection', onRejection);
}
