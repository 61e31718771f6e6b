/**
 * A step of the build: writes the declarations of the package, once for modules (`.d.mts`) and once for CommonJS
 * (`.d.cts`), since each kind sees zod's types of its own kind. Only what the entries reach is kept.
 *
 *     node --import tsx src/library/write-types.ts dist/library/types
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, resolve } from 'node:path';

const ENTRIES = ['library/node', 'library/testing', 'library/zod'];
const RELATIVE = /(\bfrom\s+|\bimport\(\s*)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g;

const [, , target = 'dist/library/types'] = process.argv;
const emitted = mkdtempSync(join(tmpdir(), 'snowstorm-types-'));
try {
  const tsc = resolve('node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', 'src/library/tsconfig.json', '--outDir', emitted], { stdio: 'inherit' });
  rmSync(target, { recursive: true, force: true });
  const written = new Set<string>();
  const write = (name: string): void => {
    if (written.has(name)) return;
    written.add(name);
    const text = readFileSync(join(emitted, `${name}.d.ts`), 'utf8');
    mkdirSync(dirname(join(target, name)), { recursive: true });
    for (const kind of ['m', 'c']) {
      const own = text.replaceAll(RELATIVE, (_, start, quote, path) => `${start}${quote}${path}.${kind}js${quote}`);
      writeFileSync(join(target, `${name}.d.${kind}ts`), own);
    }
    for (const [, , , path] of text.matchAll(RELATIVE)) write(normalize(join(dirname(name), path as string)));
  };
  for (const entry of ENTRIES) write(entry);
} finally {
  rmSync(emitted, { recursive: true });
}
