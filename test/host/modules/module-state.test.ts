/** State outside of the handlers of a node: what is told, and what is not. */

import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findModuleState } from '../../../src/host/modules/module-state.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();

function told(text: string, name = 'node.ts'): readonly string[] {
  const file = join(folder, name);
  writeFileSync(file, text);
  return findModuleState(file).map((sentence) => sentence.replace(`${relative('', folder)}/`, ''));
}

describe('state outside of the handlers', () => {
  it.each([
    ['let count = 0;\nfunction f() {\n  count += 1;\n}\n', 'count'],
    ['let count = 0;\nfunction f() {\n  return ++count;\n}\n', 'count'],
    ['export let last: string | undefined;\nconst f = () => {\n  last = "a";\n};\n', 'last'],
    ['const seen = new Set<number>();\nconst f = () => {\n  seen.add(1);\n};\n', 'seen'],
    ['const byKey: Map<string, number[]> = new Map();\nconst f = () => {\n  byKey.set("a", []);\n};\n', 'byKey'],
    ['const log: string[] = [];\nconst f = () => {\n  log.push("a");\n};\n', 'log'],
    ['const cache = {};\nconst f = (key) => {\n  cache[key] = 1;\n};\n', 'cache'],
  ])('is told with its line: %j', (text, name) => {
    expect(told(text)).toEqual([expect.stringContaining(`node.ts:1 keeps ${name} outside of the handlers: all nodes`)]);
  });

  it('is found in files that are imported', () => {
    told('\nexport let shared = 0;\nexport const f = () => {\n  shared++;\n};\n', 'state.ts');
    expect(told("import { f } from './state.js';\nexport default f;\n")).toEqual([
      expect.stringContaining('state.ts:2 keeps shared'),
    ]);
  });

  it.each([
    'const NAMES = new Map([["a", 1]]);\nconst f = () => {\n  NAMES.get("a");\n};\n',
    'const names = [];\nnames.push("a");\nconst f = () => {\n  return names.length === 1;\n};\n',
    'let configured = 1;\nconfigured = 2;\nconst f = () => {\n  return configured >= 2 && configured == 2;\n};\n',
    'const handlers = () => {\n  let count = 0;\n  const seen = new Set();\n  seen.add(count++);\n};\n',
    'let count = 0;\nconst f = () => {\n  let count = 5;\n  // count = 3\n  other.count = 4;\n  return { a: count };\n};\n',
  ])('is not told of what does not change in a function: %j', (text) => {
    expect(told(text)).toEqual([]);
  });
});
