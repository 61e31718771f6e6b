/**
 * The documents and their commands: every command is executed by `process/readme.slow.test.ts` or has a reason why not,
 * and every link leads somewhere.
 */

import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentAt, documents } from './support/documents.ts';
import {
  anchorsOf,
  blocksOf,
  commandsOf,
  fencesOf,
  findDifference,
  linksOf,
  runCommand,
  sectionOf,
} from './support/readme-commands.ts';
import { findUnrun, UNRUN_COMMANDS } from './support/unrun-commands.ts';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));
const COMMAND_MS_MAX = 60_000;
/** Blocks of commands in another language would be seen by no test. */
const OTHER_SHELLS = ['sh', 'bash', 'shell', 'zsh', 'shellsession'];

describe('the documents', () => {
  it('are found', () => {
    const paths = documents().map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['README.md', 'src/README.md', '.github/CONTRIBUTING.md']));
    expect(paths.filter((path) => path.includes('node_modules'))).toEqual([]);
  });

  it.each(documents().map(({ path, text }) => [path, text]))('%s has its commands in console blocks', (_, text) => {
    expect(fencesOf(text).filter((language) => OTHER_SHELLS.includes(language))).toEqual([]);
    for (const block of [...blocksOf(text, ''), ...blocksOf(text, 'text')]) expect(block).not.toMatch(/^\$ /m);
    expect(() => commandsOf(text)).not.toThrow();
  });

  it.each(documents().map(({ path, text }) => [path, text]))('%s has links to what is there', (path, text) => {
    const broken = linksOf(text).filter(({ file, anchor }) => {
      const target = normalize(join(dirname(path), file));
      const linked = file === '' ? path : target;
      if (!existsSync(join(PROJECT, linked))) return true;
      return anchor !== undefined && !anchorsOf(documentAt(linked).text).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('show no output of a command that is not executed, unless a test compares it', () => {
    const shown = documents().flatMap(({ path, text }) =>
      commandsOf(text).filter(({ command, output }) => {
        const unrun = findUnrun(path, command);
        return unrun !== undefined && unrun.comparedBy === undefined && output.length > 0;
      }),
    );
    expect(shown).toEqual([]);
  });

  it.each(UNRUN_COMMANDS.map((unrun) => [unrun.command, unrun] as const))(
    'have %s, which is not executed',
    (_, unrun) => {
      expect(commandsOf(documentAt(unrun.document).text).map(({ command }) => command)).toContain(unrun.command);
      expect(unrun.reason).not.toBe('');
    },
  );

  it('tell in the first README the story that the README of a new counter shows', () => {
    const printed = commandsOf(documentAt('README.md').text).find(({ command }) => command === 'npm run fuzz');
    const story = printed?.output.slice(1, -1).join('\n') ?? 'none';
    expect(story).toContain('The run is INVALID.');
    expect(documentAt('src/cli/templates/counter/README.md').text).toContain(story);
  });
});

const MARKDOWN = `# Title

## One

Text.

\`\`\`console
$ echo one
one
$ echo two \\
    three
two three
## no heading
\`\`\`

### Deeper

\`\`\`ts
$ no command
\`\`\`

\`\`\`console
$ true
\`\`\`

## Two

\`\`\`console
$ echo other
\`\`\`
`;

describe('a README', () => {
  it('has sections, which end where the next one begins, and not at what looks like it within a block', () => {
    expect(sectionOf(MARKDOWN, 'One')).toContain('$ true');
    expect(sectionOf(MARKDOWN, 'One')).not.toContain('other');
    expect(sectionOf(MARKDOWN, 'Deeper').trim().split('\n').at(-2)).toBe('$ true');
    expect(() => sectionOf(MARKDOWN, 'no heading')).toThrow('there is no section "no heading"');
  });

  it('has blocks by their language', () => {
    expect(blocksOf(MARKDOWN, 'ts')).toEqual(['$ no command\n']);
    expect(blocksOf(MARKDOWN, 'console')).toHaveLength(3);
    expect(blocksOf(MARKDOWN, 'json')).toEqual([]);
  });

  it('has commands with what they print', () => {
    expect(commandsOf(sectionOf(MARKDOWN, 'One'))).toEqual([
      { command: 'echo one', output: ['one'] },
      { command: 'echo two \\\n    three', output: ['two three', '## no heading'] },
      { command: 'true', output: [] },
    ]);
  });

  it('has fences by their language, of which one may be none', () => {
    expect(fencesOf(`${MARKDOWN}\n\`\`\`\nplain\n\`\`\`\n`)).toEqual(['console', 'ts', 'console', 'console', '']);
  });

  it('has anchors, as GitHub makes them of headings', () => {
    expect(anchorsOf('# One two\n## `bin/x`, at 10:00!\n```ts\n# no heading\n```\n## A-b\n')).toEqual([
      'one-two',
      'binx-at-1000',
      'a-b',
    ]);
  });

  it('has links to files, with anchors, and pictures; links to elsewhere are not its own', () => {
    const text =
      '[a](b.md) [c](d/e.md#f-g)\n[h](#i) [j](https://k) <img width="1" src="l.png">\n```json\n[m](n)\n```\n`[o](p)`\n';
    expect(linksOf(text)).toEqual([
      { file: 'b.md', anchor: undefined },
      { file: 'd/e.md', anchor: 'f-g' },
      { file: '', anchor: 'i' },
      { file: 'l.png', anchor: undefined },
    ]);
  });

  it('is refused when a block begins with what no command has printed', () => {
    expect(() => commandsOf('```console\none\n```\n')).toThrow('a console block begins with what is no command: one');
  });
});

describe('a command', () => {
  const settings = { cwd: tmpdir(), timeoutMs: COMMAND_MS_MAX };

  it('is run by a shell in its folder, and all that it prints is kept in its order', async () => {
    const command = 'pwd -P; echo one >&2; echo $WORD; exit 3';
    const result = await runCommand(command, { ...settings, env: { WORD: 'two' } });
    expect(result).toEqual({ status: 3, output: `${realpathSync(tmpdir())}\none\ntwo\n` });
  });

  it('gets no input', async () => {
    expect(await runCommand('cat', settings)).toEqual({ status: 0, output: '' });
  });

  it('is killed with all that it has started when it takes too long', async () => {
    const result = await runCommand('echo one; sleep 600 & sleep 600', { ...settings, timeoutMs: 300 });
    expect(result).toEqual({ status: null, output: 'one\n' });
  });
});

describe('what is shown', () => {
  const difference = (shown: readonly string[], printed: readonly string[]) =>
    findDifference(shown, printed.map((line) => `${line}\n`).join(''));

  it.each<[string, string[], string[]]>([
    ['just that', ['one', 'two'], ['one', 'two']],
    ['nothing', [], []],
    ['an empty line within', ['one', '', 'two'], ['one', '', 'two']],
    ['an empty line at the end', ['one', ''], ['one']],
    ['other numbers', ['200 seeds, 54,258 operations in 11.4 s'], ['1,000 seeds, 9 operations in 0.5 s']],
    ['numbers with more room before them', ['  0.15 ms  n1'], ['    11 ms  n1']],
    ['a number below 0', ['-0.05 ms'], ['    0 ms']],
    ['any lines', ['...'], ['one', 'two']],
    ['any lines, of which there are none', ['...'], []],
    ['any lines at the beginning', ['...', 'two'], ['one', 'one', 'two']],
    ['any lines at the end', ['one', '...'], ['one', 'two']],
    ['any lines between', ['one', '...', 'three', '...', 'five'], ['one', 'two', 'three', 'four', 'five']],
    ['several lines after any', ['...', 'b', 'c', '...'], ['a', 'b', 'b', 'c', 'd']],
  ])('agrees with %s', (_, shown, printed) => {
    expect(difference(shown, printed)).toBeUndefined();
  });

  it.each<[string, string[], string[], string]>([
    ['another line', ['one', 'two'], ['one', 'three'], 'shown:   two\nprinted: three\n'],
    ['a line less', ['one', 'two'], ['one'], 'shown:   two\nprinted: (nothing more)\n'],
    ['nothing at all', ['one'], [], 'shown:   one\nprinted: (nothing more)\n'],
    ['a line more', ['one'], ['one', 'two'], 'shown:   (nothing more)\nprinted: two\n'],
    ['a line where nothing is shown', [], ['error: 1'], 'shown:   (nothing more)\nprinted: error: 1\n'],
    ['a word where a number is', ['0 failed'], ['none failed'], 'shown:   0 failed\nprinted: none failed\n'],
    ['a number where a word is', ['none failed'], ['0 failed'], 'shown:   none failed\nprinted: 0 failed\n'],
    ['the right lines in another order', ['...', 'two', '...', 'one', '...'], ['one', 'two'], 'shown:   one\n'],
    ['a line before the first', ['one', '...'], ['zero', 'one'], 'shown:   one\nprinted: zero\n'],
    ['a line after the last', ['...', 'one'], ['one', 'two'], 'shown:   one\nprinted: two\n'],
    ['a gap within a part', ['...', 'b', 'c', '...'], ['b', 'a', 'c'], 'shown:   c\nprinted: a\n'],
    ['one line for two', ['one', '...', 'one'], ['one'], 'shown:   one\nprinted: (nothing more)\n'],
    ['room where there is none', ['a  b'], ['a b'], 'shown:   a  b\nprinted: a b\n'],
  ])('differs from %s', (_, shown, printed, words) => {
    expect(difference(shown, printed)).toContain(words);
  });
});
