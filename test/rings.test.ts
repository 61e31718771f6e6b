/**
 * The ring rule: every folder imports only what the table in `src/README.md` allows it, and the core reaches for
 * nothing that differs from one run to the next. That the core compiles without Node's types is checked by `make
 * check`.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Folder {
  readonly name: string;
  readonly ring: number;
  readonly mayImport: readonly string[];
}

function readTable(): Folder[] {
  return [...readFileSync('src/README.md', 'utf8').matchAll(/^\| `([\w/]+)\/` \| (\d) \| .* \| (.*) ?\|$/gm)].map(
    ([, name, ring, allowed]) => ({
      name: name as string,
      ring: Number(ring),
      mayImport: [...(allowed as string).matchAll(/`([^`]+)`/g)].map(([, word]) => (word as string).replace(/\/$/, '')),
    }),
  );
}

/** Source text without comments, and with every string emptied but those of imports. */
function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
}

function importsOf(source: string): string[] {
  return [...withoutComments(source).matchAll(/\b(?:from\s+|import\s*\(?\s*)['"]([^'"]+)['"]/g)].map(
    ([, path]) => path as string,
  );
}

/** What an import counts as in the table: a folder of `src`, a package, or `node:*`. */
function subjectOf(file: string, imported: string): string {
  if (imported.startsWith('node:')) return 'node:*';
  if (!imported.startsWith('.')) return imported;
  const target = normalize(join(dirname(file), imported));
  return folderOf(target)?.name ?? target;
}

/** The row that a file is held to: that of the deepest folder which has one. */
function folderOf(file: string): Folder | undefined {
  const around = table.filter(({ name }) => file.startsWith(join('src', name) + sep));
  return around.sort((a, b) => b.name.length - a.name.length)[0];
}

/** Names that would make one run differ from the next, or reach out of the core. */
const IMPURE =
  /\b(?:Date|performance|console|globalThis|setTimeout|setInterval|setImmediate|queueMicrotask|crypto)\b(?!['":])|Math\.random/;

const filesUnder = (path: string) =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(path, name));

/** What is held to the row of a folder: not what is in folders within it that have rows of their own. */
const filesOf = (folder: string) => filesUnder(join('src', folder)).filter((file) => folderOf(file)?.name === folder);

/** Every breach of the rules in one file, in words. */
function breaches(folder: Folder, file: string, source: string): string[] {
  const found = importsOf(source)
    .map((imported) => subjectOf(file, imported))
    .filter((subject) => subject !== folder.name && !folder.mayImport.includes(subject))
    .map((subject) => `${file} may not import ${subject}`);
  if (folder.ring > 1) return found;
  const withoutStrings = withoutComments(source).replaceAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, "''");
  const impure = IMPURE.exec(withoutStrings);
  return impure === null ? found : [...found, `${file} is of the core and uses ${impure[0]}`];
}

const table = readTable();
// The one file outside of `src` that a source needs: the version.
const PACKAGE = { file: join('src', 'cli', 'version.ts'), subject: 'package.json' };

/** Every file whose code becomes a part of a program: its own, what that imports, and so on. Types leave no code. */
function programOf(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  const source = withoutComments(readFileSync(file, 'utf8')).replaceAll(/\b(?:import|export)\s+type\s[^;]*;/g, '');
  for (const path of importsOf(source))
    if (path.endsWith('.ts')) programOf(normalize(join(dirname(file), path)), found);
  return found;
}

describe('the program of a node', () => {
  const files = [...programOf(join('src', 'cli', 'maelstrom-node.ts'))].map((file) => file.replaceAll(sep, '/'));

  it('has what every workload serves', () => {
    // A folder without a node of ours has only a test and its checker.
    const folders = readdirSync('src/workloads').filter((name) => existsSync(`src/workloads/${name}/node.ts`));
    expect(files).toEqual(expect.arrayContaining(folders.map((name) => `src/workloads/${name}/node.ts`)));
    expect(folders).toContain('echo');
  });

  it('has nothing in it that only tests need', () => {
    const rooms = /^src\/(?:checkers|harness|simulator|search|report|chaos)\//;
    const halves = /^src\/workloads\/(?:registry\.ts|[\w-]+\/(?:checker\/|workload\.ts))/;
    expect(files.filter((file) => rooms.test(file) || halves.test(file))).toEqual([]);
  });
});

describe('the rings', () => {
  it('have a row in the table for every folder, and no other rows', () => {
    expect(filesUnder('src').filter((file) => folderOf(file) === undefined)).toEqual([]);
    expect(table.map(({ name }) => name).filter((name) => filesOf(name).length === 0)).toEqual([]);
  });

  it('have rows that point inwards only, and no circles', () => {
    for (const [index, folder] of table.entries()) {
      const known = new Set(table.slice(0, index).map(({ name }) => name));
      const forbidden = folder.mayImport.filter(
        (name) => table.some((other) => other.name === name) && !known.has(name),
      );
      expect({ folder: folder.name, forbidden }).toEqual({ folder: folder.name, forbidden: [] });
    }
  });

  it.each(table.map((folder) => [folder.name, folder] as const))('are kept by %s/', (_, folder) => {
    const found = filesOf(folder.name)
      .flatMap((file) => breaches(folder, file, readFileSync(file, 'utf8')))
      .filter((text) => text !== `${PACKAGE.file} may not import ${PACKAGE.subject}`);
    expect(found).toEqual([]);
  });

  it.each([
    ['a file of the core that imports Node', 'ids', "import { readFileSync } from 'node:fs';", 'may not import node:*'],
    ['a file of the core that imports the host', 'ids', "import { x } from '../host/store.ts';", 'may not import host'],
    [
      'a type that is imported outwards',
      'history',
      "import type { Clock } from '../protocol/clock.ts';",
      'may not import protocol',
    ],
    ['a package that is not listed', 'ids', "import lodash from 'lodash';", 'may not import lodash'],
    ['an import within a function', 'ids', "const fs = await import('node:fs');", 'may not import node:*'],
    ['the time', 'ids', 'const now = Date.now();', 'uses Date'],
    ['randomness', 'ids', 'const dice = Math.random();', 'uses Math.random'],
    ['a timer', 'simulator', 'setTimeout(() => {}, 1);', 'uses setTimeout'],
    ['the console', 'node', 'console.log(1);', 'uses console'],
  ])('are broken by %s', (_, name, source, reason) => {
    const folder = table.find((candidate) => candidate.name === name) as Folder;
    expect(breaches(folder, join('src', name, 'made-up.ts'), source)).toEqual([expect.stringContaining(reason)]);
  });

  it('do not mind a word in a comment or in a text', () => {
    const folder = table.find(({ name }) => name === 'ids') as Folder;
    expect(
      breaches(folder, 'src/ids/made-up.ts', "// Date.now()\n/* import 'node:fs' */\nconst text = 'process';"),
    ).toEqual([]);
  });
});
