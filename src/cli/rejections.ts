/** A promise that is rejected and heard by nobody is a bug of the simulated node, whatever else the run shows. */

import type { TestRun } from '../harness/run.ts';

/** Reports to `run` whatever is rejected unheard, until the function returned is called. */
export function reportRejections(run: Pick<TestRun, 'report'>): () => void {
  const onRejection = (reason: unknown) => {
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    run.report({
      node: 'a node',
      rule: 'unhandled-rejection',
      text: `a promise was rejected and nobody heard: ${text}`,
    });
  };
  process.on('unhandledRejection', onRejection);
  return () => process.off('unhandledRejection', onRejection);
}
