/** Stacks of a bundle name the files and lines of its sources: a real bundle in its own process. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MODULE = fileURLToPath(new URL('../../src/host/source-stacks.ts', import.meta.url));
const folder = temporaryFolder();

const PROGRAM = `import { nameSourcesInStacks } from ${JSON.stringify(MODULE)};
nameSourcesInStacks(__filename);
class Ledger {
  book(amount: number): void {
    if (amount < 0) throw new RangeError('less than nothing');
  }
}
try {
  new Ledger().book(-1);
} catch (error) {
  process.stdout.write(String((error as Error).stack));
}
`;

function run(): string {
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(join(folder, 'src/program.ts'), PROGRAM);
  buildSync({
    entryPoints: [join(folder, 'src/program.ts')],
    outdir: join(folder, 'dist'),
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'external',
    sourcesContent: false,
  });
  return execFileSync(process.execPath, [join(folder, 'dist/program.cjs')], { encoding: 'utf8' });
}

it('a frame has the name of its function, and file and line of the source', () => {
  const [first, ...frames] = run().split('\n');
  expect(first).toBe('RangeError: less than nothing');
  expect(frames[0]).toBe('    at Ledger.book (src/program.ts:5:27)');
  // The statement itself has no function.
  expect(frames[1]).toBe('    at Object.<anonymous> (src/program.ts:9:16)');
  // Frames outside of the bundle stay as they are.
  expect(frames.some((frame) => frame.includes('node:internal'))).toBe(true);
});

it('without a map a stack stays as it is', () => {
  run();
  rmSync(join(folder, 'dist/program.cjs.map'));
  const stack = execFileSync(process.execPath, [join(folder, 'dist/program.cjs')], { encoding: 'utf8' });
  expect(stack).toContain(`    at Ledger.book (${join(folder, 'dist/program.cjs')}:`);
});
