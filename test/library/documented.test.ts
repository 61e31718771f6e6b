/** What the package exports has a text at its declaration, which editors show. */

import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The exported names of an entry, each with the file that declares it. */
function exportsOf(entry: string): { name: string; file: string }[] {
  const lists = readFileSync(entry, 'utf8').matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g);
  return [...lists].flatMap(([, names = '', path = '']) =>
    names
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== '')
      .map((name) => ({ name, file: normalize(join(dirname(entry), path)) })),
  );
}

/** Whether a comment for readers ends right above the declaration. */
function isDocumented(source: string, name: string): boolean {
  const declaration = new RegExp(
    `\\*/\\n(?:export )?(?:declare )?(?:async )?(?:const|function|class|interface|type) ${name}\\b`,
  );
  return declaration.test(source);
}

describe.each(['src/library/node.ts', 'src/library/testing.ts'])('%s', (entry) => {
  it('exports what is documented', () => {
    const exported = exportsOf(entry);
    expect(exported.length).toBeGreaterThan(20);
    expect(exported.filter(({ name, file }) => !isDocumented(readFileSync(file, 'utf8'), name))).toEqual([]);
  });
});

it('a declaration without a text is found', () => {
  expect(isDocumented('/** A. */\nexport interface A {}\n\nexport interface B {}', 'A')).toBe(true);
  expect(isDocumented('/** A. */\nexport interface A {}\n\nexport interface B {}', 'B')).toBe(false);
});
