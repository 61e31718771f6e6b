/**
 * A node of an author's, beside ours: its start to the first reply, as it is installed, with the package in
 * `node_modules`, and bundled; and the size of the bundle.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';
import { type Figure, interleave, type Measured, type Section } from './measure.ts';
import { startToFirstReply } from './start.ts';

const NODE = 'test/fixtures/library/right-broadcast.ts';
const ROUNDS = 41;
const GOAL = { of: 'ratio', atMost: 1.1 } as const;
const YARDSTICK = 'maelstrom-node';

export async function benchPackage(): Promise<readonly Section[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const programs = writePrograms(folder);
    const { module, common, zod, bundled } = await interleave(ROUNDS, {
      ours: () => startToFirstReply(),
      module: () => startToFirstReply(programs.module),
      common: () => startToFirstReply(programs.common),
      zod: () => startToFirstReply(programs.zod),
      bundled: () => startToFirstReply(programs.bundled),
    });
    const start = (input: string, { values, ratios }: Measured): Figure => ({
      ...{ name: 'start of a node of the package', input, unit: 'ms', values },
      yardstick: { name: YARDSTICK, ratios },
    });
    const size = statSync(programs.bundled).size;
    return [
      {
        title: '(c) a node of the package',
        figures: [
          { ...start('a module', module), goal: GOAL },
          { ...start('CommonJS', common), goal: GOAL },
          start("a module, with zod's own package", zod),
          { ...start('bundled', bundled), goal: GOAL },
          {
            ...{ name: 'size of its bundle', input: 'bundled', unit: 'kB', values: [size / 1000], goal: GOAL },
            yardstick: { name: YARDSTICK, ratios: [size / statSync('dist/maelstrom-node.cjs').size] },
          },
        ],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same node in each form, in a project that has the package installed. */
function writePrograms(folder: string): Readonly<Record<'module' | 'common' | 'zod' | 'bundled', string>> {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(resolve('.'), join(folder, 'node_modules/snowstorm'));
  symlinkSync(resolve('node_modules/zod'), join(folder, 'node_modules/zod'));
  const source = join(folder, 'node.ts');
  writeFileSync(source, readFileSync(NODE));
  const build = (name: string, options: BuildOptions): string => {
    const outfile = join(folder, name);
    buildSync({ entryPoints: [source], outfile, platform: 'node', logLevel: 'error', ...options });
    return outfile;
  };
  const small: BuildOptions = { bundle: true, minifySyntax: true, minifyWhitespace: true };
  const module = build('node.mjs', { format: 'esm' });
  const zod = join(folder, 'own-zod.mjs');
  writeFileSync(zod, readFileSync(module, 'utf8').replace('snowstorm/zod', 'zod'));
  return {
    ...{ module, zod, common: build('node.cjs', { format: 'cjs' }) },
    bundled: build('bundled.cjs', { format: 'cjs', ...small }),
  };
}
