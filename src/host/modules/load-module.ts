/**
 * Loads a module that an author wrote: JavaScript, or TypeScript where this Node can strip types, or where the author's
 * project has tsx. A Node that strips types is asked first, and tsx about what needs more than that.
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeLoadError } from './load-error.ts';

/** Why a module cannot be loaded, in a sentence. */
export class ModuleError extends Error {
  override readonly name = 'ModuleError';
}

const JAVASCRIPT: ReadonlySet<string> = new Set(['.js', '.mjs', '.cjs']);
const TYPESCRIPT: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts']);

/** What Node says of modules that it cannot load as they are. */
const NEEDS_COMPILER: ReadonlySet<string> = new Set([
  ...['ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', 'ERR_INVALID_TYPESCRIPT_SYNTAX', 'ERR_UNSUPPORTED_DIR_IMPORT'],
  ...['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'],
]);

/** Whether a word on the command line means a file, and not the name of something that is built in. */
export function looksLikeModule(word: string): boolean {
  return word.includes('/') || JAVASCRIPT.has(extname(word)) || TYPESCRIPT.has(extname(word));
}

let loadedCount = 0;

/** How many modules of authors this process has begun to load. */
export function countLoadedModules(): number {
  return loadedCount;
}

/** The default export of a module. Rejects with a {@link ModuleError} that names the author's line. */
export async function loadDefaultExport(file: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile()) throw new ModuleError('there is no such file');
  const kind = extname(path);
  if (!JAVASCRIPT.has(kind) && !TYPESCRIPT.has(kind))
    throw new ModuleError(`expected a module: ${[...JAVASCRIPT, ...TYPESCRIPT].join(', ')}`);
  loadedCount++;
  const { default: exported } = await loadModule(path).catch((error: unknown) => {
    if (error instanceof ModuleError) throw error;
    throw new ModuleError(describeLoadError(error, path), { cause: error });
  });
  // A module that a compiler made CommonJS: its exports are the default export of what Node imports.
  const inner = exported as { readonly __esModule?: boolean; readonly default?: unknown } | undefined;
  return inner?.__esModule ? inner.default : exported;
}

type Import = (url: string) => Promise<{ readonly default?: unknown }>;

/**
 * Node's own `import`. A bundle that was started from recorded code (`code-cache.ts`) has none, so a module of a line
 * lends it.
 */
const importNatively: Import = (url) => {
  const name = join(process.cwd(), 'import.cjs');
  const lender = new Module(name) as Module & { _compile(code: string, file: string): void };
  lender._compile('exports.load = (url) => import(url);', name);
  return lender.exports.load(url);
};

function stripsTypes(): boolean {
  return Boolean((process.features as { readonly typescript?: unknown }).typescript);
}

async function loadModule(path: string): ReturnType<Import> {
  const url = pathToFileURL(path).href;
  if (JAVASCRIPT.has(extname(path))) return importNatively(url);
  const tsx = findTsx(path);
  if (!stripsTypes()) {
    if (tsx !== undefined) return (await importerOf(tsx, path))(url);
    throw new ModuleError(
      `Node ${process.version} cannot run TypeScript by itself, and there is no tsx beside this file: ` +
        'npm install --save-dev tsx, or use Node 22.18 or newer',
    );
  }
  try {
    return await importNatively(url);
  } catch (error) {
    if (tsx === undefined || !needsCompiler(error)) throw error;
    return (await importerOf(tsx, path))(url);
  }
}

/**
 * Whether Node could not load a module that a compiler can: it only strips types, so there are no enums, no imports of
 * types without `type`, and no imports that leave out or change an extension. What a module throws is no such reason.
 */
function needsCompiler(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'SyntaxError' || NEEDS_COMPILER.has((error as NodeJS.ErrnoException).code ?? '');
}

/** Where the project's tsx is; undefined if it has none. */
function findTsx(path: string): string | undefined {
  try {
    return createRequire(path).resolve('tsx/esm/api');
  } catch {
    return undefined;
  }
}

/** @param tsx what {@link findTsx} found */
async function importerOf(tsx: string, path: string): Promise<Import> {
  const require = createRequire(path);
  if (isCommonJs(path)) {
    // As a module it would have a name of a kilobyte, and no lines.
    const api = require('tsx/cjs/api') as { readonly require: (file: string, parent: string) => object };
    return async () => api.require(path, path);
  }
  // As a CommonJS module, tsx 4.23 does not find its own hooks.
  const module = tsx.replace(/\.cjs$/, '.mjs');
  const { tsImport } = (await importNatively(pathToFileURL(existsSync(module) ? module : tsx).href)) as {
    readonly tsImport: (url: string, parent: string) => ReturnType<Import>;
  };
  return (url) => tsImport(url, url);
}

/** By its extension, or by the nearest `package.json`, as Node decides it. */
function isCommonJs(path: string): boolean {
  if (extname(path) !== '.ts') return extname(path) === '.cts';
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { type?: unknown }).type !== 'module';
    if (folder === dirname(folder)) return true;
  }
}
