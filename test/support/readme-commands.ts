/**
 * The commands in a README. They are run, and their output is compared with the README.
 *
 * In a `console` block a line that begins with `$ ` is a command. A command that ends with a backslash continues in the
 * next line. Its output follows. A line `...` stands for any number of lines. Numbers may differ from the shown ones,
 * and so may the spaces before them. All other text must be as shown.
 */

import { spawn } from 'node:child_process';

export interface Command {
  readonly command: string;
  /** The output in the README. */
  readonly output: readonly string[];
}

export interface CommandResult {
  /** Status of the shell; null if it was killed after the time limit. */
  readonly status: number | null;
  /** stdout and stderr, in the order in which they came. */
  readonly output: string;
}

const FENCE = /^(`{3,})(\w*)$/;
const HEADING = /^(#+) (.*)$/;
const ANY_LINES = '...';
const NUMBER = / *-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?/g;

/** The text below a heading, up to the next one that is not deeper. Throws if there is no such heading. */
export function sectionOf(markdown: string, title: string): string {
  const section: string[] = [];
  let depth: number | undefined;
  for (const { line, fence } of linesOf(markdown)) {
    const [, marks, name] = (fence === undefined && HEADING.exec(line)) || [];
    if (depth !== undefined) {
      if (marks !== undefined && marks.length <= depth) break;
      section.push(line);
    } else if (name === title) depth = marks?.length;
  }
  if (depth === undefined) throw new Error(`there is no section "${title}"`);
  return section.join('\n');
}

/** The contents of the fenced blocks of a language, each ending with a newline. */
export function blocksOf(markdown: string, language: string): string[] {
  const blocks: string[] = [];
  for (const { line, fence, edge } of linesOf(markdown)) {
    if (fence !== language) continue;
    if (edge === 'begin') blocks.push('');
    else if (edge === undefined) blocks.push(`${blocks.pop()}${line}\n`);
  }
  return blocks;
}

/** All fenced blocks in their order, each with its language. */
export function blocksInOrder(markdown: string): { language: string; text: string }[] {
  const left = new Map<string, string[]>();
  return fencesOf(markdown).map((language) => {
    const blocks = left.get(language) ?? blocksOf(markdown, language);
    left.set(language, blocks);
    return { language, text: blocks.shift() as string };
  });
}

/** The languages of all fenced blocks, in their order; '' for a block without one. */
export function fencesOf(markdown: string): string[] {
  return [...linesOf(markdown)].flatMap(({ fence, edge }) => (edge === 'begin' ? [fence as string] : []));
}

/** A link to another place in the project. */
export interface Link {
  /** As written, relative to the document; '' for the document itself. */
  readonly file: string;
  readonly anchor: string | undefined;
}

/** The links and pictures of a text that are not web addresses. */
export function linksOf(markdown: string): Link[] {
  const prose = [...linesOf(markdown)].flatMap(({ line, fence }) => (fence === undefined ? [line] : [])).join('\n');
  const targets = prose.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)]+)\)|\bsrc="([^"]+)"/g);
  return [...targets].flatMap(([, link, picture]) => {
    const target = (link ?? picture) as string;
    const [file = '', anchor] = target.split('#');
    return /^\w+:/.test(target) ? [] : [{ file, anchor }];
  });
}

/** The anchors of the headings of a text, as GitHub makes them. */
export function anchorsOf(markdown: string): string[] {
  return [...linesOf(markdown)].flatMap(({ line, fence }) => {
    const [, , title] = (fence === undefined && HEADING.exec(line)) || [];
    if (title === undefined) return [];
    return [
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ];
  });
}

interface Line {
  readonly line: string;
  /** The language of the fenced block that it belongs to. */
  readonly fence: string | undefined;
  /** The line that opens or closes the block. */
  readonly edge?: 'begin' | 'end';
}

function* linesOf(markdown: string): IterableIterator<Line> {
  let marks: string | undefined;
  let language = '';
  for (const line of markdown.split('\n')) {
    const [, found, word = ''] = FENCE.exec(line) ?? [];
    if (marks === undefined && found !== undefined) {
      marks = found;
      language = word;
      yield { line, fence: language, edge: 'begin' };
    } else if (marks !== undefined && line === marks) {
      marks = undefined;
      yield { line, fence: language, edge: 'end' };
    } else yield { line, fence: marks === undefined ? undefined : language };
  }
}

/** The commands in the `console` blocks of a text, in their order. */
export function commandsOf(markdown: string): Command[] {
  return blocksOf(markdown, 'console').flatMap((block) => {
    const commands: { command: string; output: string[] }[] = [];
    for (const line of block.split('\n').slice(0, -1)) {
      const last = commands.at(-1);
      if (line.startsWith('$ ')) commands.push({ command: line.slice(2), output: [] });
      else if (last === undefined) throw new Error(`a console block begins with what is no command: ${line}`);
      else if (last.output.length === 0 && last.command.endsWith('\\')) last.command += `\n${line}`;
      else last.output.push(line);
    }
    return commands;
  });
}

export interface CommandSettings {
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command with `/bin/sh`, without input. After the time limit all its processes are killed. */
export function runCommand(command: string, { cwd, timeoutMs, env }: CommandSettings): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const shell = spawn('/bin/sh', ['-c', `exec 2>&1\n${command}`], {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      // A make within these tests must not use the variables of a make that runs them.
      env: { ...process.env, MAKELEVEL: undefined, MAKEFLAGS: undefined, MFLAGS: undefined, ...env },
    });
    let output = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const timer = setTimeout(() => killGroup(shell.pid), timeoutMs);
    shell.on('error', reject);
    shell.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output });
    });
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** The difference between an output and the shown one, in words; undefined if there is none. */
export function findDifference(shown: readonly string[], output: string): string | undefined {
  const printed = output.replace(/\n+$/, '').split('\n');
  const lines = output.trim() === '' ? [] : printed;
  const parts = splitAt(trimmed(shown), ANY_LINES);
  let next = 0;
  for (const [index, part] of parts.entries()) {
    const first = index === 0;
    const last = index === parts.length - 1;
    const at = first ? 0 : last ? Math.max(next, lines.length - part.length) : findPart(part, lines, next);
    const wrong = part.findIndex((line, offset) => !isAlike(line, lines[at + offset]));
    if (wrong >= 0) return describeDifference(part[wrong] as string, lines[at + wrong], lines);
    next = at + part.length;
    if (last && next < lines.length) return describeDifference('(nothing more)', lines[next], lines);
  }
  return undefined;
}

/** The place of a part, from `from` on; if it is missing, the place of its first line, or the end. */
function findPart(part: readonly string[], lines: readonly string[], from: number): number {
  let best = lines.length;
  for (let at = lines.length - 1; at >= from; at--) {
    if (part.every((line, offset) => isAlike(line, lines[at + offset]))) best = at;
  }
  if (best < lines.length || part.length === 0) return part.length === 0 ? from : best;
  const like = lines.findIndex((line, at) => at >= from && isAlike(part[0] as string, line));
  return like < 0 ? lines.length : like;
}

function isAlike(shown: string, line: string | undefined): boolean {
  return line !== undefined && withoutNumbers(shown) === withoutNumbers(line);
}

function withoutNumbers(line: string): string {
  return line.trimEnd().replaceAll(NUMBER, ' #');
}

function trimmed(shown: readonly string[]): readonly string[] {
  const end = shown.findLastIndex((line) => line !== '');
  return shown.slice(0, end + 1);
}

function splitAt(lines: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  for (const line of lines) {
    if (line === separator) parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts;
}

function describeDifference(shown: string, line: string | undefined, lines: readonly string[]): string {
  return `shown:   ${shown}\nprinted: ${line ?? '(nothing more)'}\nof:\n${lines.map((text) => `  ${text}`).join('\n')}`;
}
