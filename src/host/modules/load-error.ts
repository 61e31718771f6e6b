/**
 * Why a module of an author's cannot be loaded, in a sentence with the author's file and line: what is wrong there, and
 * what would be right. Frames of Node, of packages and of this program are left out.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fileOf, findHome, isForeign, placeOf, shownFile } from './places.ts';

/** For the second try of a module with a syntax error, ms. */
const TRY_MS_MAX = 10_000;
const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/** @param path the full path of the module that was to be loaded */
export function describeLoadError(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `it throws ${describeValue(error)}; throw an Error, which knows its line`;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return describeMissing(error, path);
  const [, transformed, line, text] = /^(.+?):(\d+):\d+: ERROR: (.*)$/m.exec(error.message) ?? [];
  if (transformed !== undefined) return `${shownFile(transformed)}:${line}: SyntaxError: ${text}${adviseOn(text)}`;
  const message = error.message.split('\n')[0] as string;
  const says = `${error.name}: ${message}`;
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return `${placeInHeader(error.stack) ?? shownFile(path)}: ${says}; Node runs only TypeScript that can be stripped of its types: npm install --save-dev tsx`;
  const place = placeInHeader(error.stack) ?? placeInFrames(error.stack) ?? placeByTrial(error, path);
  return `${place ?? shownFile(path)}: ${says}`;
}

function adviseOn(text = ''): string {
  if (!text.startsWith('Top-level await')) return '';
  return '; give the file the extension .mts, or put "type": "module" into package.json';
}

function describeValue(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** Where Node says that it could not read a file: the first line of a stack, before the error itself. */
function placeInHeader(stack = ''): string | undefined {
  const [, script, line] = /^(file:\/\/\S+|\/\S+):(\d+)\n/.exec(stack) ?? [];
  return script === undefined ? undefined : `${shownFile(fileOf(script) ?? script)}:${line}`;
}

/** The innermost frame of the author's. */
function placeInFrames(stack = ''): string | undefined {
  const home = findHome();
  for (const [, script, line, column] of stack.matchAll(/^ +at (?:.*\()?([^()\s].*):(\d+):(\d+)\)?$/gm)) {
    const file = fileOf((script as string).replace(/^async /, ''));
    if (file === undefined || !/^\//.test(file) || isForeign(file)) continue;
    if (home !== undefined && file.startsWith(home)) continue;
    return placeOf((script as string).replace(/^async /, ''), Number(line), Number(column));
  }
  return undefined;
}

/** Node tells the line of a syntax error in a module only to a process that ends by it. */
function placeByTrial(error: Error, path: string): string | undefined {
  if (error.name !== 'SyntaxError' || extname(path).endsWith('ts')) return undefined;
  const script = `await import(${JSON.stringify(pathToFileURL(path).href)})`;
  const args = ['--input-type=module', '-e', script];
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: TRY_MS_MAX });
  return placeInHeader(stderr.trimStart());
}

/** A package or a file that is imported and is not there. */
function describeMissing(error: Error, path: string): string {
  const [, name = '?'] = /^Cannot find (?:module|package) '([^']+)'/.exec(error.message) ?? [];
  const [, esm] = / imported from (.+?)(?:\n|$)/.exec(error.message) ?? [];
  const [, common] = /Require stack:\n- (.+?)(?:\n|$)/.exec(error.message) ?? [];
  const importer = fileOf(esm ?? common)?.replace(/\?.*$/, '') ?? path;
  if (isForeign(importer)) return `${shownFile(importer)}: ${error.message.split('\n')[0]}`;
  const target = name.startsWith('file:') ? fileURLToPath(name) : name;
  const place = placeOfImport(importer, target);
  const isFile = /^[./]/.test(target);
  if (!isFile) {
    const [scope, inner] = target.split('/');
    const packageName = target.startsWith('@') && inner !== undefined ? `${scope}/${inner}` : scope;
    return `${place}: there is no package ${JSON.stringify(packageName)}; npm install ${packageName}`;
  }
  const file = resolve(dirname(importer), target);
  const stem = file.slice(0, file.length - extname(file).length);
  const meant = [...EXTENSIONS.map((kind) => file + kind), ...EXTENSIONS.map((kind) => stem + kind)].find(existsSync);
  const help = meant === undefined ? '' : `; did you mean ${shownFile(meant)}?`;
  return `${place}: there is no file ${shownFile(file)}${help}`;
}

/** The line that imports a file or a package. */
function placeOfImport(importer: string, target: string): string {
  const shown = shownFile(importer);
  let lines: readonly string[];
  try {
    lines = readFileSync(importer, 'utf8').split('\n');
  } catch {
    return shown;
  }
  const isImport = (line: string) => {
    const [, name] = /(?:from|import|require)\s*\(?\s*['"]([^'"]+)['"]/.exec(line) ?? [];
    if (name === undefined) return false;
    return (
      name === target ||
      name.startsWith(`${target}/`) ||
      (/^\./.test(name) && resolve(dirname(importer), name) === target)
    );
  };
  const index = lines.findIndex(isImport);
  return index < 0 ? shown : `${shown}:${index + 1}`;
}
