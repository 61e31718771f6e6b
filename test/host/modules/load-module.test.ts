/** Modules that an author names: which can be loaded, and what is said of the others. */

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
