/**
 * What keeps the project readable and no formatter looks at: the width of comments, the length of functions and
 * READMEs, exports without a use, circles of imports. (Which commands READMEs show is held to tests by
 * `readme-commands.test.ts`.)
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const WIDTH_MAX = 120;
const FUNCTION_LINES_MAX = 70;
const FIRST_README_BYTES_MAX = 9 * 1024;
const README_BYTES_MAX = 12 * 1024;

const BIOME = resolve('node_modules/.bin/biome');

const FILES = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).trim().split('\n');
const read = (file: string) => readFileSync(file, 'utf8');
const sources = (pattern: RegExp) =>
  new Map(FILES.filter((file) => pattern.test(file)).map((file) => [file, read(file)]));

const SRC = sources(/^src\/.*\.ts$/);
const ALL = sources(/^(src|test)\/.*\.(ts|mts|mjs|cjs|css)$/);

/** Places of comment lines that are too wide, as `file:line`. */
function wideComments(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const isComment = /^\s*(\/\/|\/\*|\*)/.test(line);
    return isComment && [...line].length > WIDTH_MAX ? [`${file}:${index + 1}`] : [];
  });
}

/**
 * Places where `toMatchObject` is given a regular expression as the value of a field, as `file:line`. It takes one for
 * an object without fields, which any text matches.
 */
