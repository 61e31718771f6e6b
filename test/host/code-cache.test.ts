/** Bundles that start with the code of their build: which code is used, and that nothing differs where it is not. */

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { beforeEach, describe, expect, it } from 'vitest';
import { compileBundle, recordCode, runBundle } from '../../src/host/code-cache.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const bundle = join(folder, 'program.cjs');
const code = `${bundle}.code`;
const PROGRAM = "'use strict'; globalThis.seen = [__filename, __dirname, typeof require('node:fs').readFileSync];\n";

declare global {
  var seen: unknown;
}

/** Whether the bundle starts with recorded code, and does what it should. */
function isCached(): boolean {
  const compiled = compileBundle(bundle);
  globalThis.seen = undefined;
  runBundle(bundle, compiled);
  expect(globalThis.seen).toEqual([bundle, folder, 'function']);
  return compiled.isCached;
}

beforeEach(() => {
  writeFileSync(bundle, PROGRAM);
  const compiled = compileBundle(bundle);
  runBundle(bundle, compiled);
  recordCode(bundle, compiled);
});

describe('recorded code', () => {
  it('is used for the bundle that it was recorded of', () => {
    expect(isCached()).toBe(true);
  });

  it.each<[string, () => void]>([
    ['that is missing', () => rmSync(code)],
    ['that is empty', () => writeFileSync(code, '')],
    ['that is shorter than its head', () => truncateSync(code, 7)],
    ['that is shorter than the bundle', () => truncateSync(code, PROGRAM.length - 1)],
    ['that is cut short', () => truncateSync(code, readFileSync(code).length - 8)],
    ['that lacks its beginning', () => writeFileSync(code, readFileSync(code).subarray(8))],
    ['of a bundle of the same length', () => writeFileSync(bundle, PROGRAM.replace('use strict', 'use strikt'))],
    [
      'that is a folder',
      () => {
        rmSync(code);
        mkdirSync(code);
      },
    ],
  ])('%s is not used', (_, spoil) => {
    spoil();
    expect(isCached()).toBe(false);
    rmSync(code, { recursive: true, force: true });
  });

  it('is not used by another version of Node', () => {
    const { version } = process;
    Object.defineProperty(process, 'version', { value: 'v20.0.0' });
    const cached = isCached();
    Object.defineProperty(process, 'version', { value: version });
    expect([cached, isCached()]).toEqual([false, true]);
  });

  it('goes with the bundle when both are copied, with other times and rights', () => {
    const copy = join(folder, 'copy');
    mkdirSync(copy);
    for (const file of ['program.cjs', 'program.cjs.code']) cpSync(join(folder, file), join(copy, file));
    chmodSync(copy, 0o555);
    expect(compileBundle(join(copy, 'program.cjs')).isCached).toBe(true);
  });
});

/** The programs as they were built, in a folder of their own. */
function copyPrograms(name: string): string {
  const root = join(folder, name);
  mkdirSync(root);
  for (const part of ['bin', 'dist']) cpSync(resolve(part), join(root, part), { recursive: true });
  return root;
}

describe('the programs', () => {
  it('were built with their code', () => {
    const used = ['chaos', 'maelstrom-node', 'snowstorm'].map((name) => [
      name,
      // In a process of its own: V8 refuses code for other flags, which the runner of tests may have set.
      execFileSync(
        process.execPath,
        [
          '-p',
          `require('./dist/code-cache.cjs').compileBundle(${JSON.stringify(resolve(`dist/${name}.cjs`))}).isCached`,
        ],
        { encoding: 'utf8' },
      ).trim(),
    ]);
    expect(used).toEqual(used.map(([name]) => [name, 'true']));
  });

  it.each<[string, readonly string[], (dist: string) => void]>([
    ['as they are', [], () => {}],
    ['without their code', [], (dist) => rmSync(join(dist, 'maelstrom-node.cjs.code'))],
    ['with other flags of V8', ['--no-opt'], () => {}],
    ['in a folder that is read-only', [], (dist) => chmodSync(dist, 0o555)],
  ])('serve and end alike: %s', (name, flags, change) => {
    const root = copyPrograms(name.replaceAll(' ', '-'));
    change(join(root, 'dist'));
    const input = '{"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}\n';
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...flags, join(root, 'bin/maelstrom-node'), '--state-dir', 'none', '--log-level', 'silent'],
      { input, encoding: 'utf8' },
    );
    chmodSync(join(root, 'dist'), 0o755);
    expect({ status, stdout, stderr }).toEqual({
      ...{ status: 0, stderr: '' },
      stdout: '{"src":"n0","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}\n',
    });
  });
});

it('a stack names the columns of the file, on its first line too', () => {
  const program = join(folder, 'first-line.cjs');
  const text = 'globalThis.seen = new Error().stack;\n';
  writeFileSync(program, text);
  const { prepareStackTrace } = Error;
  // The runner of tests has one of its own.
  Error.prepareStackTrace = (_, [frame]) =>
    `${frame?.getFileName()}:${frame?.getLineNumber()}:${frame?.getColumnNumber()}`;
  try {
    runBundle(program);
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
  expect(globalThis.seen).toBe(`${program}:1:${text.indexOf('new') + 1}`);
});

it('a stack has the same places with recorded code as without', () => {
  const root = join(folder, 'stacks');
  mkdirSync(join(root, 'src'), { recursive: true });
  writeFileSync(
    join(root, 'src/program.ts'),
    `import { nameSourcesInStacks } from ${JSON.stringify(resolve('src/host/source-stacks.ts'))};
nameSourcesInStacks(__filename);
class Ledger {
  book(): never { throw new RangeError('less than nothing'); }
}
try { new Ledger().book(); } catch (error) { globalThis.seen = (error as Error).stack; }
`,
  );
  buildSync({
    ...{ entryPoints: [join(root, 'src/program.ts')], outdir: join(root, 'dist'), outExtension: { '.js': '.cjs' } },
    ...{ bundle: true, platform: 'node', target: 'node20', format: 'cjs', sourcemap: 'external' },
    // All on one line, as the programs have it, so that columns matter.
    ...{ minifySyntax: true, minifyWhitespace: true },
  });
  const program = join(root, 'dist/program.cjs');
  const { prepareStackTrace } = Error;
  const stacks = [false, true].map((cached) => {
    const compiled = compileBundle(program);
    expect(compiled.isCached).toBe(cached);
    runBundle(program, compiled);
    recordCode(program, compiled);
    return String(globalThis.seen).split('\n').slice(0, 3);
  });
  Error.prepareStackTrace = prepareStackTrace;
  expect(stacks[0]?.[1]).toBe('    at Ledger.book (src/program.ts:4:25)');
  expect(stacks[0]?.[2]).toBe('    at Object.<anonymous> (src/program.ts:6:20)');
  expect(stacks[1]).toEqual(stacks[0]);
});
