import { defineConfig } from 'vitest/config';

const ALL = 'test/**/*.test.ts';
const SLOW = 'test/**/*.slow.test.ts';

/** Two suites, told apart by the file's name. `--project quick` or `slow` runs one; without it vitest runs both. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    projects: [
      { extends: true, test: { name: 'quick', include: [ALL], exclude: [SLOW] } },
      { extends: true, test: { name: 'slow', include: [SLOW], testTimeout: 180_000 } },
    ],
    // Left to itself vitest leaves a core to others, and many tests only wait for processes.
    maxWorkers: 2,
    // Real processes share two cores with the tests; a timeout is for what hangs, not for what is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
