/** The fuzz of `line-shapes.test.ts` with more lines; on CI with others in every run. */

import { expect, it } from 'vitest';
import { fuzzLines } from '../support/line-fuzz.ts';

const LINES = 1_500_000;

it('shapes read a million lines and more as the parser does, or leave them to it', () => {
  const seed = `run ${process.env.GITHUB_RUN_NUMBER ?? 1}`;
  const { wrong, matched, lines } = fuzzLines(seed, LINES);
  expect({ seed, wrong }).toEqual({ seed, wrong: undefined });
  expect(matched / lines).toBeGreaterThan(0.15);
});