function emptyAsserts(file: string, text: string): string[] {
  return [...text.matchAll(/\.toMatchObject\(/g)].flatMap(({ index }) => {
    const end = text.indexOf(';', index);
    const argument = text.slice(index, end).replaceAll(/string(Not)?Matching\(.*/g, '');
    return /[:[,(]\s*\/(?![/*])/.test(argument) ? [`${file}:${text.slice(0, index).split('\n').length}`] : [];
  });
}

/** The files of the project that a file imports, types as well. */
function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(/\bfrom\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/g)].map(([, from, called]) =>
    normalize(join(dirname(file), (from ?? called) as string)),
  );
}

/** A row of files that import each other in a circle; undefined if there is none. */
function findCircle(files: ReadonlyMap<string, string>): readonly string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): readonly string[] | undefined => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    const text = files.get(file);
    if (text === undefined || done.has(file)) return undefined;
    path.push(file);
    for (const imported of importsOf(file, text)) {
      const circle = visit(imported);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of files.keys()) {
    const circle = visit(file);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/**
 * Exported values that no other file names in an import, as `file name`. Programs export nothing. What is loaded at its
 * first use is named behind the import: `(await import('./a.ts')).name`, or in braces before it.
 */
function unusedExports(from: ReadonlyMap<string, string>, users: ReadonlyMap<string, string>): string[] {
  const used = new Set<string>();
  for (const [file, text] of users) {
    for (const [, names, path] of text.matchAll(/(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'(\.[^']+)'/g)) {
      const target = normalize(join(dirname(file), path as string));
      for (const name of (names as string).split(','))
        used.add(
          `${target} ${
            name
              .replace(/\btype\s+/, '')
              .trim()
              .split(/\s+as\s+/)[0]
          }`,
        );
    }
    for (const [, names, path, name] of text.matchAll(
      /(?:\{ ([\w, ]+) \} = |\()await import\('(\.[^']+)'\)(?:\)\.(\w+))?/g,
    )) {
      const target = normalize(join(dirname(file), path as string));
      for (const called of (names ?? name ?? '').split(', ')) used.add(`${target} ${called}`);
    }
  }
  return [...from].flatMap(([file, text]) =>
    [...text.matchAll(/^export (?:async )?(?:const|let|function\*?|class|abstract class) (\w+)/gm)]
      .map(([, name]) => `${file} ${name}`)
      .filter((entry) => !used.has(entry)),
  );
}

describe('comments', () => {
  it(`keep within ${WIDTH_MAX} columns, as code does`, () => {
    expect([...ALL].flatMap(([file, text]) => wideComments(file, text))).toEqual([]);
  });

  it('that are wider are found', () => {
    const wide = `/** ${'x'.repeat(WIDTH_MAX)} */`;
    expect(wideComments('a.ts', `${wide}\nconst a = 1;\n  // ${'y'.repeat(WIDTH_MAX)}\n// short`)).toEqual([
      'a.ts:1',
      'a.ts:3',
    ]);
  });
});

describe('functions', () => {
  // The linter measures them, in `make check`.
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-tidy-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const lint = (bodyLines: number) => {
    mkdirSync(join(folder, 'src'), { recursive: true });
    copyFileSync('.biome.json', join(folder, '.biome.json'));
    const body = Array.from({ length: bodyLines }, (_, index) => `  console.log(${index});`).join('\n');
    writeFileSync(join(folder, 'src/long.ts'), `export function long(): void {\n${body}\n}\n`);
    const { stdout, stderr } = spawnSync(BIOME, ['lint', 'src/long.ts'], { cwd: folder, encoding: 'utf8' });
    return stdout + stderr;
  };

  it(`have at most ${FUNCTION_LINES_MAX} lines`, () => {
    expect(lint(FUNCTION_LINES_MAX)).not.toContain('noExcessiveLinesPerFunction');
    expect(lint(FUNCTION_LINES_MAX + 1)).toContain('noExcessiveLinesPerFunction');
  });
});

describe('asserts of tests', () => {
  it('match texts by expect.stringMatching, not by a bare regular expression', () => {
    expect([...sources(/^test\/.*\.ts$/)].flatMap(([file, text]) => emptyAsserts(file, text))).toEqual([]);
  });

  it('that match any text are found', () => {
    const bare = `it('a', () => {\n  expect(error).${'toMatch'}Object({\n    message: /slow/,\n  });\n});\n`;
    expect(emptyAsserts('a.test.ts', bare)).toEqual(['a.test.ts:2']);
    expect(emptyAsserts('a.test.ts', bare.replace('/slow/', 'expect.stringMatching(/slow/)'))).toEqual([]);
    expect(emptyAsserts('a.test.ts', bare.replace('/slow/', "'slow'"))).toEqual([]);
  });
});

describe('exports', () => {
  it('are used by another file', () => {
    expect(unusedExports(SRC, ALL)).toEqual([]);
  });

  it('without a use are found', () => {
    const files = new Map([
      [
        'src/a.ts',
        'export const used = 1;\nexport function lost() {}\nexport class Renamed {}\nexport interface Shape {}',
      ],
      ['src/b.ts', "import { type Shape, used, Renamed as Other } from './a.ts';"],
    ]);
    expect(unusedExports(files, files)).toEqual(['src/a.ts lost']);
    for (const use of ["(await import('./a.ts')).lost();", "const { used, lost } = await import('./a.ts');"])
      expect(unusedExports(files, new Map([...files, ['src/c.ts', use]])), use).toEqual([]);
  });
});

describe('imports', () => {
  it('make no circle of files', () => {
    expect(findCircle(SRC)).toBeUndefined();
  });

  it('that make one are found, types too', () => {
    const files = new Map([
      ['src/a.ts', "import { b } from './x/b.ts';"],
      ['src/x/b.ts', "import type { C } from '../c.ts';"],
      ['src/c.ts', "import { a } from './a.ts';"],
    ]);
    expect(findCircle(files)).toEqual(['src/a.ts', 'src/x/b.ts', 'src/c.ts', 'src/a.ts']);
    expect(findCircle(new Map([...files, ['src/c.ts', '']]))).toBeUndefined();
  });
});

describe('READMEs', () => {
  const sizes = FILES.filter((file) => /(^|\/)README\.md$/.test(file)).map((file) => ({
    file,
    bytes: Buffer.byteLength(read(file)),
  }));

  it('are short: the first one above all', () => {
    expect(sizes.find(({ file }) => file === 'README.md')?.bytes).toBeLessThanOrEqual(FIRST_README_BYTES_MAX);
    expect(sizes.filter(({ bytes }) => bytes > README_BYTES_MAX)).toEqual([]);
    expect(sizes.length).toBeGreaterThan(15);
  });
});
