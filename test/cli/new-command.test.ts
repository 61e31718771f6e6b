/** `snowstorm new`: what it refuses, and the texts that it writes. `new.slow.test.ts` uses the written folders. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { describe, expect, it, vi } from 'vitest';
import { newCommand } from '../../src/cli/new-command.ts';
import { filesOf, KINDS, plainJavaScript } from '../../src/cli/new-folder.ts';
import { blocksOf, linksOf } from '../support/readme-commands.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TEMPLATES = 'src/cli/templates';
const PACKED = 'snowstorm-1.2.3.tgz';
const kinds = Object.keys(KINDS);
const folder = temporaryFolder();

/** What a compiler leaves of a module, in its own layout. */
function compiled(text: string, loader: 'ts' | 'js'): string {
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  return transformSync(text, { loader, tsconfigRaw }).code.replaceAll(/('|")(\.\/\w+)\.ts\1/g, '$1$2.js$1');
}

/** The node after the changes that a README tells, one after the other. */
function changed(name: string, files: Readonly<Record<string, string>>, file: string): string {
  const own = join(folder, name);
  mkdirSync(own);
  writeFileSync(join(own, file), files[file] as string);
  for (const input of blocksOf(files['README.md'] as string, 'diff'))
    execFileSync('git', ['apply', '-'], { cwd: own, input });
  return readFileSync(join(own, file), 'utf8');
}

describe('new', () => {
  it.each<[string, readonly string[], string]>([
    ['no kind', [], `new: no kind was given; expected one of ${kinds.join(', ')}`],
    ['a kind that there is not', ['queue'], `new: there is no kind "queue"; expected one of ${kinds.join(', ')}`],
    ['a name of Maelstrom’s', ['g-counter'], 'workload; did you mean counter?'],
    ['a property of all objects', ['constructor'], 'new: there is no kind "constructor"'],
    ['two folders', ['kafka', 'a', 'b'], 'new: "b": expected one kind and one folder'],
    ['an unknown option', ['kafka', '--ts'], "Unknown option '--ts'"],
    ['a folder with something in it', ['kafka', 'src'], 'src is not empty: it has'],
    ['a file', ['kafka', 'package.json'], 'package.json is a file; expected a folder'],
  ])('refuses %s', (_, args, words) => {
    expect(() => newCommand(args)).toThrow(words);
  });

  it('refuses a folder with a hidden file, and leaves it as it is', () => {
    const own = join(folder, 'hidden');
    mkdirSync(own);
    writeFileSync(join(own, '.env'), 'a');
    expect(() => newCommand(['kafka', own])).toThrow(`${own} is not empty: it has .env`);
    expect(readdirSync(own)).toEqual(['.env']);
  });

  it('lists its kinds', () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      expect(newCommand(['--help'])).toBe(0);
      for (const kind of kinds) expect(String(write.mock.calls)).toContain(`\n  ${kind}`);
    } finally {
      write.mockRestore();
    }
  });
});

describe.each(kinds)('a start: %s', (kind) => {
  const typed = filesOf(kind, { plain: false, strips: false }, TEMPLATES, PACKED);
  const plain = filesOf(kind, { plain: true, strips: false }, TEMPLATES, PACKED);

  it('in JavaScript is what a compiler makes of the one in TypeScript', () => {
    const names = Object.keys(typed).filter((name) => name.endsWith('.ts'));
    expect(names.length).toBeGreaterThanOrEqual(2);
    for (const name of names)
      expect(compiled(plain[name.replace(/ts$/, 'js')] as string, 'js')).toBe(compiled(typed[name] as string, 'ts'));
    expect(Object.keys(plain).filter((name) => /\.ts$|tsconfig/.test(name))).toEqual([]);
  });

  it('has changes in its README that fit it, in both languages', () => {
    const after = changed(`${kind}-typed`, typed, 'node.ts');
    expect(after).not.toBe(typed['node.ts']);
    expect(changed(`${kind}-plain`, plain, 'node.js')).toBe(plainJavaScript(after));
  });

  it('names in its README what is in the folder', () => {
    for (const files of [typed, plain]) {
      const links = linksOf(files['README.md'] as string).map(({ file }) => file);
      expect(links.filter((file) => !file.startsWith('node_modules/') && files[file] === undefined)).toEqual([]);
      expect(links.length).toBeGreaterThan(1);
    }
    expect(plain['README.md']).not.toMatch(/\.ts\b|TypeScript/);
  });

  it('needs no tsx where Node strips types', () => {
    const strips = filesOf(kind, { plain: false, strips: true }, TEMPLATES, PACKED);
    const about = (files: typeof typed) => `${files['package.json']}${files['README.md']}`;
    expect(about(typed)).toContain('tsx');
    for (const files of [strips, plain]) expect(about(files)).not.toContain('tsx');
    expect(JSON.parse(strips['package.json'] as string).engines).toEqual({ node: '>=22.18' });
    expect(JSON.parse(typed['package.json'] as string).dependencies.snowstorm).toBe(`file:${PACKED}`);
  });
});
