/** Nodes that never return: every command ends, and says which line of the author's it is. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Running, snowstorm } from '../../support/snowstorm-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const NODE = 'test/fixtures/library/endless.ts';
const SAYS =
  /snowstorm: n\d has not returned from test\/fixtures\/library\/endless\.ts:15 for 10 s: an endless loop\? It began at \d+ ms of the run, with \{.*"type":"echo"/;
const folder = temporaryFolder();
const args = ['-w', 'echo', '--node', NODE, '--store', 'none'];

describe.concurrent('a node that does not return', () => {
  it('ends a test', async () => {
    const { status, stderr } = await snowstorm(['test', ...args, '--time-limit', '5', '--seed', '1']);
    expect(stderr).toMatch(SAYS);
    expect(status).toBe(255);
  });

  it('ends a fuzz, with the seed', async () => {
    const { status, stderr } = await snowstorm(['fuzz', ...args, '--seeds', '4', '--jobs', '1']);
    expect(stderr).toMatch(
      /seed 1: a node does not return; it is made again, to tell where:\n {2}snowstorm test .*--seed 1/,
    );
    expect(stderr).toMatch(SAYS);
    expect(status).toBe(255);
  });

  it('ends an exploration', async () => {
    const { status, stderr } = await snowstorm(['explore', ...args, '--seed', '1']);
    expect(stderr).toMatch(SAYS);
    expect(status).toBe(255);
  });

  it('ends a test from code', async () => {
    const file = join(folder, 'endless.test.mts');
    const testing = join(process.cwd(), 'dist/library/testing.mjs');
    const node = join(process.cwd(), NODE);
    writeFileSync(
      file,
      `import { run } from ${JSON.stringify(testing)};
const { default: node } = await import(${JSON.stringify(node)});
await run({ node: node.default ?? node, workload: 'echo' });
`,
    );
    const running = new Running(process.execPath, ['--import', 'tsx', file]);
    const { status, stderr } = await running.ended;
    expect(stderr).toMatch(SAYS);
    expect(status).toBe(255);
  });
});
