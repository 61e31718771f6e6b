/** Whether the entries of this folder still speak of the code. What they are: README.md. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FOLDER = 'test/survivors';
const LISTS = readdirSync(FOLDER).filter((name) => name.endsWith('.md') && name !== 'README.md');

const ENTRY = /^- `(?<file>src\/[^`]+\.ts)`: `(?<text>[^`]+)`(?<rest>.*)$/;
/** A sentence at the end. What the code was changed to comes before it. */
const REASON = /: .{20,}\.$/;

/** The list items of a document, each on one line. */
function itemsOf(markdown: string): string[] {
  return markdown
    .replace(/\n[ \t]+(?=\S)/g, ' ')
    .split('\n')
    .filter((line) => /^\s*[-*+] /.test(line));
}

/** What is wrong with an entry; undefined if nothing is. */
function faultOf(entry: string, read: (file: string) => string | undefined): string | undefined {
  const { file, text, rest } = ENTRY.exec(entry)?.groups ?? {};
  if (file === undefined || text === undefined || rest === undefined) return `no file and code: ${entry}`;
  const source = read(file);
  if (source === undefined) return `no such file: ${entry}`;
  if (!source.includes(text)) return `no such code: ${entry}`;
  return REASON.test(rest) ? undefined : `no reason: ${entry}`;
}

const readSource = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

describe('entries', () => {
  it.each(LISTS)('of %s name a file, code in it and a reason', (name) => {
    const entries = itemsOf(readFileSync(`${FOLDER}/${name}`, 'utf8'));
    expect(entries.flatMap((entry) => faultOf(entry, readSource) ?? [])).toEqual([]);
    expect(entries.length).toBeGreaterThan(0);
  });

  it('that are out of date or without a reason are found', () => {
    const read = (file: string) => (file === 'src/a.ts' ? 'if (a < b) a = b;\n' : undefined);
    const good = '- `src/a.ts`: `a < b` → `a <= b`: an equal value is stored again.';
    const bad = [
      '- `src/gone.ts`: `a < b` → `a <= b`: an equal value is stored again.',
      '- `src/a.ts`: `a > b` → `a >= b`: an equal value is stored again.',
      '- `src/a.ts`: `a < b` → `a <= b`',
      '- `a < b`: an equal value is stored again.',
    ];
    expect(faultOf(good, read)).toBeUndefined();
    expect(bad.map((entry) => faultOf(entry, read)?.split(':')[0])).toEqual([
      'no such file',
      'no such code',
      'no reason',
      'no file and code',
    ]);
  });

  it('may go on in indented lines', () => {
    expect(itemsOf('# A\n\nText.\n\n- one\n  and more\n- two\n')).toEqual(['- one and more', '- two']);
  });
});
