/**
 * The stderr of a crash of the real programs names functions, files and lines of `src/`, although a bundle runs.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OUR_NODE, Running, snowstorm } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();

/** Makes an API of Node throw unexpectedly, in a file loaded before the program. */
function breaking(name: string, source: string) {
  const file = join(folder, `${name}.cjs`);
  writeFileSync(file, source);
  return { env: { NODE_OPTIONS: `--require ${file}` } };
}

it('a crash of the harness', async () => {
  const broken = breaking(
    'mkdir',
    `const fs = require('node:fs');
const { mkdirSync } = fs;
fs.mkdirSync = (path, ...rest) => {
  if (String(path).endsWith('node-logs')) throw new TypeError('made up');
  return mkdirSync(path, ...rest);
};`,
  );
  const args = ['test', '-w', 'echo', '--bin', OUR_NODE, '--store', join(folder, 'store')];
  const { status, stderr } = await snowstorm(args, broken);
  expect(status).toBe(255);
  expect(stderr).toMatch(/^snowstorm: TypeError: made up$/m);
  expect(stderr).toMatch(/^ {4}at new ProcessBed \(src\/[\w/]+\/process-bed\.ts:\d+:\d+\)$/m);
});

it('a crash of the node', async () => {
  const broken = breaking(
    'stringify',
    `const { stringify } = JSON;
JSON.stringify = (value, ...rest) => {
  if (String(value).includes('made up')) throw new TypeError('made up');
  return stringify(value, ...rest);
};`,
  );
  const node = new Running(OUR_NODE, ['--state-dir', 'none'], broken);
  node.type('{"id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}\n');
  node.type('{"id":1,"src":"c0","dest":"n0","body":{"type":"echo","echo":"made up \\n","msg_id":2}}\n');
  node.child.stdin?.end();
  const { stderr } = await node.ended;
  expect(stderr).toMatch(/TypeError: made up\\n {4}at [^\\]*\\n {4}at [\w.#]+ \(src\/[\w/-]+\.ts:\d+:\d+\)/);
});
