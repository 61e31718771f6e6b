/**
 * Finds state that is outside of the handlers of a node. In a simulated run all nodes and lives share it, as processes
 * do not, so a node may seem to know what it was never told. The text of the module and of the files that it imports by
 * a relative path is looked at, line by line: a declaration at the left margin, and a change within a function.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { shownFile } from './places.ts';

const FILES_MAX = 100;
const VARIABLE = /^(?:export )?(?:let|var) (\w+)/;
const CONTAINER =
  /^(?:export )?const (\w+)(?:\s*:[^=]*)?\s*=\s*(?:new (?:Map|Set|WeakMap|Array)\b.*\(\)|\[\]|\{\});?\s*$/;
const IMPORT = /^(?:import|export)\b[^'"]*['"](\.[^'"]+)['"]/gm;
const METHODS = 'set|add|delete|clear|push|pop|shift|unshift|splice|sort|fill';

/** A sentence for each piece of state. @param path the full path of the module */
export function findModuleState(path: string): readonly string[] {
  const files = [path];
  const found: string[] = [];
  for (let index = 0; index < files.length && index < FILES_MAX; index++) {
    const file = files[index] as string;
    const text = readFileSync(file, 'utf8');
    found.push(...stateIn(file, text.split('\n')));
    for (const [, imported] of text.matchAll(IMPORT)) {
      const target = resolve(dirname(file), imported as string);
      const existing = [target, target.replace(/\.(c|m)?js$/, '.$1ts')].find(existsSync);
      if (existing !== undefined && !files.includes(existing) && /\.[cm]?[jt]s$/.test(existing)) files.push(existing);
    }
  }
  return found;
}

function stateIn(file: string, lines: readonly string[]): string[] {
  const inner = lines.filter((line) => /^\s/.test(line) && !/^\s*(?:\/\/|\*|\/\*)/.test(line));
  return lines.flatMap((line, index) => {
    const name = (VARIABLE.exec(line) ?? CONTAINER.exec(line))?.[1];
    if (name === undefined || !inner.some((each) => changes(each, name))) return [];
    return (
      `${shownFile(file)}:${index + 1} keeps ${name} outside of the handlers: all nodes and lives of a simulated run ` +
      'share it, as processes do not; declare it within handlers'
    );
  });
}

/** Whether a line assigns the variable, or changes what it holds. */
function changes(line: string, name: string): boolean {
  const assigned = `(?<![.\\w])(?:\\+\\+|--)?${name}(?:\\.\\w+|\\[[^\\]]*\\])*\\s*`;
  if (new RegExp(`(?:let|const|var)\\s+${name}\\b`).test(line)) return false;
  return (
    new RegExp(`${assigned}(?:\\+\\+|--|(?:[-+*/%&|^]|\\*\\*|<<|>>|\\?\\?|\\|\\||&&)?=(?!=|>))`).test(line) ||
    new RegExp(`(?:\\+\\+|--)${name}\\b`).test(line) ||
    new RegExp(`(?<![.\\w])${name}\\.(?:${METHODS})\\(`).test(line)
  );
}
