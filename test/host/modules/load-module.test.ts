/** Modules that an author names: which can be loaded, and what is said of the others. */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { loadDefaultExport, looksLikeModule, ModuleError } from '../../../src/host/modules/load-module.ts';

const FIXTURES = 'test/fixtures/modules';

describe('a module', () => {
  it('is known by its slash or its extension', () => {
    for (const word of ['./node.ts', 'nodes/broadcast', 'node.mjs', 'node.cts'])
      expect(looksLikeModule(word)).toBe(true);
    for (const word of ['broadcast', 'txn-list-append', 'node.py']) expect(looksLikeModule(word)).toBe(false);
  });

  it('is loaded for its default export', async () => {
    expect(await loadDefaultExport(`${FIXTURES}/impure.mjs`)).toHaveProperty('random');
    expect(await loadDefaultExport(`${FIXTURES}/exports-nothing.mjs`)).toBeUndefined();
  });

  it('may be TypeScript', async () => {
    expect(await loadDefaultExport(`${FIXTURES}/typed.ts`)).toBe('typed');
  });

  it('that throws is refused with its own error', async () => {
    await expect(loadDefaultExport(`${FIXTURES}/throws.cjs`)).rejects.toThrow('no luck today');
  });

  it.each([
    ['./nowhere.ts', 'there is no such file'],
    ['test/fixtures', 'there is no such file'],
    ['README.md', 'expected a module: .js, .mjs, .cjs, .ts, .mts, .cts'],
  ])('cannot be %s', async (file, text) => {
    await expect(loadDefaultExport(file)).rejects.toThrow(new ModuleError(text));
  });
});

describe('TypeScript in a project without tsx', () => {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-modules-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is loaded if Node strips types, and else it is said what helps', async () => {
    const file = join(folder, 'typed.ts');
    cpSync(`${FIXTURES}/typed.ts`, file);
    const loading = loadDefaultExport(file);
    if ((process.features as { typescript?: unknown }).typescript) expect(await loading).toBe('typed');
    else await expect(loading).rejects.toThrow('npm install --save-dev tsx, or use Node 22.18 or newer');
  });
});

/** What Node 22.18 and newer do, for an older one: types are stripped, and an enum is refused. */
const STRIPS = {
  'strips.mjs': `import { register } from 'node:module';
Object.defineProperty(process.features, 'typescript', { value: 'strip' });
register('./strip.mjs', import.meta.url);
`,
  'strip.mjs': `import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
const code = 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
export function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const text = readFileSync(fileURLToPath(url), 'utf8');
  if (/^enum/m.test(text)) throw Object.assign(new SyntaxError('enum is not supported in strip-only mode'), { code });
  return { format: 'module', source: text.replaceAll(/: (?:number|string)/g, ''), shortCircuit: true };
}
`,
};

const MODULES = {
  'package.json': '{ "type": "module" }',
  'stripped.ts': "const said: string = 'stripped';\nexport default said;\n",
  'enum.ts': "enum Word {\n  said = 'compiled',\n}\nexport default Word.said;\n",
  'extension.ts': "import said from './stripped.js';\nexport default said;\n",
  'throws.ts': "const text: string = 'thrown';\nconsole.log('runs');\nthrow new Error(text);\n",
  'load.cjs': `require('./load-module.cjs').loadDefaultExport(process.argv[2])
  .then((value) => console.log('loaded', value), (error) => console.log('refused', error.message));
`,
};

describe('TypeScript, by a Node that strips types', () => {
  const root = mkdtempSync(join(tmpdir(), 'snowstorm-modules-'));
  afterAll(() => rmSync(root, { recursive: true }));

  const project = (name: string, packages: readonly string[]) => {
    const folder = join(root, name);
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    for (const [file, text] of Object.entries({ ...STRIPS, ...MODULES })) writeFileSync(join(folder, file), text);
    for (const one of packages) symlinkSync(resolve('node_modules', one), join(folder, 'node_modules', one));
    const outfile = join(folder, 'load-module.cjs');
    buildSync({ entryPoints: ['src/host/modules/load-module.ts'], bundle: true, platform: 'node', outfile });
    const strips = Boolean((process.features as { typescript?: unknown }).typescript);
    return (file: string) => {
      const args = [...(strips ? [] : ['--import', './strips.mjs']), 'load.cjs', file];
      return execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    };
  };

  it('is left to Node, and what Node cannot load to the tsx of the project', () => {
    const load = project('with-tsx', ['tsx', 'esbuild', '@esbuild']);
    expect(load('stripped.ts')).toBe('loaded stripped\n');
    expect(load('enum.ts')).toBe('loaded compiled\n');
    expect(load('extension.ts')).toBe('loaded stripped\n');
    expect(load('throws.ts')).toBe('runs\nrefused throws.ts:3: Error: thrown\n');
  });

  it('is refused where only tsx helps and there is none', () => {
    const load = project('without', []);
    expect(load('stripped.ts')).toBe('loaded stripped\n');
    expect(load('enum.ts')).toMatch(/^refused enum\.ts.*stripped of its types: npm install --save-dev tsx\n$/);
    expect(load('extension.ts')).toMatch(
      /^refused extension\.ts:1: there is no file stripped\.js; did you mean stripped\.ts\?\n$/,
    );
  });
});
