import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/**/*.test.ts'],
    // Left to itself vitest leaves a core to others, and many tests only wait for processes.
    maxWorkers: 2,
    // Real processes share two cores with the tests; a timeout is for what hangs, not for what is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
