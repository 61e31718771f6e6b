/** Folders of tests, gone when the tests are over. */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** One temporary folder for a test file, removed when its tests are over. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'snowstorm-process-test-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
