/** What is said of a module that cannot be loaded: the author's line and the reason, and no frames. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadDefaultExport, ModuleError } from '../../../src/host/modules/load-module.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const shown = relative('', folder);

const FILES: Readonly<Record<string, string>> = {
  'there.mjs': 'export const there = 1;\n',
  'syntax.mjs': 'export const a = 1;\nconst x = ;\n',
  'syntax.cjs': '\nconst x = ;\n',
  'syntax.ts': '\n\nlet a: = 3;\n',
  'imports-syntax.mjs': "import './syntax.mjs';\nexport default 1;\n",
  'package.mjs': "\nimport { x } from 'no-such-package/inner';\nexport default x;\n",
  'package.cjs': "\n\nrequire('@no-such/package/inner');\n",
  'package.ts': "import { x } from 'no-such-package';\nexport default x;\n",
  'file.mjs': "import { there } from './there';\nexport default there;\n",
  'file.ts': "\nimport { there } from './nowhere.ts';\nexport default there;\n",
  'name.mjs': "\nimport { absent } from './there.mjs';\nexport default absent;\n",
  'throws.mjs': 'function f() {\n  throw new RangeError("bad\\nluck");\n}\nf();\n',
  'throws.ts': 'type A = number;\nfunction f(): A {\n  throw new RangeError("bad luck");\n}\nexport default f();\n',
  'throws.mts': 'type A = number;\nfunction f(): A {\n  throw new RangeError("bad luck");\n}\nexport default f();\n',
  'rejects.mjs': '\n\nexport default await Promise.reject(new Error("later"));\n',
  'text.mjs': 'throw "a text";\n',
  'misuse.mjs': "import { defineNode } from 'snowstorm';\n\nexport default defineNode({ handler: () => [] });\n",
  'misuse.ts':
    "import { defineNode } from 'snowstorm';\n\nexport default defineNode({ handler: () => [] } as never);\n",
  'await.ts': '\nexport default await Promise.resolve(1);\n',
};

beforeAll(() => {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, 'node_modules'));
  for (const name of ['tsx', 'esbuild', 'zod', '@esbuild', 'get-tsconfig', 'resolve-pkg-maps'])
    symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
  symlinkSync(resolve('.'), join(folder, 'node_modules/snowstorm'));
});

describe('a module', () => {
  it.each([
    ['syntax.mjs', "syntax.mjs:2: SyntaxError: Unexpected token ';'"],
    ['syntax.cjs', "syntax.cjs:2: SyntaxError: Unexpected token ';'"],
    ['syntax.ts', /^syntax\.ts:3: .*Error: \S/],
    ['imports-syntax.mjs', "syntax.mjs:2: SyntaxError: Unexpected token ';'"],
    ['package.mjs', 'package.mjs:2: there is no package "no-such-package"; npm install no-such-package'],
    ['package.cjs', 'package.cjs:3: there is no package "@no-such/package"; npm install @no-such/package'],
    ['package.ts', 'package.ts:1: there is no package "no-such-package"; npm install no-such-package'],
    ['file.mjs', 'file.mjs:1: there is no file FOLDER/there; did you mean FOLDER/there.mjs?'],
    ['file.ts', 'file.ts:2: there is no file FOLDER/nowhere.ts'],
    [
      'name.mjs',
      "name.mjs:2: SyntaxError: The requested module './there.mjs' does not provide an export named 'absent'",
    ],
    ['throws.mjs', 'throws.mjs:2: RangeError: bad'],
    ['throws.ts', 'throws.ts:3: RangeError: bad luck'],
    ['throws.mts', 'throws.mts:3: RangeError: bad luck'],
    ['rejects.mjs', 'rejects.mjs:3: Error: later'],
    ['misuse.mjs', /^misuse\.mjs:3: TypeError: defineNode: handler: there is no such option/],
    ['misuse.ts', /^misuse\.ts:3: TypeError: defineNode: handler: there is no such option/],
  ])('%s is refused with its line', async (file, text) => {
    const error = await loadDefaultExport(join(folder, file)).catch((reason: unknown) => reason as Error);
    expect(error).toBeInstanceOf(ModuleError);
    const { message } = error as Error;
    if (typeof text === 'string') expect(message).toBe(`${shown}/${text.replaceAll('FOLDER', shown)}`);
    else expect(message.replace(`${shown}/`, '')).toMatch(text);
  });

  it('that throws what is no error is refused with that', async () => {
    await expect(loadDefaultExport(join(folder, 'text.mjs'))).rejects.toThrow(
      new ModuleError('it throws "a text"; throw an Error, which knows its line'),
    );
  });

  it('that awaits in a file which becomes CommonJS is told what helps', async () => {
    const awaiting = loadDefaultExport(join(folder, 'await.ts'));
    if ((process.features as { typescript?: unknown }).typescript) expect(await awaiting).toBe(1);
    else await expect(awaiting).rejects.toThrow('give the file the extension .mts');
  });
});
