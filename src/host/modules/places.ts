/** Where a frame of a stack is: the file and line that an author wrote, also where a compiler came in between. */

import { findSourceMap } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of the file that a script was made of; undefined for code without a file. @param script its name or URL */
export function fileOf(script: string | null | undefined): string | undefined {
  if (script === null || script === undefined) return undefined;
  // tsx compiles some files into such URLs, which name the file at their end.
  const [, path] = /^data:.*[?&]filePath=([^&#]+)$/s.exec(script) ?? [];
  if (path !== undefined) return decodeURIComponent(path).replace(/\?.*$/, '');
  if (script.startsWith('file:')) return fileURLToPath(script.replace(/[?#].*$/, ''));
  return script;
}

/** `my-node.ts:12`, from the working folder. @param line of the script that runs; it and the column begin at 1 */
export function placeOf(script: string, line: number, column: number): string {
  const file = shownFile(fileOf(script) ?? script);
  const origin = findSourceMap(script)?.findOrigin(line, column);
  if (origin !== undefined && 'lineNumber' in origin) return `${file}:${origin.lineNumber}`;
  return script.startsWith('data:') ? file : `${file}:${line}`;
}

/** A path from the working folder. */
export function shownFile(file: string): string {
  return relative(process.cwd(), file) || file;
}

/** This package, where it is not installed but built. */
const LIBRARY = /\/dist\/library\/(?:node|testing|zod)\.[cm]js$/;

/** Whether a file is of a package that the author uses, or of Node itself. */
export function isForeign(file: string): boolean {
  return file.startsWith('node:') || file.includes('/node_modules/') || LIBRARY.test(file);
}

/** The folder of this program's code, with a slash; undefined where it cannot be told. */
export function findHome(): string | undefined {
  const file = fileOf(captureFrames()[0]?.getFileName());
  return file === undefined ? undefined : /^.*\/(?:dist|src)\//.exec(file)?.[0];
}

/** Frames that are looked at: between the author's code and the call may be others. */
const FRAMES_MAX = 30;

/** The frames of this moment, innermost first. @param trap frames above it, and its own, are left out */
export function captureFrames(trap?: (...args: never[]) => unknown): readonly NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES_MAX;
  Error.prepareStackTrace = (_, frames) => frames;
  try {
    const holder: { stack?: unknown } = {};
    Error.captureStackTrace(holder, trap);
    return holder.stack as readonly NodeJS.CallSite[];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}
