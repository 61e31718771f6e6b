/** Assertions on reports, for any runner of tests. */

import type { Report } from './simulate.ts';

/** A run was not valid. The message is the story. */
export class InvalidRunError extends Error {
  /** Of all errors of this class. */
  override readonly name = 'InvalidRunError';
}

/**
 * Throws an {@link InvalidRunError} unless the report is valid: its message has the verdict and the story.
 *
 * @param report what `run`, `fuzz`, `explore` or `replay` resolved to
 */
export function expectValid(report: Pick<Report, 'valid' | 'verdict' | 'story' | 'impurities'>): void {
  if (report.valid !== true) throw new InvalidRunError(describe(report));
}

/**
 * A matcher for `expect.extend` of vitest and jest: `expect(await fuzz({ … })).toBeValid()`. Its message has the story.
 */
export const matchers = {
  toBeValid(report: Pick<Report, 'valid' | 'verdict' | 'story' | 'impurities'>): {
    readonly pass: boolean;
    readonly message: () => string;
  } {
    const pass = report.valid === true;
    return { pass, message: () => (pass ? `expected a run that is not valid: ${report.verdict}` : describe(report)) };
  },
};

function describe({ verdict, story, impurities }: Pick<Report, 'verdict' | 'story' | 'impurities'>): string {
  return [verdict, ...(story === undefined ? [] : ['', story]), ...impurities.flatMap((text) => ['', text])].join('\n');
}
