/**
 * A step of the build: runs every program once, as it is mostly used, and records the code that V8 compiled meanwhile
 * beside its bundle (`host/code-cache.ts`). Code that a start does not need would only take time to load.
 *
 *     node --import tsx src/cli/record-code.ts dist
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compileBundle, recordCode, runBundle } from '../host/code-cache.ts';

const SESSION = [
  { type: 'init', node_id: 'n0', node_ids: ['n0'], msg_id: 1 },
  { type: 'echo', echo: 'a word', msg_id: 2 },
  { type: 'generate', msg_id: 3 },
]
  .map((body, id) => `${JSON.stringify({ id, src: 'c0', dest: 'n0', body })}\n`)
  .join('');

function recordAll(dist: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-build-'));
  const record = (program: string, args: readonly string[], input = '') =>
    execFileSync(
      process.execPath,
      [...process.execArgv, __filename, 'record', join(dist, `${program}.cjs`), ...args],
      // What programs say is shown if one fails.
      { input, stdio: 'pipe' },
    );
  try {
    const node = ['--state-dir', folder, '--log-level', 'silent'];
    record('maelstrom-node', node, SESSION);
    record('chaos', ['--', process.execPath, join(dist, 'maelstrom-node.cjs'), ...node], SESSION);
    const run = ['-w', 'unique-ids', '--node-count', '3', '--rate', '1000', '--time-limit', '1', '--seed', '1'];
    record('snowstorm', ['test', ...run, '--store', folder]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs a bundle as a program of its own would, with the arguments behind it. */
function recordOne(bundle: string): void {
  process.argv.splice(1, 3, bundle);
  const compiled = compileBundle(bundle);
  process.on('exit', () => recordCode(bundle, compiled));
  runBundle(bundle, compiled);
}

const [, , first, bundle] = process.argv as [string, string, string, string];
if (first === 'record') recordOne(bundle);
else recordAll(resolve(first));
